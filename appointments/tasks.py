"""What follows from an appointment: the patient is told, and the practitioner's access to the record opens or closes.

Consumers read the appointment as it is now and write on the default database only. Events may come late, twice or in
another order: a message is sent only while it is still true, and each event's message once.
"""

from __future__ import annotations

from celery import shared_task

from appointments import messages, reminder_rules
from appointments.messages import when
from appointments.models import Appointment
from appointments.services import reminders
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.events import Event, consumer
from patients import interface as patients

__all__ = ["forget_old", "mail_booked", "mail_cancelled", "mail_moved", "mail_reminder", "remind", "when"]


@consumer("appointment.booked", database=DEFAULT, queue="mail")
def mail_booked(event: Event) -> None:
    _tell(event, "booked")


@consumer("appointment.moved", database=DEFAULT, queue="mail")
def mail_moved(event: Event) -> None:
    _tell(event, "moved")


@consumer("appointment.cancelled", database=DEFAULT, queue="mail")
def mail_cancelled(event: Event) -> None:
    _tell(event, "cancelled")


@consumer("appointment.reminder_due", database=DEFAULT, queue="mail")
def mail_reminder(event: Event) -> None:
    """The event may have waited for a worker: what would come too late to be of use is not sent."""
    appointment = Appointment.objects.filter(id=event.uuid("appointment_id")).first()
    hours = event.integer("hours")
    if appointment is not None and appointment.start > reminder_rules.window(clock.now(), hours)[0]:
        _tell(event, "reminder")


def _tell(event: Event, what: str) -> None:
    """Promise the message, unless a later event has made this one untrue: then that one's tells it all."""
    appointment = Appointment.objects.filter(id=event.uuid("appointment_id")).first()
    if appointment is None or not messages.visit_is(appointment, what, event.integer("sequence")):
        return
    card = patients.patient_card(appointment.patient_id)
    if card.active:
        messages.tell_patient(messages.visit_telling(appointment, what, card, str(event.id)))


@shared_task(name="appointments.remind")
def remind() -> int:
    return reminders.remind_due()


@shared_task(name="appointments.forget_old")
def forget_old() -> int:
    return reminders.forget_old()
