"""Who stands for a patient, for how long and how far. French law where it says so."""

from __future__ import annotations

from datetime import date
from typing import Final

from patients.rules.people import age

PARENT: Final = "parent"
GUARDIAN: Final = "guardian"
CURATOR: Final = "curator"
ATTORNEY: Final = "attorney"

#: Identity, appointments, invoices and the record …
EVERYTHING: Final = "everything"
#: … or without the record and the documents.
ADMINISTRATIVE: Final = "administrative"

#: Code civil, art. 388: of age is who is 18; art. 371-1: parental authority ends there.
MAJORITY: Final = 18


def possible_scopes(kind: str) -> tuple[str, ...]:
    """How far a representation of this kind may reach. A curator assists and does not represent (code civil, art. 467):
    the record stays closed unless the patient shares it themselves."""
    return (ADMINISTRATIVE,) if kind == CURATOR else (EVERYTHING, ADMINISTRATIVE)


def of_age_on(birth: date) -> date:
    """The eighteenth birthday: parents no longer stand for who has it. Born on 29 February: 1 March."""
    try:
        return birth.replace(year=birth.year + MAJORITY)
    except ValueError:
        return date(birth.year + MAJORITY, 3, 1)


def born_after_for_minor(today: date) -> date:
    """Who was born later than this day is a minor today: the same rule as `of_age_on`, as a comparison for a query."""
    try:
        return today.replace(year=today.year - MAJORITY)
    except ValueError:  # 29 February: who was born on 28 February has had the birthday, who was born on 1 March has not
        return date(today.year - MAJORITY, 2, 28)


def is_minor(birth: date, today: date) -> bool:
    return age(birth, today) < MAJORITY
