"""Which objects of the storage reports and exports name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from medisecure.kernel import objects
from medisecure.kernel.owners import Named, Owner, by_id
from medisecure.reports.models import JobFile


def _files() -> Iterator[Named]:
    for row_id, key, size in by_id(JobFile.objects.all(), "key", "size"):
        yield Named(objects.DOCUMENTS, key, str(row_id), size)


FILES: Final = Owner("file of a report", _files)
