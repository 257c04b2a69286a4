"""What patients learn from other apps' events."""

from __future__ import annotations

from datetime import datetime

from celery import shared_task

from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.events import Event, consumer
from patients.interface import forget_record
from patients.relations import APPOINTMENT, record_care_relation
from patients.services import tell_due_patients


def _appointment(event: Event, *, active: bool) -> None:
    # `sequence` counts the changes of one appointment: a late event of an earlier state is passed over.
    record_care_relation(
        patient_id=event.uuid("patient_id"),
        practitioner_id=event.uuid("practitioner_id"),
        kind=APPOINTMENT,
        reference=event.uuid("appointment_id"),
        start=datetime.fromisoformat(event.text("start")),
        end=datetime.fromisoformat(event.text("end")),
        sequence=event.integer("sequence"),
        active=active,
    )


@consumer("appointment.booked", database=DEFAULT, queue="default")
@consumer("appointment.moved", database=DEFAULT, queue="default")
def open_care(event: Event) -> None:
    """The practitioner may see the patient around the appointment."""
    _appointment(event, active=True)


@consumer("appointment.cancelled", database=DEFAULT, queue="default")
def close_care(event: Event) -> None:
    """An appointment that does not take place opens nothing."""
    _appointment(event, active=False)


@consumer("document.added", database=DEFAULT, queue="default")
def record_grew(event: Event) -> None:
    forget_record(event.uuid("patient_id"))


@shared_task(name="patients.tell_of_emergencies")
def tell_of_emergencies() -> int:
    """Patients learn of emergency accesses to their record when the hospital's delay is over."""
    return tell_due_patients()
