"""Side by side: what two descriptions of people have in common, in words, for staff who decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext_lazy

from medisecure.accounts.models import User
from patients import rules
from patients.access import access_identity
from patients.duplicates import MOST_SHOWN, Candidate, person_of
from patients.models import Patient
from patients.models.people import Precision, Sex

_LABELS: Final = {
    "family_name": gettext_lazy("birth name"),
    "given_names": gettext_lazy("given names"),
    "used_name": gettext_lazy("used name"),
    "birth_date": gettext_lazy("birth date"),
    "sex": gettext_lazy("sex"),
    "phone": gettext_lazy("phone"),
    "email": gettext_lazy("email address"),
    "postal_code": gettext_lazy("postal code"),
}
_TRAITS: Final = {
    "family_name": rules.Trait.NAME,
    "given_names": rules.Trait.NAME,
    "used_name": rules.Trait.NAME,
    "birth_date": rules.Trait.BIRTH_DATE,
    "sex": rules.Trait.SEX,
    "phone": rules.Trait.PHONE,
    "email": rules.Trait.EMAIL,
    "postal_code": rules.Trait.POSTAL_CODE,
}
_WORDS: Final = {
    rules.Verdict.SAME: gettext_lazy("same"),
    rules.Verdict.SIMILAR: gettext_lazy("nearly the same"),
    rules.Verdict.DIFFERENT: gettext_lazy("different"),
    rules.Verdict.UNKNOWN: gettext_lazy("not known on both sides"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One trait of both. `verdict` is a code for the style, `words` says it."""

    label: str
    left: str
    right: str
    verdict: str
    words: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A patient beside the person asked about."""

    patient: Patient
    percent: int
    lines: tuple[Line, ...]

    @property
    def nearly_certain(self) -> bool:
        return self.percent >= round(rules.NEARLY_CERTAIN * 100)


def shown(person: rules.Person, name: str) -> str:
    """A trait as people read it; "—" when it is not known."""
    value = getattr(person, name)
    if name == "birth_date" and value:
        if person.birth_precision == Precision.YEAR:
            return str(value.year)
        month = person.birth_precision == Precision.MONTH
        return date_format(value, "YEAR_MONTH_FORMAT" if month else "SHORT_DATE_FORMAT")
    if name == "sex":
        return str(Sex(value).label) if value in Sex.values else "—"
    return str(value or "—")


def lines(left: rules.Person, right: rules.Person, likeness: rules.Likeness) -> tuple[Line, ...]:
    found = []
    for name, label in _LABELS.items():
        one, other = shown(left, name), shown(right, name)
        verdict = likeness.verdict(_TRAITS[name])
        if _TRAITS[name] is rules.Trait.NAME:
            # The verdict is that of all names together; a single one is read by itself.
            verdict = _verdict_of_name(getattr(left, name), getattr(right, name), verdict)
        found.append(Line(str(label), one, other, verdict.value, str(_WORDS[verdict])))
    return tuple(found)


def _verdict_of_name(left: str, right: str, whole: rules.Verdict) -> rules.Verdict:
    if not left or not right:
        return rules.Verdict.UNKNOWN
    if rules.words(left) == rules.words(right):
        return rules.Verdict.SAME
    alone = rules.compare(rules.Person(family_name=left), rules.Person(family_name=right)).verdict(rules.Trait.NAME)
    return rules.Verdict.DIFFERENT if alone is rules.Verdict.SAME else alone


def compare_with(*, actor: User, asked: rules.Person, found: Sequence[Candidate]) -> list[Comparison]:
    """The likeliest candidates beside the person asked about. Each passes the door: they are about to be shown."""
    shown_ids = [one.id for one in found[:MOST_SHOWN]]
    for one in shown_ids:
        access_identity(actor=actor, patient_id=one, purpose="identity", action="compare")
    rows = Patient.objects.in_bulk(shown_ids)
    return [
        Comparison(
            patient=rows[one.id],
            percent=percent(one.likeness.score),
            lines=lines(asked, person_of(rows[one.id]), one.likeness),
        )
        for one in found
        if one.id in rows
    ]


def percent(score: float) -> int:
    return round(score * 100)
