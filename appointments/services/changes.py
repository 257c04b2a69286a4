"""What every use case does to an appointment: compare and set, history, event."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from appointments.models import Appointment, AppointmentHistory
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import NotFound, Stale
from medisecure.kernel.events import Value
from medisecure.kernel.outbox import emit


def read(appointment_id: UUID, version: int | None) -> Appointment:
    """The appointment as this transaction sees it; Stale when it is not the version that the caller looked at."""
    appointment = Appointment.objects.filter(id=appointment_id).first()
    if appointment is None:
        raise NotFound
    if version is not None and appointment.version != version:
        raise Stale
    return appointment


def change(appointment: Appointment, *, actor: User | None, action: str, reason: str = "", **values: Any) -> None:
    """Set `values` if nobody changed the appointment since it was read, and add the step to its history.

    A change that names no `undo_status` cannot be taken back. Raises Stale when somebody was faster.
    """
    before = appointment.status
    values = {"undo_status": ""} | values | {"version": appointment.version + 1, "changed_at": clock.now()}
    if not Appointment.objects.filter(id=appointment.id, version=appointment.version).update(**values):
        raise Stale
    for name, value in values.items():
        setattr(appointment, name, value)
    remember(appointment, actor=actor, action=action, before=before, reason=reason)


def remember(appointment: Appointment, *, actor: User | None, action: str, before: str, reason: str = "") -> None:
    AppointmentHistory.objects.create(
        appointment_id=appointment.id,
        action=action,
        from_status=before,
        to_status=appointment.status,
        start=appointment.start,
        actor_id=actor.id if actor else None,
        reason=reason,
    )


def tell(name: str, appointment: Appointment, **more: Value) -> None:
    """Emit an event of this appointment as it is now; `more` are keys that this event has besides."""
    emit(
        APPOINTMENTS,
        name,
        {
            "appointment_id": str(appointment.id),
            "patient_id": str(appointment.patient_id),
            "practitioner_id": str(appointment.practitioner_id),
            "start": appointment.start.isoformat(),
            "end": appointment.end.isoformat(),
            "type_code": appointment.type_code,
            "sequence": appointment.sequence,
            **more,
        },
    )
