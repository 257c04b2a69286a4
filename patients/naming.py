"""The names a person is known by, as words, for whoever compares them with another paper. No access check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from patients.models import Patient
from patients.rules.names import words


@dataclass(frozen=True, slots=True)
class KnownNames:
    """`birth_precision` says how much of the date is known: year, month or day."""

    family: frozenset[str]
    given: frozenset[str]
    birth_date: date | None
    birth_precision: str


def name_words(text: str) -> frozenset[str]:
    """The words of a name without case and accents."""
    return frozenset(words(text))


def known_names(patient_id: UUID) -> KnownNames | None:
    """None when there is no such patient."""
    row = (
        Patient.objects.filter(id=patient_id)
        .values("family_name", "used_name", "given_names", "birth_date", "birth_precision")
        .first()
    )
    if row is None:
        return None
    return KnownNames(
        family=name_words(f"{row['family_name']} {row['used_name']}"),
        given=name_words(row["given_names"]),
        birth_date=row["birth_date"],
        birth_precision=row["birth_precision"],
    )
