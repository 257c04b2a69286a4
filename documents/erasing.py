"""A patient's documents with their bytes, when the record is to be erased (`patients.erasing`)."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import Q

from documents import rules
from documents.imaging.erasing import derived_keys, forget_empty_studies, forget_images
from documents.models import Document, Upload
from medisecure.kernel import clock, multipart, objects
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import transactional
from patients.interface import DataHolder, ErasureCategory, erase_rows, forget_record


def _count(patient_id: UUID) -> int:
    return Document.objects.filter(patient_id=patient_id).count() + Upload.objects.filter(patient_id=patient_id).count()


def _held(patient_id: UUID) -> bool:
    """One document that is held, or to be kept for longer, holds the record that it is part of."""
    kept = Q(hold_at__isnull=False) | Q(keep_until__gt=clock.today())
    return Document.objects.filter(kept, patient_id=patient_id).exists()


def _erase(patient_id: UUID) -> int:
    """Bytes first: a row whose bytes are gone is found by the next try, bytes without a row by nobody."""
    for upload_id, storage_id, state in Upload.objects.filter(patient_id=patient_id).values_list(
        "id", "storage_id", "state"
    ):
        if state in (Upload.State.OPEN, Upload.State.RECEIVED):
            multipart.abort(objects.documents(), rules.incoming_key(upload_id), storage_id)
            objects.documents().delete(rules.incoming_key(upload_id))
    for key in derived_keys(patient_id):
        objects.images().delete(key)
    for bucket, key in Document.objects.filter(patient_id=patient_id).values_list("bucket", "key"):
        objects.Bucket(bucket).delete(key)
    return _erase_rows(patient_id)


@transactional(DEFAULT)
def _erase_rows(patient_id: UUID) -> int:
    count = forget_images(patient_id)
    count += erase_rows(Upload.objects.filter(patient_id=patient_id))
    count += erase_rows(Document.objects.filter(patient_id=patient_id))
    forget_empty_studies()
    forget_record(patient_id)
    return count


HOLDER: Final = DataHolder(category=ErasureCategory.RECORD, count=_count, erase=_erase, held=_held)
