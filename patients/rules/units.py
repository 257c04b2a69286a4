"""Units as people write them."""

from __future__ import annotations

from typing import Final

#: Those whose code in UCUM is not what people write.
UNITS: Final = {
    "Cel": "°C",
    "[degF]": "°F",
    "mm[Hg]": "mmHg",
    "kg/m2": "kg/m²",
    "10*3/uL": "10³/µL",
    "10*6/uL": "10⁶/µL",
}


def written_unit(code: str) -> str:
    """A UCUM code as people write the unit. What is counted stands in braces, {score}, and is no unit."""
    return "" if code.startswith("{") else UNITS.get(code, code)
