"""What every write of the clinical record has in common: the door and the right before it, the new version after it."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F

from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.cache import forget_on_commit, record_scope
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Refused
from patients.access import access_record, may_read_record
from patients.models import MedicalRecord, Patient


def is_own_record(actor: User, patient_id: UUID) -> bool:
    return Patient.objects.filter(id=patient_id, user_id=actor.id).exists()


def may_write_record(actor: User, patient_id: UUID) -> bool:
    """What `open_for_writing` would answer, without an audit entry: to decide whether to offer it."""
    return (
        actor.has_perm("patients.write_record")
        and may_read_record(actor, patient_id)
        and not is_own_record(actor, patient_id)
    )


def open_for_writing(*, actor: User, patient_id: UUID, resource: str, resource_id: UUID | None = None) -> None:
    """The door, its audit entry, and the right to write. Outside the transaction of the change: an attempt that comes
    to nothing may show what is there now, and must be in the log all the same.

    Nobody writes in their own record, whatever their role. Raises `NotFound`, `Refused`.
    """
    access_record(
        actor=actor, patient_id=patient_id, purpose="care", action="write", resource=resource, resource_id=resource_id
    )
    if not actor.has_perm("patients.write_record") or is_own_record(actor, patient_id):
        raise Refused


def record_changed(patient_id: UUID) -> None:
    """Inside the transaction of the change: the record's version goes up, and its copies are dropped at the commit."""
    rows = MedicalRecord.objects.filter(patient_id=patient_id)
    if not rows.update(version=F("version") + 1, changed_at=clock.now()):
        MedicalRecord.objects.create(patient_id=patient_id)
    forget_on_commit(DEFAULT, record_scope(patient_id))
