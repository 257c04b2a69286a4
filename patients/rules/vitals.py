"""Vital signs: their LOINC codes and UCUM units, what cannot be and what is rare, and the usual range of adults.

*Impossible* is outside what a living person has ever had, or what the device can show: a slip of the finger, refused.
*Unusual* is outside what a ward sees in a day: it is asked back once. The usual range is what a plot shades; it is that
of adults at rest, and no judgement on one person.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

PANEL: Final = "85354-9"


@dataclass(frozen=True, slots=True)
class Sign:
    key: str
    code: str
    unit: str
    decimals: int
    impossible: tuple[float, float]
    unusual: tuple[float, float]
    usual: tuple[float, float] | None = None


SIGNS: Final = {
    sign.key: sign
    for sign in (
        Sign("systolic", "8480-6", "mm[Hg]", 0, (30, 320), (80, 200), (90, 140)),
        Sign("diastolic", "8462-4", "mm[Hg]", 0, (10, 220), (40, 120), (60, 90)),
        Sign("heart_rate", "8867-4", "/min", 0, (10, 350), (40, 150), (60, 100)),
        Sign("temperature", "8310-5", "Cel", 1, (20, 46), (35, 40), (36.1, 37.8)),
        Sign("oxygen_saturation", "2708-6", "%", 0, (30, 100), (88, 100), (95, 100)),
        Sign("respiratory_rate", "9279-1", "/min", 0, (2, 120), (8, 40), (12, 20)),
        Sign("weight", "29463-7", "kg", 1, (0.2, 700), (2, 200)),
        Sign("height", "8302-2", "cm", 1, (15, 280), (40, 215)),
        Sign("pain", "72514-3", "{score}", 0, (0, 10), (0, 10)),
    )
}
BY_CODE: Final = {sign.code: sign for sign in SIGNS.values()}
#: The two that are one measurement: FHIR's blood pressure panel has them as components.
PRESSURE: Final = ("systolic", "diastolic")


def read_number(text: str) -> Decimal | None:
    """The number in `text`, with a comma or a point; None when it is none. The digits are kept as they were typed."""
    cleaned = text.strip().replace(",", ".")
    if not cleaned or len(cleaned) > 10 or not cleaned.lstrip("-").replace(".", "", 1).isascii():
        return None
    if not cleaned.lstrip("-").replace(".", "", 1).isdecimal():
        return None
    try:
        return Decimal(cleaned)
    except InvalidOperation:
        return None


def is_impossible(sign: Sign, value: Decimal) -> bool:
    low, high = sign.impossible
    return not low <= value <= high


def is_unusual(sign: Sign, value: Decimal) -> bool:
    low, high = sign.unusual
    return not low <= value <= high


def too_precise(sign: Sign, value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and -exponent > sign.decimals
