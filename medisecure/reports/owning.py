"""Which objects of the storage are files of jobs, for comparing the two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from medisecure.kernel import objects
from medisecure.kernel.owners import Named, Owner, by_id
from medisecure.reports.models import JobFile
from medisecure.reports.store import FOLDER


def _files() -> Iterator[Named]:
    for row_id, key, size in by_id(JobFile.objects.all(), "key", "size"):
        yield Named(objects.DOCUMENTS, key, str(row_id), size)


def _disposable(bucket: str, key: str) -> bool:
    # Whoever asked gets it made again, and no file is the only copy of anything.
    return bucket == objects.DOCUMENTS and key.startswith(f"{FOLDER}/")


FILES: Final = Owner("report or export", _files, _disposable)
