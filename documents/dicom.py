"""What a DICOM file says about itself, read without its pixels."""

from __future__ import annotations

import logging
import re
import warnings
from datetime import datetime
from typing import IO, Any, Final

import pydicom
from pydicom.errors import InvalidDicomError


def quieten() -> None:
    """The library's warnings quote the values that it finds odd: names and dates of birth among them."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom\b")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


quieten()

_TAGS: Final = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "Modality",
    "StudyDate",
    "Rows",
    "Columns",
    "SpecificCharacterSet",
)
_UID: Final = re.compile(r"[0-9.]{1,64}")
_MODALITY: Final = re.compile(r"[A-Z0-9_ ]{1,16}")
#: Deflated Explicit VR Little Endian. pydicom unpacks all of it in memory, and a small file may unpack to anything.
_DEFLATED: Final = b"1.2.840.10008.1.2.1.99"
_META_LOOK: Final = 4096


class NotReadable(ValueError):
    """The file claims to be DICOM and is not, or is cut off."""


def metadata(file: IO[bytes]) -> dict[str, Any]:
    """study_uid, series_uid, instance_uid, modality, study_date (ISO), rows, columns: what the file has of them.

    No name and no identifier of the person in the image. The position in the file is left anywhere. Raises NotReadable.
    """
    file.seek(0)
    if _DEFLATED in file.read(_META_LOOK):
        return {}
    file.seek(0)
    try:
        found = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS))
        values = {name: getattr(found, name, None) for name in _TAGS}
    except InvalidDicomError as error:
        raise NotReadable from error
    except Exception as error:  # the parser raises whatever a damaged file leads it to
        raise NotReadable from error
    read = {
        "study_uid": _matching(_UID, values["StudyInstanceUID"]),
        "series_uid": _matching(_UID, values["SeriesInstanceUID"]),
        "instance_uid": _matching(_UID, values["SOPInstanceUID"]),
        "modality": _matching(_MODALITY, values["Modality"]),
        "study_date": _iso_date(values["StudyDate"]),
        "rows": _pixels(values["Rows"]),
        "columns": _pixels(values["Columns"]),
    }
    if read["instance_uid"] is None:
        # Every DICOM object has one (PS3.3 §C.12.1); the parser makes an empty dataset of almost any bytes.
        raise NotReadable
    return {name: value for name, value in read.items() if value is not None}


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    text = "" if value is None else str(value).strip()
    return text if pattern.fullmatch(text) else None


def _iso_date(value: object) -> str | None:
    try:
        return datetime.strptime(str(value).strip(), "%Y%m%d").date().isoformat()  # noqa: DTZ007  # a DICOM date has no zone
    except ValueError:
        return None


def _pixels(value: object) -> int | None:
    return int(value) if isinstance(value, int) and 0 < value <= 65535 else None
