"""What patients learn from other apps' events."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from celery import shared_task

from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.events import Event, consumer
from medisecure.kernel.nudges import nudge
from patients import erasing, exporting
from patients.interface import forget_record
from patients.relations import APPOINTMENT, record_care_relation
from patients.services import tell_due_patients
from patients.services.merging import adopt_late, note_answer, resume


def _appointment(event: Event, *, active: bool) -> None:
    # `sequence` counts the changes of one appointment: a late event of an earlier state is passed over.
    patient_id = event.uuid("patient_id")
    record_care_relation(
        patient_id=patient_id,
        practitioner_id=event.uuid("practitioner_id"),
        kind=APPOINTMENT,
        reference=event.uuid("appointment_id"),
        start=datetime.fromisoformat(event.text("start")),
        end=datetime.fromisoformat(event.text("end")),
        sequence=event.integer("sequence"),
        active=active,
    )
    adopt_late(patient_id)


@consumer("patient.merge_moved", database=DEFAULT, queue="default")
def part_answered(event: Event) -> None:
    """One of the other databases has moved what it has of two patients."""
    note_answer(
        merge_id=event.uuid("merge_id"),
        part=event.text("part"),
        undo=bool(event.payload["undo"]),
        moved=event.integer("moved"),
        kept=event.integer("kept"),
    )


@shared_task(name="patients.resume_merges")
def resume_merges() -> int:
    return resume()


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


def nudge_export(export_id: UUID) -> None:
    """Ask a worker to make this copy now. When the broker is away the regular look makes it later."""
    nudge(
        lambda: make_export.apply_async(args=(str(export_id),), queue="exports", retry=False),
        f"export {export_id}",
    )


@shared_task(name="patients.make_export")
def make_export(export_id: str) -> bool:
    return exporting.run_export(UUID(export_id))


@shared_task(name="patients.make_pending_exports")
def make_pending_exports() -> None:
    """Hand out what the nudges missed and what a dead worker left: one task each, so that a long copy delays none."""
    for export_id in exporting.pending_exports():
        make_export.apply_async(args=(str(export_id),), queue="exports")


@shared_task(name="patients.expire_exports")
def expire_exports() -> int:
    return exporting.expire_exports()


def nudge_erasure(request_id: UUID) -> None:
    nudge(
        lambda: carry_out_erasure.apply_async(args=(str(request_id),), queue="exports", retry=False),
        f"erasure {request_id}",
    )


@shared_task(name="patients.carry_out_erasure")
def carry_out_erasure(request_id: str) -> bool:
    return erasing.run_erasure(UUID(request_id))


@shared_task(name="patients.carry_out_erasures")
def carry_out_erasures() -> None:
    """Hand out what the nudges missed and what a dead worker left half done."""
    for request_id in erasing.pending_erasures():
        carry_out_erasure.apply_async(args=(str(request_id),), queue="exports")
