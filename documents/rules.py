"""What may be stored and how it is called, without Django."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
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
#: What a patient, or who stands for them, may add: not what the hospital says about who they are.
PATIENT_CATEGORIES: Final = ("report", "letter", "prescription", "imaging", "lab", "other")
#: A result may wait for the talk in which it is explained, but not for longer.
MOST_WITHHELD_DAYS: Final = 30

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


# --- Large files, in parts --------------------------------------------------------------------------------------------

#: S3 takes parts from 5 MiB on, the last one excepted, and at most 10,000 of them.
PART_BYTES: Final = 8 * 1024 * 1024
MOST_PARTS: Final = 10_000
LONGEST_PAUSE: Final = 600


def part_count(size: int, part_size: int) -> int:
    return -(-size // part_size)


def part_place(number: int, size: int, part_size: int) -> tuple[int, int]:
    """(start, length) of a part in the whole; parts count from 1. Raises ValueError when there is no such part."""
    start = (number - 1) * part_size
    if number < 1 or start >= size:
        raise ValueError(number)
    return start, min(part_size, size - start)


def missing_parts(found: dict[int, int], size: int, part_size: int) -> list[int]:
    """The parts that are not there, or not whole."""
    numbers = range(1, part_count(size, part_size) + 1)
    return [number for number in numbers if found.get(number) != part_place(number, size, part_size)[1]]


def pause(tries: int) -> int:
    """Seconds until the next try, after so many: 2, 4, 8 … at most ten minutes."""
    return min(1 << min(tries, 10), LONGEST_PAUSE)


# --- Who may read -----------------------------------------------------------------------------------------------------

TREATING: Final = "treating"
DOCTORS: Final = "doctors"
UNIT: Final = "unit"


def staff_reads(audience: str, *, own: bool, doctor: bool, in_unit: bool, emergency: bool) -> bool:
    """Whether somebody who may open the record may open this document of it. Who added it may; in an emergency
    everything is open, which the patient and the privacy officer are told of."""
    return (
        own or emergency or audience == TREATING or (audience == DOCTORS and doctor) or (audience == UNIT and in_unit)
    )


def patient_reads(withheld_until: date | None, today: date, *, own: bool) -> bool:
    """Whether the patient's side may open it: not while it waits for the talk in which it is explained."""
    return own or withheld_until is None or withheld_until <= today


def last_release(today: date) -> date:
    """The latest day to which a document may be withheld from its patient."""
    return today + timedelta(days=MOST_WITHHELD_DAYS)


def erasable(*, held: bool, keep_until: date | None, today: date) -> bool:
    return not held and (keep_until is None or keep_until <= today)


# --- Keys in storage --------------------------------------------------------------------------------------------------

#: Where bytes wait until they have been looked at.
INCOMING: Final = "incoming/"
_OUR_KEY: Final = re.compile(r"[0-9a-f-]{36}/[0-9a-f-]{36}/[0-9a-f]{16}(_[A-Za-z0-9]{7})?")


def incoming_key(upload_id: UUID) -> str:
    return f"{INCOMING}{upload_id}"


def is_our_key(key: str) -> bool:
    """True for keys that `object_key` and `incoming_key` make, and for the ending that storage gives to one taken."""
    return key.startswith(INCOMING) or _OUR_KEY.fullmatch(key) is not None
