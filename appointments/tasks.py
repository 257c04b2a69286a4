"""What follows from an appointment: the patient is told, and the practitioner's access to the record opens or closes.

Those consumers read the appointment as it is now and write on the default database only. Events may come late, twice or
in another order: a message is sent only while it is still true, and each event's message once.
"""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from appointments import messages, reminder_rules
from appointments.messages import when
from appointments.models import Appointment, WaitingOffer
from appointments.services import forget_expired, merging, reminders, waiting
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS, DEFAULT
from medisecure.kernel.events import Event, consumer
from medisecure.kernel.nudges import nudge
from medisecure.kernel.transactions import on_commit

__all__ = [
    "forget_expired_holds",
    "forget_old",
    "mail_booked",
    "mail_cancelled",
    "mail_moved",
    "mail_offer",
    "mail_reminder",
    "offer_freed_time",
    "remind",
    "waiting_list",
    "when",
]


@consumer("patient.merge_started", database=APPOINTMENTS, queue="default")
def move_visits(event: Event) -> None:
    """The visits of two files that are one person's."""
    merging.bring_together(**_merge(event))


@consumer("patient.unmerge_started", database=APPOINTMENTS, queue="default")
def return_visits(event: Event) -> None:
    """They were two people after all."""
    merging.take_apart(**_merge(event))


def _merge(event: Event) -> dict[str, UUID]:
    return {key: event.uuid(key) for key in ("merge_id", "survivor_id", "loser_id")}


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
        _tell(event, "reminder", appointment)


def _tell(event: Event, what: str, appointment: Appointment | None = None) -> None:
    """Promise the message, unless a later event has made this one untrue: then that one's tells it all."""
    if appointment is None:
        appointment = Appointment.objects.filter(id=event.uuid("appointment_id")).first()
    if appointment is None or not messages.visit_is(appointment, what, event.integer("sequence")):
        return
    for reader in messages.readers_of(appointment.patient_id, appointment.booked_by):
        messages.tell(messages.visit_telling(appointment, what, reader, str(event.id)))


@consumer("waiting.offered", database=DEFAULT, queue="mail")
def mail_offer(event: Event) -> None:
    offer = WaitingOffer.objects.filter(id=event.uuid("offer_id")).first()
    if offer is None or not messages.offer_is_open(offer):
        return
    for reader in messages.readers_of(offer.patient_id, messages.asked_by(offer)):
        messages.tell(messages.offer_telling(offer, reader, str(event.id)))


@consumer("appointment.cancelled", database=APPOINTMENTS)
@consumer("appointment.moved", database=APPOINTMENTS)
def offer_freed_time(event: Event) -> None:
    """A time has become free: look at the waiting list now. The regular look finds what this one misses."""
    on_commit(APPOINTMENTS, look_at_waiting_list, robust=True)


@shared_task(name="appointments.forget_expired")
def forget_expired_holds() -> int:
    """Rows of holds that are over, and of booking keys older than a day. Nothing waits for it."""
    return forget_expired()


def look_at_waiting_list() -> None:
    nudge(lambda: waiting_list.apply_async(queue="default", retry=False, expires=30), "look at the waiting list")


@shared_task(name="appointments.waiting")
def waiting_list() -> int:
    return waiting.run()


@shared_task(name="appointments.remind")
def remind() -> int:
    return reminders.remind_due()


@shared_task(name="appointments.forget_old")
def forget_old() -> int:
    return reminders.forget_old()
