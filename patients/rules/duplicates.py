"""How likely two descriptions are of one person, trait by trait, and why.

Each trait that both sides know agrees by 0 … 1. What agrees speaks for one person with the trait's first weight, what
differs against it with the second: a phone that is shared says a lot, one that differs says little, because people
change it; with birth dates it is the other way round. The score is the share of what speaks for. Weights and thresholds
were set on the labelled pairs of tests/patients/test_duplicate_rules.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from patients.rules.names import words
from patients.rules.numbers import phone_key
from patients.rules.spelling import distance

#: From here on a person is asked whether the two are one.
POSSIBLE: Final = 0.65
#: From here on the two are the same but for a slip of the pen.
NEARLY_CERTAIN: Final = 0.85
#: What a shared identifier alone is worth: numbers are mistyped too, so a person still decides.
_SHARED_IDENTIFIER: Final = 0.9


class Trait(StrEnum):
    NAME = "name"
    BIRTH_DATE = "birth_date"
    SEX = "sex"
    PHONE = "phone"
    EMAIL = "email"
    POSTAL_CODE = "postal_code"
    IDENTIFIER = "identifier"


class Verdict(StrEnum):
    SAME = "same"
    SIMILAR = "similar"
    DIFFERENT = "different"
    #: At least one side does not know it.
    UNKNOWN = "unknown"


#: Trait → (what it says for one person when it agrees, against it when it differs).
WEIGHTS: Final[Mapping[Trait, tuple[float, float]]] = {
    Trait.NAME: (0.45, 0.9),
    Trait.BIRTH_DATE: (0.3, 0.6),
    Trait.SEX: (0.02, 0.1),
    Trait.PHONE: (0.2, 0.03),
    Trait.EMAIL: (0.2, 0.03),
    Trait.POSTAL_CODE: (0.05, 0.02),
    Trait.IDENTIFIER: (0.9, 0.4),
}
#: Without a name and a birth date there is too little to go by: the score shrinks by what is missing.
_NEEDED: Final = WEIGHTS[Trait.NAME][0] + WEIGHTS[Trait.BIRTH_DATE][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who somebody is, as far as it is known; empty and None are unknown."""

    family_name: str = ""
    given_names: str = ""
    used_name: str = ""
    birth_date: date | None = None
    #: "year" or "month" when the rest of the date is not known.
    birth_precision: str = "day"
    sex: str = "unknown"
    phone: str = ""
    email: str = ""
    postal_code: str = ""
    #: (who gives the number, the number or its keyed index).
    identifiers: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Agreement:
    trait: Trait
    #: 0 … 1; None when it is not known on both sides.
    value: float | None

    @property
    def verdict(self) -> Verdict:
        if self.value is None:
            return Verdict.UNKNOWN
        if self.value == 1.0:
            return Verdict.SAME
        return Verdict.SIMILAR if self.value >= 0.5 else Verdict.DIFFERENT


@dataclass(frozen=True, slots=True)
class Likeness:
    score: float
    agreements: tuple[Agreement, ...]

    def verdict(self, trait: Trait) -> Verdict:
        return next(one.verdict for one in self.agreements if one.trait is trait)


def compare(left: Person, right: Person) -> Likeness:
    """The same whichever side comes first; 1 for two equal descriptions with a name and a birth date."""
    values = {
        Trait.NAME: _names(left, right),
        Trait.BIRTH_DATE: _births(left, right),
        Trait.SEX: _equal(_known_sex(left.sex), _known_sex(right.sex)),
        Trait.PHONE: _equal(phone_key(left.phone), phone_key(right.phone)),
        Trait.EMAIL: _equal(left.email.strip().casefold(), right.email.strip().casefold()),
        Trait.POSTAL_CODE: _equal(
            "".join(left.postal_code.split()).upper(), "".join(right.postal_code.split()).upper()
        ),
        Trait.IDENTIFIER: _identifiers(left, right),
    }
    speaks_for = against = known = 0.0
    for trait, value in values.items():
        if value is None:
            continue
        agree, differ = WEIGHTS[trait]
        speaks_for += agree * value
        against += differ * (1 - value)
        known += agree
    total = speaks_for + against
    score = speaks_for / total * min(1.0, known / _NEEDED) if total else 0.0
    if values[Trait.IDENTIFIER] == 1.0:
        score = max(score, _SHARED_IDENTIFIER)
    # Sums of the weights are not exact: nothing that differs is exactly 1.
    score = 1.0 if not against and known >= _NEEDED else min(score, 1.0)
    return Likeness(round(score, 4), tuple(Agreement(trait, value) for trait, value in values.items()))


