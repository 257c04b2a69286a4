"""Dates of a life."""

from __future__ import annotations

from datetime import date
from typing import Final

OLDEST_BIRTH: Final = date(1850, 1, 1)


def possible_birth(birth: date, today: date) -> bool:
    return OLDEST_BIRTH <= birth <= today


def age(birth: date, on: date) -> int:
    """Full years. Someone born on 29 February has their birthday on 1 March of other years (French civil code)."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
