"""The record as FHIR R4 (4.0.1), the other way round of `medisecure/ops/fhir/mapping/`: what is written here is read
there into the same rows, digit by digit (`tests/patients/test_export_round_trip.py`).

Ids are ours; references are `urn:uuid:` and stand in the same bundle. What FHIR has no element for is in the tables.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from django.conf import settings

from patients.exporting.hooks import Resource
from patients.models import (
    Allergy,
    ClinicalRow,
    Condition,
    Coverage,
    Encounter,
    Immunization,
    Medication,
    Observation,
    Patient,
    Practitioner,
    Procedure,
)

_HL7: Final = "http://terminology.hl7.org/CodeSystem"
#: A JSON number (RFC 8259 §6): a quantity whose digits are one is written with exactly these.
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_CHUNK: Final = 500


class Digits(str):
    """A number that keeps its digits ("7.10" is not "7.1": R4 §2.24.0.1, decimal)."""

    __slots__ = ()


#: Marks numbers in the text that Python's encoder makes; nobody can type it, because it is made anew at each start.
_MARK: Final = secrets.token_hex(12)
_MARKED: Final = re.compile(f'"{_MARK}([^"]*)"')


def encode(value: Any) -> str:
    """JSON, with `Digits` as numbers."""
    return _MARKED.sub(r"\1", json.dumps(_marked(value), ensure_ascii=False, default=_plain))


def _marked(value: Any) -> Any:
    if isinstance(value, Digits):
        return f"{_MARK}{value}"
    if isinstance(value, Mapping):
        return {key: _marked(item) for key, item in value.items()}
    return [_marked(item) for item in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def urn(id_: UUID | None) -> Resource:
    return {"reference": f"urn:uuid:{id_}"} if id_ else {}


def instant(value: datetime | None, precision: str = "instant") -> str:
    """A FHIR dateTime as exact as it is known."""
    if value is None:
        return ""
    patterns = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}
    return value.strftime(patterns[precision]) if precision in patterns else value.isoformat(timespec="milliseconds")


def concept(code: str, system: str, display: str, others: Iterable[Mapping[str, str]] = ()) -> Resource:
    """A CodeableConcept: our first coding, its name as text, the same meaning in other systems."""
    first = {"system": system, "code": code}
    codings = [first, *(dict(item) for item in others)] if code or system or others else []
    if codings and not (code or system):
        codings[0] = {"display": display}
    return {"coding": codings, "text": display}


def tidy(value: Any) -> Any:
    """Without what is empty: FHIR allows no empty text, list or object."""
    if isinstance(value, Mapping):
        return {key: found for key, item in value.items() if (found := tidy(item)) not in ("", None, [], {})}
    if isinstance(value, list):
        return [found for item in value if (found := tidy(item)) not in ("", None, [], {})]
    return value


def entry(resource: Resource) -> Resource:
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": tidy(resource)}


def resources_of(patient_id: UUID) -> Iterator[Resource]:
    """The patient, their record, and the professionals it names: in the order of the models."""
    patient = Patient.objects.get(id=patient_id)
    yield _patient(patient)
    named: set[UUID] = set()
    for model, write in _WRITERS.items():
        for row in model._default_manager.filter(patient_id=patient_id).order_by("id").iterator(chunk_size=_CHUNK):
            if practitioner_id := getattr(row, "practitioner_id", None):
                named.add(practitioner_id)
            yield write(row)
    yield from practitioners(named)


def practitioners(ids: Iterable[UUID]) -> Iterator[Resource]:
    """A professional by name, number and specialty; nothing else of them belongs to the patient."""
    for row in Practitioner.objects.filter(id__in=list(ids)).order_by("id"):
        yield {
            "resourceType": "Practitioner",
            "id": str(row.id),
            "active": row.active,
            "identifier": [{"system": row.identifier_system, "value": row.identifier}] if row.identifier else [],
            "name": [{"family": row.full_name}],
        }
        if row.specialty or row.specialty_label:
            # A resource of its own in FHIR; its id follows from the practitioner's, so that it stays the same.
            yield {
                "resourceType": "PractitionerRole",
                "id": str(uuid5(row.id, "role")),
                "practitioner": urn(row.id),
                "specialty": [concept(row.specialty, "", row.specialty_label)],
            }


def _patient(row: Patient) -> Resource:
    given = row.given_names.split(" ")
    names = [{"use": "official", "family": row.used_name or row.family_name, "given": given}]
    if row.used_name:
        names.append({"use": "maiden", "family": row.family_name})
    return {
        "resourceType": "Patient",
        "id": str(row.id),
        "identifier": [
            {
                "use": "official",
                "type": {"coding": [{"system": f"{_HL7}/v2-0203", "code": "MR"}]},
                "system": f"{settings.PUBLIC_URL}/record-number",
                "value": row.record_number,
            }
        ],
        "active": row.active,
        "name": names,
        "telecom": [
            {"system": "phone", "value": row.phone} if row.phone else {},
            {"system": "email", "value": row.email} if row.email else {},
        ],
        "gender": row.sex,
        "birthDate": _birth(row),
        **({"deceasedDateTime": instant(row.deceased_at)} if row.deceased_at else {}),
        **({"deceasedBoolean": True} if row.deceased and not row.deceased_at else {}),
        "address": [
            {
                "line": [row.address_line],
                "city": row.city,
                "state": row.region,
                "postalCode": row.postal_code,
                "country": row.country,
            }
        ],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": row.language}]}}],
    }


def _birth(row: Patient) -> str:
    if row.birth_date is None:
        return ""
    return row.birth_date.isoformat()[: {"year": 4, "month": 7}.get(row.birth_precision, 10)]


def _common(row: ClinicalRow, kind: str, *, subject: str = "subject") -> Resource:
    return {
        "resourceType": kind,
        "id": str(row.id),
        subject: urn(row.patient_id),
        "encounter": urn(getattr(row, "encounter_id", None)),
        "note": [{"text": row.note}] if row.note else [],
    }


def _code(row: ClinicalRow) -> Resource:
    return concept(row.code, row.code_system, row.display, row.other_codings)


def _period(row: ClinicalRow) -> Resource:
    return {
        "start": instant(row.started_at, row.started_precision),
        "end": instant(row.ended_at, row.ended_precision),
    }


def _when(row: ClinicalRow, name: str) -> Resource:
    """`name`DateTime, or `name`Period when an end is known."""
    return {f"{name}Period": _period(row)} if row.ended_at else {f"{name}DateTime": _period(row)["start"]}


def _category(code: str, system: str = "") -> list[Resource]:
    return [{"coding": [{"system": system, "code": code}]}] if code else []


def _told(text: str) -> list[Resource]:
    return [{"text": text}] if text else []


def _encounter(row: Encounter) -> Resource:
    code = row.class_code or "unknown"
    known = code in ("AMB", "EMER", "FLD", "HH", "IMP", "ACUTE", "NONAC", "OBSENC", "PRENC", "SS", "VR")
    system = f"{_HL7}/v3-ActCode" if known else f"{_HL7}/data-absent-reason" if code == "unknown" else ""
    found = _common(row, "Encounter") | {
        "status": row.status or "unknown",
        "class": {"system": system, "code": code, "display": row.class_display},
        "type": [_code(row)],
        "participant": [
            {
                "type": [{"coding": [{"system": f"{_HL7}/v3-ParticipationType", "code": "PPRF"}]}],
                "individual": urn(row.practitioner_id),
            }
        ]
        if row.practitioner_id
        else [],
        "period": _period(row),
        "reasonCode": _told(row.reason),
        "serviceProvider": {"display": row.place},
    }
    # R4 has no note on an encounter: it is in the table.
    found.pop("note")
    return found


def _condition(row: Condition) -> Resource:
    return _common(row, "Condition") | {
        "clinicalStatus": concept(row.status, f"{_HL7}/condition-clinical" if row.status else "", ""),
        "verificationStatus": concept(row.verification, f"{_HL7}/condition-ver-status" if row.verification else "", ""),
        "category": _category(row.category, f"{_HL7}/condition-category"),
        "severity": {"text": row.severity},
        "code": _code(row),
        "onsetDateTime": instant(row.started_at, row.started_precision),
        "abatementDateTime": instant(row.ended_at, row.ended_precision),
    }


def _allergy(row: Allergy) -> Resource:
    system = f"{_HL7}/allergyintolerance"
    return _common(row, "AllergyIntolerance", subject="patient") | {
        "clinicalStatus": concept(row.status, f"{system}-clinical" if row.status else "", ""),
        "verificationStatus": concept(row.verification, f"{system}-verification" if row.verification else "", ""),
        "type": row.kind,
        "category": [row.category],
        "criticality": row.criticality,
        "code": _code(row),
        "onsetDateTime": instant(row.started_at, row.started_precision),
        "reaction": [
            {"manifestation": [{"text": item.get("display", "")}], "severity": item.get("severity", "")}
            for item in row.reactions
        ],
    }


def _medication(row: Medication) -> Resource:
    return _common(row, "MedicationRequest") | {
        "status": row.status or "unknown",
        "intent": row.intent or "order",
        "medicationCodeableConcept": _code(row),
        "authoredOn": instant(row.started_at, row.started_precision),
        "requester": urn(row.practitioner_id),
        "reasonCode": _told(row.reason),
        "dosageInstruction": [{"text": line} for line in row.dosage.split("\n")],
    }


def _immunization(row: Immunization) -> Resource:
    when = instant(row.started_at, row.started_precision)
    return _common(row, "Immunization", subject="patient") | {
        "status": row.status or "completed",
        "vaccineCode": _code(row),
        **({"occurrenceDateTime": when} if when else {"occurrenceString": "unknown"}),
        "lotNumber": row.lot_number,
    }


def _observation(row: Observation) -> Resource:
    fields = ("quantity", "comparator", "unit", "value_code", "value_system", "value_text")
    return (
        _common(row, "Observation")
        | {
            "status": row.status or "unknown",
            "category": _category(row.category, f"{_HL7}/observation-category"),
            "code": _code(row),
            "interpretation": _told(row.interpretation),
            "referenceRange": _told(row.reference_range),
            "component": [
                {"code": concept(item.get("code", ""), item.get("system", ""), item.get("display", ""))} | _value(item)
                for item in row.components
            ],
        }
        | _when(row, "effective")
        | _value({name: getattr(row, name) for name in fields})
    )


def _value(found: Mapping[str, str]) -> Resource:
    """value[x]: a quantity in its own digits, a code, or a text."""
    if digits := found.get("quantity"):
        if not _NUMBER.fullmatch(digits):
            return {"valueString": f"{digits} {found.get('unit', '')}".strip()}
        unit = found.get("unit", "")
        return {
            "valueQuantity": {"value": Digits(digits), "comparator": found.get("comparator", ""), "unit": unit},
        }
    if found.get("value_code") or found.get("value_system"):
        return {
            "valueCodeableConcept": concept(
                found.get("value_code", ""), found.get("value_system", ""), found.get("value_text", "")
            )
        }
    return {"valueString": found.get("value_text", "")}


def _procedure(row: Procedure) -> Resource:
    return (
        _common(row, "Procedure")
        | {
            "status": row.status or "unknown",
            "category": next(iter(_category(row.category)), {}),
            "code": _code(row),
            "performer": [{"actor": urn(row.practitioner_id)}] if row.practitioner_id else [],
            "reasonCode": _told(row.reason),
        }
        | _when(row, "performed")
    )


def _coverage(row: Coverage) -> Resource:
    plan = {"type": {"coding": [{"system": f"{_HL7}/coverage-class", "code": "plan"}]}, "value": row.plan_code}
    found = _common(row, "Coverage", subject="beneficiary") | {
        "status": row.status or "active",
        # The name of the plan stands with the plan where it has a number, else with the kind of insurance.
        "type": concept(row.code, row.code_system, "" if row.plan_code else row.display, row.other_codings),
        "subscriberId": row.member_number,
        "period": _period(row),
        "payor": [{"display": row.payer or "?"}],
        "class": [plan | {"name": row.display}] if row.plan_code else [],
    }
    # R4 has neither on a coverage: what there is, is in the table.
    found.pop("note")
    found.pop("encounter")
    return found


_WRITERS: Final[dict[type[ClinicalRow], Callable[[Any], Resource]]] = {
    Encounter: _encounter,
    Condition: _condition,
    Allergy: _allergy,
    Medication: _medication,
    Immunization: _immunization,
    Observation: _observation,
    Procedure: _procedure,
    Coverage: _coverage,
}
