"""Break-glass: opening a record without being in charge of the patient."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from patients.rules.names import words

SHORTEST_REASON: Final = 15
LONGEST_REASON: Final = 1000


def enough_said(reason: str) -> bool:
    """A reason is a sentence: long enough, and of several words, so that no row of dots passes."""
    return len(reason) >= SHORTEST_REASON and len(words(reason)) >= 3


def same_person(typed_family: str, typed_given: str, *, family_names: tuple[str, ...], given_names: str) -> bool:
    """Whether the names on a paper are this patient's: one of the family names whole, and the first given name."""
    family = words(typed_family)
    given = words(typed_given)
    known = words(given_names)
    return bool(
        family and given and known and known[0] == given[0] and any(words(name) == family for name in family_names)
    )


def over_limit(opened_today: int, limit: int) -> bool:
    return opened_today >= limit


def review_due(opened_at: datetime, days: int) -> datetime:
    return opened_at + timedelta(days=days)


def is_overdue(due_at: datetime, now: datetime) -> bool:
    return now > due_at


def birth_matches(known: date | None, typed: date | None) -> bool:
    """Both say the same day; a patient whose birth date nobody knows is found without one."""
    return known == typed
