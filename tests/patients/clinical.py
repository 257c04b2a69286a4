"""Small clinical records for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import atomic
from patients.interface import (
    Incoming,
    IncomingAllergy,
    IncomingCondition,
    IncomingEncounter,
    IncomingObservation,
    RecordImport,
)
from patients.models import Patient

DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
SOURCE = "test"


def known(patient_id: UUID) -> str:
    """Make a patient who was entered here known to the test source; returns their id there."""
    Patient.objects.filter(id=patient_id).update(source_system=SOURCE, source_id=str(patient_id))
    return str(patient_id)


def store(rows: Sequence[Incoming]) -> RecordImport:
    with atomic(DEFAULT):
        batch = RecordImport(SOURCE)
        batch.look_up("patient", {getattr(row, "patient") for row in rows if hasattr(row, "patient")})  # noqa: B009
        batch.expect("encounter", [row.source_id for row in rows if isinstance(row, IncomingEncounter)])
        batch.write(rows)
        batch.finish()
    return batch


def small_record(patient: str, *, pulses: int = 7) -> list[Incoming]:
    return [
        IncomingEncounter(source_id="e1", patient=patient, status="finished", display="Visit", started_at=DAY),
        IncomingCondition(
            source_id="c1", patient=patient, encounter="e1", code="38341003", display="Hypertension", status="active"
        ),
        IncomingCondition(
            source_id="c2", patient=patient, display="By mistake", status="active", verification="entered-in-error"
        ),
        IncomingAllergy(source_id="a1", patient=patient, display="Penicillin", status="active", criticality="high"),
        *(
            IncomingObservation(
                source_id=f"o{index}",
                patient=patient,
                encounter="e1",
                code="8867-4",
                code_system="http://loinc.org",
                display="Heart rate",
                status="final",
                quantity=f"{60 + index}.0",
                number=60.0 + index,
                unit="/min",
                started_at=DAY + timedelta(days=index),
            )
            for index in range(pulses)
        ),
    ]
