"""Numbers of patients: found by their keyed index, shown hidden. No access check here: callers have passed the door,
or disclose nothing but ids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from medisecure.kernel.crypto import Unreadable, keyring
from patients import rules
from patients.models import Patient, PatientIdentifier, identifier_domain
from patients.wording import doubts_text, kind_label

UNREADABLE: Final = "—"


@dataclass(frozen=True, slots=True)
class IdentifierLine:
    """One number as people see it before they ask for the whole."""

    id: UUID
    kind: str
    label: str
    country: str
    system: str
    masked: str
    status: str
    started_on: date | None
    ended_on: date | None
    #: What of the patient's traits it does not agree with, in words; "" when there is nothing.
    doubts: str


def indexes_of(kind: str, value: str) -> list[str]:
    """What a row with this number may be indexed with, under each key in use; none when it is no such number."""
    known = rules.KINDS.get(kind)
    if known is None:
        return []
    try:
        return keyring().indexes(known.read(value), identifier_domain(kind))
    except rules.Fault:
        return []


def same_identifier(*, kind: str, value: str, country: str = "", system: str = "") -> list[UUID]:
    """The patients who have this very number, also as one that has ended or is disputed; oldest first."""
    rows = _rows(kind=kind, value=value, country=country, system=system).order_by("patient_id")
    return list(dict.fromkeys(rows.values_list("patient_id", flat=True)))


def holder_of(*, kind: str, value: str, country: str = "", system: str = "") -> UUID | None:
    """The one patient whose active number it is."""
    rows = _rows(kind=kind, value=value, country=country, system=system)
    return rows.filter(status=PatientIdentifier.Status.ACTIVE).values_list("patient_id", flat=True).first()


def _rows(*, kind: str, value: str, country: str, system: str) -> QuerySet[PatientIdentifier]:
    country, system = place_of(kind, country, system)
    return PatientIdentifier.objects.filter(
        kind=kind, country=country, system=system, value_index__in=indexes_of(kind, value)
    )


def place_of(kind: str, country: str, system: str) -> tuple[str, str]:
    """(country, system) as stored beside a number: what its kind does not say by itself."""
    known = rules.KINDS.get(kind)
    if known is None:
        return country, system
    return known.country or rules.clean_text(country).upper(), rules.clean_text(system) if known.needs_system else ""


def identifiers_of(patient: Patient, *, ended: bool = False) -> list[IdentifierLine]:
    """The patient's numbers, hidden but for their last characters; with those that have ended when asked."""
    rows = PatientIdentifier.objects.filter(patient=patient)
    if not ended:
        rows = rows.exclude(status=PatientIdentifier.Status.OLD)
    return [_line(row, traits_of(patient)) for row in rows]


def traits_of(patient: Patient) -> rules.Traits:
    return rules.Traits(patient.sex, patient.birth_date, patient.birth_precision)


def _line(row: PatientIdentifier, traits: rules.Traits) -> IdentifierLine:
    kind = rules.KINDS.get(row.kind)
    try:
        value = row.value
        shown, doubts = rules.masked(value), kind.doubts(value, traits) if kind else ()
    except Unreadable:
        # A page must open without the key of one of its lines; asking for the whole number says what is wrong.
        shown, doubts = UNREADABLE, ()
    return IdentifierLine(
        id=row.id,
        kind=row.kind,
        label=str(kind_label(row.kind)),
        country=row.country,
        system=row.system,
        masked=shown,
        status=row.status,
        started_on=row.started_on,
        ended_on=row.ended_on,
        doubts=doubts_text(doubts),
    )


def masked_or_unreadable(row: Any, name: str) -> str:
    """A sealed text of a row, hidden but for its end."""
    try:
        return rules.masked(getattr(row, name))
    except Unreadable:
        return UNREADABLE
