"""Where the files go: one folder for each job, in the bucket of documents."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Final, cast
from uuid import UUID

from django.conf import settings

from medisecure.kernel import objects
from medisecure.kernel.ids import new_id
from medisecure.reports.models import JobFile

TYPES: Final = {
    JobFile.Format.PDF: "application/pdf",
    JobFile.Format.CSV: "text/csv; charset=utf-8",
    JobFile.Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

FOLDER: Final = "reports"
_PREFIX: Final = "sheet-"
_LONGEST: Final = 2 * 3600


@dataclass(frozen=True, slots=True)
class Stored:
    format: str
    key: str
    size: int
    sha256: str


@contextmanager
def scratch() -> Iterator[IO[bytes]]:
    """A file on this machine's disk that nobody else can read, and that is gone when it is closed."""
    folder = settings.DATA_DIR / "tmp"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        yield cast("IO[bytes]", file)


@contextmanager
def scratch_folder() -> Iterator[str]:
    """A folder for a library that wants names. A worker that is killed leaves it: `forget_scratch` finds it."""
    folder = settings.DATA_DIR / "tmp"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_PREFIX) as name:
        yield name


def forget_scratch() -> None:
    """Remove what killed workers of this machine left: nothing of ours takes so long."""
    before = time.time() - _LONGEST
    for folder in (settings.DATA_DIR / "tmp").glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)


def put(job_id: UUID, format_: str, file: IO[bytes]) -> Stored:
    """Store what is in the file, from its beginning, in pieces: S3 gets a large one in parts."""
    size = file.seek(0, 2)
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any file opened for bytes
    file.seek(0)
    key = objects.documents().save(f"{_folder(job_id)}/{new_id()}.{format_}", file, TYPES[JobFile.Format(format_)])
    return Stored(format_, key, size, digest)


def discard(stored: Iterable[Stored]) -> None:
    for item in stored:
        objects.documents().delete(item.key)


def sweep(job_id: UUID) -> None:
    """Delete everything of the job: its files, and what a worker that died had stored before it could say so."""
    bucket = objects.documents()
    for key in list(bucket.keys(_folder(job_id))):
        bucket.delete(key)


def _folder(job_id: UUID) -> str:
    return f"{FOLDER}/{job_id}"
