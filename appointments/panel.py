"""What a patient's page in the admin says of their visits."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _

from appointments import access, rules
from appointments.no_shows import no_shows, said
from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients.interface import Panel


def booking(actor: User, patient_id: UUID) -> Panel | None:
    """The next visit that the actor sees, and where to book one, for who books for others."""
    if not actor.has_perm(access.BOOK_FOR_OTHERS):
        return None
    coming = access.visible(actor).filter(
        patient_id=patient_id, start__gt=clock.now(), status__in=[one.value for one in rules.UPCOMING]
    )
    try:
        row = coming.order_by("start", "id").first()
    except (InterfaceError, OperationalError):
        return Panel(_("Appointments"), (_("The appointments cannot be read right now."),))
    line = _("No appointment to come.")
    if row is not None:
        there = clock.local(row.start, row.zone)
        line = _("Next appointment: %(day)s, %(time)s, %(place)s.") % {
            "day": formats.date_format(there, "l j F Y"),
            "time": f"{there:%H:%M}",
            "place": row.place,
        }
    address = reverse("admin:appointments_appointment_book")
    return Panel(_("Appointments"), (line,), ((_("Book an appointment"), f"{address}?patient={patient_id}"),))


def attendance(actor: User, patient_id: UUID) -> Panel | None:
    """Visits missed, for who works with appointments. The page stays up while this database is away."""
    if not actor.has_perm(access.VIEW):
        return None
    try:
        missed = no_shows([patient_id]).get(patient_id, 0)
    except (InterfaceError, OperationalError):
        return Panel(_("Attendance"), (_("The appointments cannot be read right now."),))
    if not missed:
        return Panel(
            _("Attendance"), (_("No visit missed in %(months)d months.") % {"months": settings.NO_SHOW_MONTHS},)
        )
    lines = [said(missed)]
    if rules.asks_confirmation(missed, settings.NO_SHOW_LIMIT):
        lines.append(_("A new appointment must be confirmed by the patient."))
    return Panel(_("Attendance"), tuple(lines))