def _equal(left: str, right: str) -> float | None:
    return float(left == right) if left and right else None


def _known_sex(sex: str) -> str:
    return "" if sex == "unknown" else sex


def _identifiers(left: Person, right: Person) -> float | None:
    """Numbers are compared with those of the same issuer only."""
    if left.identifiers & right.identifiers:
        return 1.0
    issuers = {issuer for issuer, _number in left.identifiers} & {issuer for issuer, _number in right.identifiers}
    return 0.0 if issuers else None


# --- Names ------------------------------------------------------------------------------------------------------------
def _names(left: Person, right: Person) -> float | None:
    given = (words(left.given_names), words(right.given_names))
    birth = (words(left.family_name), words(right.family_name))
    used = (words(left.used_name), words(right.used_name))
    if not (birth[0] or used[0]) or not (birth[1] or used[1]):
        return None
    family = max(
        _alike(birth[0], birth[1]),
        _alike(used[0], used[1]),
        # Known here by the birth name, there by the one that is used.
        0.95 * _alike(birth[0], used[1]),
        0.95 * _alike(used[0], birth[1]),
    )
    if not given[0] or not given[1]:
        return family if given[0] == given[1] else 0.7 * family
    straight = _whole(family, _alike(*given))
    # Written into each other's field.
    crossed = 0.9 * min(_alike(given[0], birth[1]), _alike(birth[0], given[1]))
    return max(straight, crossed)


def _whole(family: float, given: float) -> float:
    """People change their family name and seldom their given names; brothers and sisters share the first alone."""
    return given * (0.55 + 0.45 * family) + (1 - given) * 0.1 * family


def _alike(left: list[str], right: list[str]) -> float:
    """Two names, word by word in any order; words that only one of them has count little ("Marie" and "Marie Claire"),
    compound ones are compared in one piece too."""
    if not left or not right:
        return 0.0
    joined = _word("".join(left), "".join(right))
    short, long = sorted((left, right), key=len)
    best = sum(max(_word(one, other) for other in long) for one in short) / len(short)
    if len(left) == len(right):
        back = sum(max(_word(one, other) for other in short) for one in long) / len(long)
        best = (best + back) / 2
    return max(joined, best * (0.9 + 0.1 * len(short) / len(long)))


def _word(left: str, right: str) -> float:
    if left == right:
        return 1.0
    longest = max(len(left), len(right))
    if min(len(left), len(right)) == 1:
        return 0.7 if left[0] == right[0] else 0.0
    allowed = 1 if longest <= 5 else 2
    if abs(len(left) - len(right)) > allowed:
        return 0.0
    slips = distance(left, right)
    return 1 - 0.12 * slips if slips <= allowed else 0.0


# --- Birth dates ------------------------------------------------------------------------------------------------------
def _births(left: Person, right: Person) -> float | None:
    one, other = left.birth_date, right.birth_date
    if one is None or other is None:
        return None
    for precision, known in (("year", 1), ("month", 2)):
        if precision in (left.birth_precision, right.birth_precision):
            same = one.timetuple()[:known] == other.timetuple()[:known]
            return (1.0 if left == right else 0.8) if same else 0.0
    if one == other:
        return 1.0
    if other == _swapped(one):
        return 0.85
    return 0.8 if _one_slip(one, other) else 0.0


def _swapped(day: date) -> date | None:
    """The date with day and month in each other's place; None when there is no such date."""
    try:
        return day.replace(month=day.day, day=day.month)
    except ValueError:
        return None


def _one_slip(left: date, right: date) -> bool:
    return distance(f"{left:%Y%m%d}", f"{right:%Y%m%d}") <= 1


def near_births(day: date) -> tuple[date, ...]:
    """The date, the one with day and month swapped, and those that one wrong digit or two swapped ones make of it: what
    somebody may have typed who meant it. The date itself comes first."""
    return tuple(dict.fromkeys(_near(day)))


def _near(day: date) -> Iterator[date]:
    yield day
    swapped = _swapped(day)
    if swapped:
        yield swapped
    digits = f"{day:%Y%m%d}"
    for at, old in enumerate(digits):
        slips = [digits[:at] + new + digits[at + 1 :] for new in "0123456789" if new != old]
        slips += [digits[:at] + digits[at + 1] + old + digits[at + 2 :]] if at < 7 else []
        for text in slips:
            try:
                yield date(int(text[:4]), int(text[4:6]), int(text[6:]))
            except ValueError:
                continue
