"""What a DICOM file says of itself, without its pixels. Call it in the sandbox: some files unpack as they are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pydicom
from pydicom.dataset import Dataset

from documents import dicom
from documents.imaging import rules

_UID: Final = re.compile(r"[0-9.]{1,64}")
_CODE: Final = re.compile(r"[A-Z0-9_ ]{1,16}")
#: Longer texts than a header has place for are cut.
_TEXT: Final = 64
_PIXELS: Final = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


class NotDicom(ValueError):
    """No DICOM object, or one that cannot be read at all."""


@dataclass(frozen=True, slots=True)
class Header:
    """`index` is what is kept, `risk` what the rules ask of text in the pixels, `who` what the file says of the person:
    that is compared and forgotten."""

    index: dict[str, Any]
    risk: dict[str, Any]
    who: dict[str, str]


def dataset(path: Path) -> Dataset:
    """The file without its pixels. Raises `NotDicom`."""
    dicom.quieten()
    try:
        return pydicom.dcmread(path, stop_before_pixels=True)
    except Exception as error:  # the parser raises whatever a damaged file leads it to
        raise NotDicom from error


def read(path: Path) -> Header:
    """Raises `NotDicom`, also for what has no instance UID (every DICOM object has one, PS3.3 §C.12.1)."""
    found = dataset(path)
    index = _index(found)
    if not index["uid"]:
        raise NotDicom
    return Header(index=index, risk=_risk(found), who=_who(found))


def _index(found: Dataset) -> dict[str, Any]:
    return {
        "uid": _matching(_UID, _value(found, "SOPInstanceUID")),
        "sop_class": _matching(_UID, _value(found, "SOPClassUID")),
        "series_uid": _matching(_UID, _value(found, "SeriesInstanceUID")),
        "study_uid": _matching(_UID, _value(found, "StudyInstanceUID")),
        "modality": _matching(_CODE, _value(found, "Modality")),
        "body_part": _matching(_CODE, str(_value(found, "BodyPartExamined") or "").upper()),
        "laterality": _matching(_CODE, _value(found, "Laterality") or _value(found, "ImageLaterality")),
        "study_started": _instant(_value(found, "StudyDate"), _value(found, "StudyTime")),
        "series_started": _instant(_value(found, "SeriesDate"), _value(found, "SeriesTime")),
        "study_description": _text(_value(found, "StudyDescription")),
        "series_description": _text(_value(found, "SeriesDescription")),
        "series_number": _integer(_value(found, "SeriesNumber")),
        "number": _integer(_value(found, "InstanceNumber")),
        "frames": max(1, _integer(_value(found, "NumberOfFrames")) or 1),
        "rows": _size(_value(found, "Rows")),
        "columns": _size(_value(found, "Columns")),
        "samples": _integer(_value(found, "SamplesPerPixel")) or 1,
        "bits": _integer(_value(found, "BitsAllocated")) or 0,
        "photometric": _matching(_CODE, _value(found, "PhotometricInterpretation")),
        "transfer_syntax": _matching(_UID, _value(getattr(found, "file_meta", Dataset()), "TransferSyntaxUID")),
        "place": _place(found),
        "edges": rules.edges(_orientation(found), _patient_orientation(found)),
        "spacing": _spacing(found),
    }


def _risk(found: Dataset) -> dict[str, Any]:
    return {
        "burned_in": _text(_value(found, "BurnedInAnnotation")).upper(),
        "modality": _matching(_CODE, _value(found, "Modality")),
        "image_type": [str(item) for item in _many(_value(found, "ImageType"))],
        "conversion": _text(_value(found, "ConversionType")),
        "photometric": _matching(_CODE, _value(found, "PhotometricInterpretation")),
    }


def _who(found: Dataset) -> dict[str, str]:
    return {
        "name": str(_value(found, "PatientName") or "")[:400],
        "birth": str(_value(found, "PatientBirthDate") or "")[:16],
        "number": str(_value(found, "PatientID") or "")[:64],
    }


def fits(index: dict[str, Any]) -> rules.Reason | None:
    """Why the pixels are not even to be unpacked, by what the file says of their size."""
    if not index["transfer_syntax"]:
        return rules.Reason.ATTRIBUTES
    if not index["rows"] or not index["columns"] or index["samples"] not in (1, 3, 4) or not 1 <= index["bits"] <= 64:
        return rules.Reason.ATTRIBUTES
    frame = index["rows"] * index["columns"] * index["samples"] * max(1, index["bits"] // 8)
    if frame > rules.MAX_FRAME_BYTES or index["frames"] > rules.MAX_FRAMES:
        return rules.Reason.TOO_LARGE
    return rules.Reason.TOO_LARGE if frame * index["frames"] > rules.MAX_BYTES else None


def groups(found: Dataset, name: str) -> Dataset:
    """The functional group `name` of an enhanced multi-frame image: that which all frames share, else the first one's
    (PS3.3 §C.7.6.16). The image itself when it has none."""
    for sequence in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        items = _sequence(found, sequence)
        if items and (inner := _sequence(items[0], name)):
            return inner[0]
    return found


def _sequence(found: Dataset, name: str) -> list[Dataset]:
    value = _value(found, name)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _orientation(found: Dataset) -> list[float] | None:
    return numbers(_value(groups(found, "PlaneOrientationSequence"), "ImageOrientationPatient"), 6)


def _patient_orientation(found: Dataset) -> list[str] | None:
    items = [str(item).upper() for item in _many(_value(found, "PatientOrientation"))]
    return items if len(items) == 2 else None


def _place(found: Dataset) -> float | None:
    return rules.place(numbers(_value(found, "ImagePositionPatient"), 3), _orientation(found))


def _spacing(found: Dataset) -> list[float] | None:
    """Millimetres from row to row and from column to column."""
    measured = numbers(_value(groups(found, "PixelMeasuresSequence"), "PixelSpacing"), 2)
    if measured is None:
        measured = numbers(_value(found, "ImagerPixelSpacing"), 2) or numbers(_value(found, "PixelAspectRatio"), 2)
    return measured if measured and all(0 < item < 1000 for item in measured) else None


def has_pixels(found: Dataset) -> bool:
    """Whether an object of this kind has pixels, told without reading up to them."""
    return "Rows" in found and "Columns" in found and "BitsAllocated" in found


def _value(found: Dataset, name: str) -> Any:
    """None for what cannot be parsed: one bad attribute does not make an image unknown."""
    try:
        return found.get(name)
    except Exception:  # noqa: BLE001 - the library raises anything for a value that breaks its type
        return None


value_of: Final[Callable[[Dataset, str], Any]] = _value


def _many(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]


def numbers(value: Any, count: int) -> list[float] | None:
    try:
        found = [float(item) for item in _many(value)]
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and all(-1e9 < item < 1e9 for item in found) else None


def _matching(pattern: re.Pattern[str], value: object) -> str:
    text = "" if value is None else str(value).strip()
    return text if pattern.fullmatch(text) else ""


def _text(value: object) -> str:
    text = "" if value is None else str(value)
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_TEXT]


def _instant(day: object, time: object) -> str | None:
    """Local time of the scanner, whose zone nobody knows; ISO. The day alone when there is no time."""
    try:
        found = datetime.strptime(str(day).strip()[:8], "%Y%m%d")  # noqa: DTZ007 - see above
    except ValueError:
        return None
    digits = str(time or "").partition(".")[0].strip().ljust(6, "0")
    try:
        clock = datetime.strptime(digits[:6], "%H%M%S").time()  # noqa: DTZ007
    except ValueError:
        return found.isoformat()
    return datetime.combine(found.date(), clock).isoformat()


def _integer(value: object) -> int | None:
    try:
        number = int(str(value).strip())
    except (TypeError, ValueError):
        return None
    return number if -(2**31) < number < 2**31 else None


def _size(value: object) -> int:
    return int(value) if isinstance(value, int) and 0 < value <= 65535 else 0
