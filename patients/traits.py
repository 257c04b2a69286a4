"""The details of a patient that the file which stays may take over from the one that is merged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import models
from django.utils.formats import date_format

from patients import rules
from patients.models import Patient

#: Details that go together: who takes the first takes all.
_WITH: Final = {"birth_date": ("birth_precision",), "deceased_at": ("deceased",)}
#: What belongs to the file and not to the person, or is worked out from the rest.
_NOT_TRAITS: Final = frozenset(
    {"user", "active", "identity_status", "birth_precision", "deceased", "source_system", "source_id", "source_digest"}
)


@dataclass(frozen=True, slots=True)
class Trait:
    """A detail in which the two files differ. `prefer_loser`: the file that stays does not know it."""

    name: str
    label: str
    survivor: str
    loser: str
    prefer_loser: bool


def names() -> list[str]:
    """The names of the details, in the order of the model."""
    return [
        field.name
        for field in Patient._meta.concrete_fields
        if field.editable
        and not field.primary_key
        and not field.is_relation
        and field.name not in _NOT_TRAITS
        # A field of our own kind, which encrypts for one, is not copied in the clear.
        and type(field).__module__.startswith("django.db.models")
    ]


def fields_of(name: str) -> tuple[str, ...]:
    return (name, *_WITH.get(name, ()))


def differing(survivor: Patient, loser: Patient) -> list[Trait]:
    found = []
    for name in names():
        if all(getattr(survivor, one) == getattr(loser, one) for one in fields_of(name)):
            continue
        field: models.Field[Any, Any] = Patient._meta.get_field(name)  # type: ignore[assignment]
        mine, theirs = _shown(survivor, name), _shown(loser, name)
        unknown = getattr(survivor, name) in (None, "", "unknown")
        found.append(Trait(name, str(field.verbose_name), mine, theirs, unknown and bool(theirs)))
    return found


def _shown(patient: Patient, name: str) -> str:
    display = getattr(patient, f"get_{name}_display", None)
    value = display() if display else getattr(patient, name)
    if isinstance(value, date):
        return date_format(value, "SHORT_DATE_FORMAT")
    return "" if value is None else str(value)


def derive(patient: Patient) -> list[str]:
    """Work out again what follows from the details. Returns the names of those fields."""
    patient.search_text = rules.search_text(patient.family_name, patient.used_name, patient.given_names)
    patient.phone_key = rules.phone_key(patient.phone)
    return ["search_text", "phone_key"]
