"""The medical record as one answer: a fixed number of queries, kept in the cache behind the door."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, Count, F, Q, QuerySet, TextField, Value, When, Window
from django.db.models.functions import RowNumber

from medisecure.accounts.models import User
from medisecure.kernel.cache import RECORD_SECONDS, record_scope, remember
from medisecure.kernel.errors import NotFound
from patients.access import access_record
from patients.cards import card_of_patient
from patients.identifiers import masked_or_unreadable
from patients.models import (
    Allergy,
    ClinicalRow,
    Condition,
    Coverage,
    Encounter,
    Immunization,
    MedicalRecord,
    Medication,
    Observation,
    Patient,
    Procedure,
)
from patients.sections import narrowed, sections

#: So many of the newest values are shown of each kind of observation, with the count of all.
LATEST_OBSERVATIONS: Final = 5
#: FHIR R4: the row was written by mistake. It stays in the database and out of sight.
_IN_ERROR: Final = "entered-in-error"

_COMMON: Final = (
    "id",
    "code",
    "code_system",
    "display",
    "other_codings",
    "status",
    "category",
    "started_at",
    "started_precision",
    "ended_at",
    "ended_precision",
    "note",
    "version",
)
#: Section → (model, its own fields). Practitioners are named, because an id tells the reader nothing.
_LISTS: Final[dict[str, tuple[type[ClinicalRow], tuple[str, ...]]]] = {
    "encounters": (
        Encounter,
        ("class_code", "class_display", "reason", "place", "practitioner_id", "practitioner__full_name"),
    ),
    "conditions": (Condition, ("encounter_id", "verification", "severity")),
    "allergies": (Allergy, ("encounter_id", "kind", "criticality", "verification", "reactions")),
    "medications": (
        Medication,
        ("encounter_id", "intent", "dosage", "reason", "practitioner_id", "practitioner__full_name"),
    ),
    "immunizations": (Immunization, ("encounter_id", "lot_number")),
    "procedures": (Procedure, ("encounter_id", "reason", "practitioner_id", "practitioner__full_name")),
    "coverages": (Coverage, ("role", "payer", "sealed_member_number", "plan_code")),
}
_VALUE_FIELDS: Final = (
    "id",
    "encounter_id",
    "status",
    "started_at",
    "started_precision",
    "quantity",
    "number",
    "comparator",
    "unit",
    "value_code",
    "value_system",
    "value_text",
    "interpretation",
    "reference_range",
    "components",
    "note",
)


def medical_record(*, actor: User, patient_id: UUID, purpose: str) -> tuple[dict[str, Any], bool]:
    """The patient's whole record, and whether it came from the cache.

    The door comes first, so a record that is kept is never given to someone who may not see it. Keys: patient, version,
    changed_at, encounters, conditions, allergies, medications, immunizations, procedures, coverages, observations (one
    item per code with its count and latest values), and the sections that other apps registered. Instants are aware
    datetimes. Raises `NotFound` or `Refused` as `access_record`.
    """
    access_record(actor=actor, patient_id=patient_id, purpose=purpose)
    record, from_cache = remember(record_scope(patient_id), RECORD_SECONDS, lambda: build_record(patient_id))
    return narrowed(record, actor, patient_id), from_cache


def build_record(patient_id: UUID) -> dict[str, Any]:
    patient = Patient.objects.filter(id=patient_id).first()
    if patient is None:
        raise NotFound
    version = MedicalRecord.objects.filter(patient_id=patient_id).values("version", "changed_at").first()
    record: dict[str, Any] = {
        "patient": asdict(card_of_patient(patient)),
        "version": version["version"] if version else 0,
        "changed_at": version["changed_at"] if version else patient.changed_at,
    }
    for name, (model, fields) in _LISTS.items():
        record[name] = [_named(row) for row in _valid(model, patient_id).values(*_COMMON, *fields)]
    record["observations"] = _series(patient_id)
    for name, provider in sections().items():
        record[name] = provider(patient_id)
    return record


def _valid(model: type[ClinicalRow], patient_id: UUID) -> QuerySet[Any]:
    mistaken = Q(status=_IN_ERROR)
    if model in (Condition, Allergy):
        mistaken |= Q(verification=_IN_ERROR)
    # Newest first; what has no date stands at the end on every engine.
    return (
        model._default_manager.filter(patient_id=patient_id)
        .exclude(mistaken)
        .order_by(F("started_at").desc(nulls_last=True), "-id")
    )


def _named(row: dict[str, Any]) -> dict[str, Any]:
    if "practitioner__full_name" in row:
        row["practitioner_name"] = row.pop("practitioner__full_name") or ""
    if "sealed_member_number" in row:
        # Hidden here, before the record goes into the cache: the whole number is asked for by itself.
        insurer = Coverage(id=row["id"], sealed_member_number=row.pop("sealed_member_number"))
        row["member_number"] = masked_or_unreadable(insurer, "member_number")
    return row


def _series(patient_id: UUID) -> list[dict[str, Any]]:
    """Observations by code: one query, however many there are. Codeless ones are grouped by their name."""
    # The same code is the same measure, whatever each source calls it.
    name = Case(When(code="", then=F("display")), default=Value(""), output_field=TextField())
    by_code: list[Any] = [F("code_system"), F("code"), name]
    rows: Iterable[dict[str, Any]] = (
        _valid(Observation, patient_id)
        .annotate(
            place=Window(
                RowNumber(), partition_by=by_code, order_by=[F("started_at").desc(nulls_last=True), F("id").desc()]
            ),
            total=Window(Count("*"), partition_by=by_code),
        )
        .filter(place__lte=LATEST_OBSERVATIONS)
        .values("code", "code_system", "display", "category", "total", *_VALUE_FIELDS)
    )
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        key = (row["code_system"], row["code"], "" if row["code"] else row["display"])
        series = found.setdefault(
            key,
            {
                "code": row["code"],
                "code_system": row["code_system"],
                "display": row["display"],
                "category": row["category"],
                "count": row["total"],
                "latest": [],
            },
        )
        series["latest"].append({field: row[field] for field in _VALUE_FIELDS})
    return list(found.values())
