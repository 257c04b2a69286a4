"""What a patient's page in the admin says of their visits."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from appointments import access, rules
from appointments.no_shows import no_shows, said
from medisecure.accounts.models import User
from patients.interface import Panel


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
