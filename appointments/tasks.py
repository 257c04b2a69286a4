"""What follows from an appointment: the patient is told, and the practitioner's access to the record opens or closes.

Consumers read the appointment as it is now and write on the default database only. Events may come late, twice or in
another order: a message is sent only while it is still true, and each event's message once.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils import formats, translation
from django.utils.translation import gettext as _

from appointments import ics
from appointments.models import Appointment
from appointments.rules import Status
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import NotFound
from medisecure.kernel.events import Event, consumer
from medisecure.notifications.interface import Attachment, notify_user, queue_mail
from patients import interface as patients


@consumer("appointment.booked", database=DEFAULT, queue="mail")
def mail_booked(event: Event) -> None:
    _tell(event, "booked")


@consumer("appointment.moved", database=DEFAULT, queue="mail")
def mail_moved(event: Event) -> None:
    _tell(event, "moved")


@consumer("appointment.cancelled", database=DEFAULT, queue="mail")
def mail_cancelled(event: Event) -> None:
    _tell(event, "cancelled")


def _tell(event: Event, what: str) -> None:
    """Promise the mail and the notice, unless a later event has made this one untrue: then that one's tells it all.

    The sequence grows with each move and with the cancellation, so equality means that nothing followed. A visit that
    is over needs no message either: a broker that was away for days must not announce the past.
    """
    appointment = Appointment.objects.filter(id=event.uuid("appointment_id")).first()
    if appointment is None or appointment.sequence != event.integer("sequence") or appointment.end <= clock.now():
        return
    if (appointment.status == Status.CANCELLED) != (what == "cancelled"):
        return
    card = patients.patient_card(appointment.patient_id)
    if not card.active:
        return
    notify_user(dedupe_key=f"{event.id}:notice", user_id=card.user_id, kind=f"appointment-{what}", url="/appointments/")
    with translation.override(card.language):
        if not card.email:
            return
        method = ics.CANCEL if what == "cancelled" else ics.REQUEST
        content = ics.invitation(appointment, method=method, attendee=card.email)
        context = {
            "patient": card.full_name,
            "practitioner": _practitioner(appointment.practitioner_id),
            "when": when(appointment.start, appointment.zone),
            "place": appointment.place,
        }
    queue_mail(
        dedupe_key=f"{event.id}:mail",
        to_email=card.email,
        language=card.language,
        template=f"appointment_{what}",
        context=context,
        user_id=card.user_id,
        attachments=[Attachment(_FILES[what], f"text/calendar; method={method}; charset=utf-8", content)],
    )


_FILES = {"booked": "appointment.ics", "moved": "appointment.ics", "cancelled": "cancellation.ics"}


def when(instant: datetime, zone: str) -> str:
    """As in “mardi 3 mars 2026 à 14:30”: date and time on the place's clock, in the active language."""
    there = clock.local(instant, zone)
    # Dates are written the same way in both languages: day, number, month, year.
    return _("%(date)s at %(time)s") % {"date": formats.date_format(there, "l j F Y"), "time": f"{there:%H:%M}"}


def _practitioner(practitioner_id: UUID) -> str:
    try:
        return patients.practitioner_card(practitioner_id).full_name
    except NotFound:
        return ""
