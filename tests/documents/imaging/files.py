"""DICOM files to test with: pydicom's own, and such files with another person's name in them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pydicom.data
from pydicom.dataset import FileDataset
from pydicom.uid import generate_uid

#: Sixty-four files of one kind, of which two say what all say.
_MANY = "TINY_ALPHA"
#: Not DICOM, or without the prefix that tells it: no upload takes them.
_NOT_DICOM = {".py", ".json", ".txt", ".pyc", ".icc", ".md", ".gz", ".dump"}


@cache
def own_files() -> tuple[Path, ...]:
    """Every file of pydicom's own that an upload takes for DICOM. Nothing is downloaded."""
    root = Path(pydicom.__file__).parent / "data"
    return tuple(_walk(root))


def _walk(root: Path) -> Iterator[Path]:
    many = 0
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.suffix in _NOT_DICOM:
            continue
        with path.open("rb") as file:
            if file.read(132)[128:] != b"DICM":
                continue
        if _MANY in path.parts:
            many += 1
            if many > 2:
                continue
        yield path


def own(name: str) -> Path:
    return Path(str(pydicom.data.get_testdata_file(name, download=False)))


def dataset(name: str = "CT_small.dcm") -> FileDataset:
    return pydicom.dcmread(own(name))


def as_bytes(found: FileDataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, found, enforce_file_format=False)
    return buffer.getvalue()


Change = Callable[[FileDataset], None]


def image(
    source: str = "CT_small.dcm",
    *,
    name: str = "RAO^ASHA",
    birth: str = "19800502",
    study: str = "1.2.3.1",
    series: str = "1.2.3.1.1",
    uid: str | None = None,
    change: Change | None = None,
    **values: Any,
) -> bytes:
    """A real image with Asha's name in it, unless told otherwise."""
    found = dataset(source)
    found.PatientName, found.PatientBirthDate, found.PatientID = name, birth, "F-1"
    found.StudyInstanceUID, found.SeriesInstanceUID = study, series
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = uid or generate_uid()
    for key, value in values.items():
        setattr(found, key, value)
    if change:
        change(found)
    return as_bytes(found)


def big_ct(size: int = 512, frames: int = 1) -> FileDataset:
    """A slice as large as scanners make them today, with noise that does not compress to nothing."""
    found = dataset()
    random = np.random.default_rng(1)
    rows = np.linspace(-1, 1, size)[:, None] ** 2 + np.linspace(-1, 1, size)[None, :] ** 2
    values = np.where(rows < 0.8, 1060, 24) + random.integers(-12, 12, (frames, size, size))
    found.Rows = found.Columns = size
    found.PixelData = values.astype("<i2").tobytes()
    if frames > 1:
        found.NumberOfFrames = frames
    return found
