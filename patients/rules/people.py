"""Dates of a life."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from typing import Final

OLDEST_BIRTH: Final = date(1850, 1, 1)
#: An instant at most so many seconds ahead is now, on a machine whose clock is a little fast.
CLOCKS_DIFFER: Final = 120


def possible_birth(birth: date, today: date) -> bool:
    return OLDEST_BIRTH <= birth <= today


def age(birth: date, on: date) -> int:
    """Full years. Someone born on 29 February has their birthday on 1 March of other years (French civil code)."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


#: Below these ages (in full years, months) people count in months, in days: a dose depends on it.
YEARS_FROM: Final = 2
MONTHS_FROM: Final = 1


def age_parts(birth: date, on: date) -> tuple[int, str]:
    """(number, "years" | "months" | "days") as age is said: years from two on, months from one on, days before."""
    years = age(birth, on)
    if years >= YEARS_FROM:
        return years, "years"
    months = (on.year - birth.year) * 12 + on.month - birth.month - (on.day < birth.day)
    if months >= MONTHS_FROM:
        return months, "months"
    return (on - birth).days, "days"


def is_place_code(text: str) -> bool:
    """A code of the INSEE's official geographic code: department (2A and 2B are Corsica) or 99, and three digits."""
    return bool(re.fullmatch(r"(?:\d{2}|2[AB])\d{3}", text))


def any_two_overlap(periods: Iterable[tuple[date | None, date | None]]) -> bool:
    """Whether one day lies in two of the periods (first day, last day; None is without end)."""
    ordered = sorted((start or date.min, end or date.max) for start, end in periods)
    return any(later[0] <= earlier[1] for earlier, later in pairwise(ordered))
