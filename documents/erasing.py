"""A patient's documents with their bytes, when the record is to be erased (`patients.erasing`)."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from documents.models import Document
from medisecure.kernel import objects
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import transactional
from patients.interface import DataHolder, ErasureCategory, erase_rows, forget_record


def _count(patient_id: UUID) -> int:
    return Document.objects.filter(patient_id=patient_id).count()


def _erase(patient_id: UUID) -> int:
    """Bytes first: a row whose bytes are gone is found by the next try, bytes without a row by nobody."""
    for bucket, key in Document.objects.filter(patient_id=patient_id).values_list("bucket", "key"):
        objects.Bucket(bucket).delete(key)
    return _erase_rows(patient_id)


@transactional(DEFAULT)
def _erase_rows(patient_id: UUID) -> int:
    count = erase_rows(Document.objects.filter(patient_id=patient_id))
    forget_record(patient_id)
    return count


HOLDER: Final = DataHolder(category=ErasureCategory.RECORD, count=_count, erase=_erase)
