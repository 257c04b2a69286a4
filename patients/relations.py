"""Care relations: written by events of appointments and by imported encounters, read by the door."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import transactional
from patients.models import CareRelation

APPOINTMENT = CareRelation.Kind.APPOINTMENT.value
ENCOUNTER = CareRelation.Kind.ENCOUNTER.value


@transactional(DEFAULT)
def record_care_relation(
    *,
    patient_id: UUID,
    practitioner_id: UUID,
    kind: str,
    reference: UUID,
    start: datetime,
    end: datetime,
    sequence: int,
    active: bool = True,
) -> bool:
    """Say that a practitioner treats a patient by this appointment or encounter. Returns whether anything changed.

    What comes with a lower or the same `sequence` as was applied before changes nothing, so events may come twice and
    in any order. Raises IntegrityError for a patient or practitioner that does not exist: the event is tried again.
    """
    values = {
        "patient_id": patient_id,
        "practitioner_id": practitioner_id,
        "starts_at": start,
        "ends_at": end,
        "active": active,
        "sequence": sequence,
    }
    rows = CareRelation.objects.filter(kind=kind, reference=reference)
    _row, created = CareRelation.objects.get_or_create(kind=kind, reference=reference, defaults=values)
    if created:
        return True
    # The condition is part of the UPDATE, so that of two workers the newer event wins whatever their order.
    return bool(rows.filter(sequence__lt=sequence).update(**values))
