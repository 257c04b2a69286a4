"""What a source says about people and their record, before it is stored: one frozen dataclass per kind of row.

Fields have the names of the model's columns. `patient`, `encounter` and `practitioner` hold the source's ids.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, ClassVar, Final

from medisecure.kernel.crypto import keyring
from patients import models


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    source_id: str
    #: True for kinds with a number that is encrypted here: a plain digest would let it be guessed, digit by digit.
    secret: ClassVar[bool] = False

    def digests(self) -> list[str]:
        """What tells that the source said the same: SHA-256 of all of it, or its keyed index under each key in use.
        The first is the one to store."""
        values = [type(self).__name__, *([item.name, getattr(self, item.name)] for item in fields(self))]
        text = json.dumps(values, default=str, ensure_ascii=False)
        if self.secret:
            return keyring().indexes(text, "source digest")
        return [hashlib.sha256(text.encode()).hexdigest()]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingPatient(Incoming):
    family_name: str
    given_names: str = ""
    used_name: str = ""
    birth_date: date | None = None
    birth_precision: str = "day"
    deceased: bool = False
    deceased_at: datetime | None = None
    sex: str = "unknown"
    phone: str = ""
    email: str = ""
    address_line: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    language: str = "fr"
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingPractitioner(Incoming):
    full_name: str
    identifier: str = ""
    identifier_system: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingSpecialty(Incoming):
    """What a practitioner practises: FHIR keeps it in a resource of its own, we on the practitioner."""

    practitioner: str
    specialty: str
    specialty_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingRow(Incoming):
    patient: str
    code: str = ""
    code_system: str = ""
    display: str = ""
    other_codings: list[dict[str, str]] = field(default_factory=list)
    status: str = ""
    category: str = ""
    started_at: datetime | None = None
    started_precision: str = "instant"
    ended_at: datetime | None = None
    ended_precision: str = "instant"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingEncounter(IncomingRow):
    class_code: str = ""
    class_display: str = ""
    reason: str = ""
    practitioner: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCondition(IncomingRow):
    encounter: str = ""
    verification: str = ""
    severity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingAllergy(IncomingRow):
    encounter: str = ""
    kind: str = ""
    criticality: str = ""
    verification: str = ""
    reactions: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMedication(IncomingRow):
    encounter: str = ""
    intent: str = ""
    dosage: str = ""
    reason: str = ""
    practitioner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingImmunization(IncomingRow):
    encounter: str = ""
    lot_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingObservation(IncomingRow):
    encounter: str = ""
    quantity: str = ""
    number: float | None = None
    comparator: str = ""
    unit: str = ""
    value_code: str = ""
    value_system: str = ""
    value_text: str = ""
    interpretation: str = ""
    reference_range: str = ""
    components: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingProcedure(IncomingRow):
    encounter: str = ""
    reason: str = ""
    practitioner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingIdentifier(Incoming):
    """A number of the patient; `kind` is one of rules.KINDS."""

    secret = True
    patient: str
    kind: str
    value: str
    country: str = ""
    system: str = ""
    started_on: date | None = None
    ended_on: date | None = None
    status: str = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCoverage(IncomingRow):
    secret = True
    role: str = ""
    payer: str = ""
    member_number: str = ""
    plan_code: str = ""


MODELS: Final[Mapping[type[Incoming], type[models.ClinicalRow]]] = {
    IncomingEncounter: models.Encounter,
    IncomingCondition: models.Condition,
    IncomingAllergy: models.Allergy,
    IncomingMedication: models.Medication,
    IncomingImmunization: models.Immunization,
    IncomingObservation: models.Observation,
    IncomingProcedure: models.Procedure,
    IncomingCoverage: models.Coverage,
}

_PEOPLE: Final[Mapping[type[Incoming], type[Any]]] = {
    IncomingPatient: models.Patient,
    IncomingPractitioner: models.Practitioner,
    IncomingSpecialty: models.Practitioner,
    IncomingIdentifier: models.PatientIdentifier,
}

#: Texts that are encrypted, so that their column has no bound of its own.
_SEALED_LENGTH: Final = {"member_number": 200, "value": 64}


def longest(kind: type[Incoming], name: str) -> int | None:
    """The most characters that the column of this field takes; None when it has no bound."""
    if name in _SEALED_LENGTH:
        return _SEALED_LENGTH[name]
    model: type[Any] = MODELS.get(kind) or _PEOPLE[kind]
    found: int | None = getattr(model._meta.get_field(name), "max_length", None)
    return found


def too_long(item: Incoming) -> tuple[str, int, int] | None:
    """(field, its length, the most it takes) of the first text that does not fit. It is refused and never cut."""
    for name, most in _bounds(type(item)):
        if len(getattr(item, name)) > most:
            return name, len(getattr(item, name)), most
    return None


_known_bounds: dict[type[Incoming], list[tuple[str, int]]] = {}


def _bounds(kind: type[Incoming]) -> list[tuple[str, int]]:
    if kind not in _known_bounds:
        links = {"patient", "encounter", "practitioner"}
        texts = [item.name for item in fields(kind) if item.type == "str" and item.name not in links]
        _known_bounds[kind] = [(name, most) for name in texts if (most := longest(kind, name))]
    return _known_bounds[kind]
