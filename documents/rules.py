"""What may be stored and how it is called, without Django."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Final
from uuid import UUID

#: The largest file that one request may bring: 100 MiB.
MAX_BYTES: Final = 100 * 1024 * 1024

PDF: Final = "application/pdf"
DICOM: Final = "application/dicom"
TEXT: Final = "text/plain"
#: For bytes that we do not know: browsers save them and run nothing.
UNKNOWN: Final = "application/octet-stream"

#: Type → ending of the names we give. Nothing else is taken from people: no archive, no office file with macros, no
#: HTML and no SVG, which can run scripts.
ALLOWED: Final = {
    PDF: "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/tiff": "tiff",
    DICOM: "dcm",
    TEXT: "txt",
    "application/rtf": "rtf",
}
ALLOWED_NAMES: Final = "PDF, PNG, JPEG, TIFF, DICOM, TXT, RTF"


def object_key(patient_id: UUID, object_id: UUID, sha256: str) -> str:
    """Where the bytes are. No name and no title: keys stand in the storage server's logs."""
    return f"{patient_id}/{object_id}/{sha256[:16]}"


def download_name(content_type: str, written: date, sha256: str) -> str:
    """The name a download gets. It is part of the signed address, which stands in logs and histories, so it says
    neither whose document it is nor what it is about."""
    return f"document-{written.isoformat()}-{sha256[:8]}.{ALLOWED.get(content_type, 'bin')}"


def served_type(content_type: str) -> str:
    # Only UTF-8 text is told to be text (see sniffing).
    return f"{TEXT}; charset=utf-8" if content_type == TEXT else content_type


def clean_title(text: str) -> str:
    """One line, without control characters."""
    return " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text).split())


def clean_filename(text: str, length: int) -> str:
    """The last part of the name that was sent, shortened before its ending when it does not fit."""
    name = clean_title(re.split(r"[/\\]", text)[-1]).lstrip(".")
    if len(name) <= length:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 10:
        return name[:length]
    return f"{stem[: length - len(ending) - 1]}.{ending}"
