"""What may be said of somebody's allergies: a list, that there is none, or that nobody has asked.

"Nothing is recorded" and "no known allergy" are two things: the second is an answer that somebody got and wrote down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SNOMED: Final = "http://snomed.info/sct"
#: The one that the International Patient Summary gives for "no known allergy"; systems write it as an allergy's code.
NO_KNOWN_ALLERGY: Final = "716186003"
#: Answers of one kind only: no known allergy to medicines, to food, to the environment, to latex.
_PARTLY: Final = frozenset({"409137002", "429625007", "428607008", "428197003"})
#: FHIR R4 verification status of what turned out not to be so.
_NOT_SO: Final = frozenset({"refuted", "entered-in-error"})
_OVER: Final = frozenset({"inactive", "resolved"})


class Asked(StrEnum):
    LISTED = "listed"
    NONE_KNOWN = "none-known"
    NOT_ASKED = "not-asked"


@dataclass(frozen=True, slots=True)
class AllergyFact:
    code: str
    name: str
    status: str = "active"
    verification: str = ""
    criticality: str = ""
    reactions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AllergySummary:
    asked: Asked
    #: The allergies that count now, the dangerous first.
    allergies: tuple[AllergyFact, ...] = ()
    #: Answers for one kind of substance, as they were written.
    remarks: tuple[str, ...] = ()


def counts_now(fact: AllergyFact) -> bool:
    return fact.status not in _OVER | _NOT_SO and fact.verification not in _NOT_SO


def says_none(code: str) -> bool:
    return code == NO_KNOWN_ALLERGY


def summary(facts: Iterable[AllergyFact]) -> AllergySummary:
    """An allergy that counts outweighs "none known", in whichever order they were written."""
    current = [fact for fact in facts if counts_now(fact)]
    listed = [fact for fact in current if not says_none(fact.code) and fact.code not in _PARTLY]
    remarks = tuple(fact.name for fact in current if fact.code in _PARTLY)
    if listed:
        return AllergySummary(Asked.LISTED, tuple(sorted(listed, key=lambda fact: fact.criticality != "high")), remarks)
    if any(says_none(fact.code) for fact in current):
        return AllergySummary(Asked.NONE_KNOWN, (), remarks)
    return AllergySummary(Asked.NOT_ASKED, (), remarks)
