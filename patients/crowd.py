"""Many invented patients at once, for measuring. Real ones are registered one by one, or imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import Final

from medisecure.audit.interface import record_access
from medisecure.kernel.cache import SEARCH_SCOPE, forget_on_commit
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import transactional
from patients import rules
from patients.models import MedicalRecord, Patient
from patients.services import SYSTEM, Identity, allocate_record_numbers, search_text_of

#: Patients per transaction. SQLite takes 32 766 variables in one statement; Django splits by it.
BATCH: Final = 2000


def register_crowd(people: Iterable[tuple[Identity, str]]) -> Iterator[int]:
    """Register people with a telephone number each, not checked; yields how many after each batch, which is kept even
    if a later one fails. One audit entry for each batch."""
    waiting = iter(people)
    while batch := tuple(islice(waiting, BATCH)):
        _write(batch)
        yield len(batch)


@transactional(DEFAULT)
def _write(people: tuple[tuple[Identity, str], ...]) -> None:
    numbers = allocate_record_numbers(len(people))
    rows = []
    for number, (identity, phone) in zip(numbers, people, strict=True):
        row = Patient(record_number=number, phone=phone, phone_key=rules.phone_key(phone), **asdict(identity))
        row.search_text = search_text_of(row)
        rows.append(row)
    record_access(
        actor=None,
        patient_id=None,
        action="create",
        resource="patient",
        resource_id=f"generated:{len(rows)}",
        purpose="operations",
        right=SYSTEM,
    )
    Patient.objects.bulk_create(rows, batch_size=BATCH)
    forget_on_commit(DEFAULT, SEARCH_SCOPE)
    MedicalRecord.objects.bulk_create([MedicalRecord(patient=row) for row in rows], batch_size=BATCH)
