"""What may be shown, whose an image seems to be, and what in it may name somebody. Without Django."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

#: A frame may have so many bytes once it is unpacked: twice a mammogram of 5000 × 6500 at 16 bit.
MAX_FRAME_BYTES: Final = 128 * 1024 * 1024
#: And all frames of a file together.
MAX_BYTES: Final = 2 * 1024 * 1024 * 1024
MAX_FRAMES: Final = 20_000
PREVIEW_PIXELS: Final = 512


class Reason(StrEnum):
    """Why an image cannot be shown."""

    NOT_DICOM = "not-dicom"
    NO_PIXELS = "no-pixels"
    ATTRIBUTES = "attributes"
    SYNTAX = "syntax"
    TOO_LARGE = "too-large"
    DAMAGED = "damaged"
    LIMITS = "limits"
    MISSING = "missing"


class Concern(StrEnum):
    """Why a person must look whether an image is this patient's."""

    NAME = "name"
    BIRTH_DATE = "birth-date"
    NUMBER = "number"
    INSTANCE = "instance"
    STUDY = "study"


@dataclass(frozen=True, slots=True)
class Known:
    """What the record says of a person. Names as folded words; `birth_digits` as YYYY, YYYYMM or YYYYMMDD, as far as it
    is known."""

    family: frozenset[str]
    given: frozenset[str]
    birth_digits: str


def birth_digits(birth: date | None, precision: str) -> str:
    if birth is None:
        return ""
    return f"{birth:%Y%m%d}"[: {"year": 4, "month": 6}.get(precision, 8)]


def doubts(known: Known, *, words: Collection[str], birth: str) -> list[Concern]:
    """Where the name and the birth date in a file contradict the record. What a file leaves out contradicts nothing."""
    found = []
    if words and (known.family or known.given) and not _same_name(known, frozenset(words)):
        found.append(Concern.NAME)
    digits = "".join(char for char in birth if char.isdigit())[:8]
    common = min(len(digits), len(known.birth_digits))
    if common >= 4 and digits[:common] != known.birth_digits[:common]:
        found.append(Concern.BIRTH_DATE)
    return found


def _same_name(known: Known, words: frozenset[str]) -> bool:
    """A family name and, when the file has more words than that, a given name or its initial. Scanners cut names, and
    some put the given name first."""
    joined = "".join(sorted(words))
    family = {word for word in words if word in known.family} or {
        word for word in known.family if len(word) > 3 and word in joined
    }
    if not family:
        return False
    rest = words - known.family
    if not rest or not known.given:
        return True
    return any(
        word == given or (len(word) == 1 and given.startswith(word)) or (len(given) == 1 and word.startswith(given))
        for word in rest
        for given in known.given
    )


# --- What an image may tell besides its attributes --------------------------------------------------------------------

#: Modalities whose pixels often carry text: ultrasound, screens that were captured, fluoroscopy and angiography, film
#: that was scanned, photographs, endoscopy (PS3.15 §E.3.1 leaves finding it to whoever de-identifies).
_TEXT_LIKELY: Final = frozenset(
    {"US", "IVUS", "SC", "OT", "XA", "RF", "ES", "XC", "GM", "DOC", "HC", "ECG", "OP", "PX"}
)
#: A photograph of a face is its person.
_FACES: Final = frozenset({"XC", "GM", "OP"})


def burned_in_risks(facts: Mapping[str, Any]) -> list[str]:
    """Codes of the reasons to look at an image before a copy leaves the house; empty when there is none.

    `facts`: burned_in (YES, NO or empty), modality, image_type, conversion, photometric, overlays.
    """
    said = str(facts.get("burned_in") or "").upper()
    modality = str(facts.get("modality") or "").upper()
    kinds = {str(item).upper() for item in facts.get("image_type") or ()}
    risks = []
    if said == "YES":
        risks.append("says-so")
    if facts.get("conversion"):
        risks.append("captured")
    elif kinds & {"SECONDARY", "SCREEN SAVE", "SCREENSHOT"} and said != "NO":
        risks.append("secondary")
    if modality in _TEXT_LIKELY and said != "NO":
        risks.append("modality")
    if modality in _FACES:
        risks.append("face")
    if modality in {"CT", "MR", "CR", "DX", "MG", "PT", "NM"} and str(facts.get("photometric", "")).startswith(
        ("RGB", "YBR", "PALETTE")
    ):
        risks.append("colour")
    if not modality:
        risks.append("unknown")
    return risks


# --- Which way round --------------------------------------------------------------------------------------------------


def _letters(vector: Sequence[float]) -> str:
    """The directions of the patient along a vector, the strongest first (PS3.3 §C.7.6.1.1.1): R/L, A/P, H/F."""
    named = [("R", "L"), ("A", "P"), ("F", "H")]
    parts = sorted(((abs(value), pair[value > 0]) for value, pair in zip(vector, named, strict=True)), reverse=True)
    return "".join(letter for size, letter in parts if size > 0.25)


def _opposite(letters: str) -> str:
    return letters.translate(str.maketrans("RLAPFH", "LRPAHF"))


def edges(orientation: Sequence[float] | None, patient_orientation: Sequence[str] | None) -> dict[str, str]:
    """The letters for the edges of an image; empty when it does not say which way round it is."""
    if orientation is not None and len(orientation) == 6:
        right, bottom = _letters(orientation[:3]), _letters(orientation[3:])
    elif patient_orientation is not None and len(patient_orientation) == 2:
        right, bottom = (item if set(item) <= set("RLAPFH") else "" for item in patient_orientation)
    else:
        return {}
    if not right or not bottom:
        return {}
    return {"left": _opposite(right), "right": right, "top": _opposite(bottom), "bottom": bottom}


def place(position: Sequence[float] | None, orientation: Sequence[float] | None) -> float | None:
    """How far a slice lies along the axis that the stack is scrolled on; None when it does not say."""
    if position is None or orientation is None or len(position) != 3 or len(orientation) != 6:
        return None
    a, b = orientation[:3], orientation[3:]
    normal = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return round(sum(x * y for x, y in zip(position, normal, strict=True)), 4)


# --- Windows ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preset:
    key: str
    center: float
    width: float


#: Windows in Hounsfield units that radiologists everywhere start from.
CT_PRESETS: Final = (
    Preset("soft-tissue", 40, 400),
    Preset("lung", -600, 1500),
    Preset("bone", 480, 2500),
    Preset("brain", 40, 80),
    Preset("liver", 60, 160),
    Preset("angio", 300, 600),
)


def presets(modality: str) -> Iterable[Preset]:
    return CT_PRESETS if modality == "CT" else ()


def saves_enough(old: int, new: int) -> bool:
    """Whether a recompression is worth another object: a tenth at least."""
    return new * 10 <= old * 9
