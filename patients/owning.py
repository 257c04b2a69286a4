"""Which objects of the storage copies of records and letters about erasures name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from medisecure.kernel import objects
from medisecure.kernel.owners import Named, Owner, by_id
from patients.models import ErasureRequest, RecordExport


def _exports() -> Iterator[Named]:
    rows = RecordExport.objects.filter(status=RecordExport.Status.READY)
    for row_id, key, size in by_id(rows, "key", "size"):
        yield Named(objects.DOCUMENTS, key, str(row_id), size)


def _letters() -> Iterator[Named]:
    for row_id, key in by_id(ErasureRequest.objects.exclude(letter_key=""), "letter_key"):
        yield Named(objects.DOCUMENTS, key, str(row_id))


EXPORTS: Final = Owner("copy of a record", _exports)
LETTERS: Final = Owner("letter about an erasure", _letters)
