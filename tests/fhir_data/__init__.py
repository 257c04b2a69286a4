"""Small invented FHIR R4 bundles: nobody's data, every resource type that the import takes, and two that it leaves."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db.models import Model

from medisecure.kernel.databases import DEFAULT, alias_for

Resource = dict[str, Any]

NOTE = "2024-03-01\n\n# Chief complaint\nNone. Élodie is well.\n"


def urn(name: str) -> str:
    """A stable urn:uuid for a short name."""
    return f"urn:uuid:00000000-0000-4000-8000-{int.from_bytes(name.encode()[:6], 'big'):012x}"


def concept(code: str, display: str, system: str = "http://snomed.info/sct") -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def entry(name: str, kind: str, /, **fields: Any) -> Resource:
    return {
        "fullUrl": urn(name),
        "resource": {"resourceType": kind, "id": urn(name).removeprefix("urn:uuid:"), **fields},
        "request": {"method": "POST", "url": kind},
    }


def entries(prefix: str = "") -> list[Resource]:
    """One patient with one of everything. The order is that of the exporters: references point forward too."""

    def ref(name: str) -> Resource:
        return {"reference": urn(prefix + name)}

    def make(name: str, kind: str, /, **fields: Any) -> Resource:
        return entry(prefix + name, kind, **fields)

    subject, encounter = {"subject": ref("pat")}, {"encounter": ref("enc")}
    when = "2024-03-01T09:00:00.123456+01:00"
    return [
        make(
            "pat",
            "Patient",
            active=True,
            name=[
                {"use": "official", "family": "Lefèvre123", "given": ["Élodie", "Marie"], "prefix": ["Mrs."]},
                {"use": "maiden", "family": "Núñez7", "given": ["Élodie"]},
            ],
            gender="female",
            birthDate="1980-05-02",
            telecom=[
                {"system": "phone", "value": "+33 1 00 00 00 00"},
                {"system": "email", "value": "élodie@example.org"},
            ],
            address=[{"line": ["1 rue de la Paix", "Esc. B"], "city": "Lyon", "postalCode": "69001", "country": "FR"}],
            communication=[{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es"}]}}],
        ),
        make(
            "enc",
            "Encounter",
            status="finished",
            **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
            type=[concept("185349003", "Check-up")],
            **subject,
            participant=[
                {"individual": ref("rel")},
                {"type": [concept("PPRF", "primary performer")], "individual": ref("doc")},
            ],
            period={"start": when, "end": "2024-03-01T09:30:00+01:00"},
            reasonCode=[{"text": "Yearly visit"}],
        ),
        make(
            "con",
            "Condition",
            clinicalStatus=concept("active", ""),
            verificationStatus=concept("confirmed", ""),
            code={
                "coding": [
                    {"system": "http://hl7.org/fhir/sid/icd-10", "code": "I10", "display": "Hypertension"},
                    {"system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertensive disorder"},
                ]
            },
            onsetDateTime="2019-06",
            **subject,
            **encounter,
        ),
        make(
            "all",
            "AllergyIntolerance",
            patient=ref("pat"),
            code=concept("91936005", "Penicillin"),
            category=["medication"],
            criticality="high",
            reaction=[{"manifestation": [concept("271807003", "Rash")], "severity": "mild"}],
        ),
        make(
            "med",
            "MedicationRequest",
            status="active",
            intent="order",
            medicationCodeableConcept=concept("C09AA05", "Ramipril 5 mg", "http://www.whocc.no/atc"),
            authoredOn=when,
            requester=ref("rol"),
            dosageInstruction=[
                {
                    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                    "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}],
                }
            ],
            **subject,
            **encounter,
        ),
        make(
            "imm",
            "Immunization",
            status="completed",
            patient=ref("pat"),
            vaccineCode=concept("140", "Influenza", "http://hl7.org/fhir/sid/cvx"),
            occurrenceDateTime="2024-03-01",
            lotNumber="L-7",
            **encounter,
        ),
        make(
            "obs",
            "Observation",
            status="final",
            code=concept("29463-7", "Body weight", "http://loinc.org"),
            effectiveDateTime=when,
            valueQuantity={"value": 61.50, "unit": "kg"},
            **subject,
            **encounter,
        ),
        make(
            "bp",
            "Observation",
            status="final",
            code=concept("85354-9", "Blood pressure", "http://loinc.org"),
            effectiveDateTime=when,
            component=[{"code": concept("8480-6", "Systolic"), "valueQuantity": {"value": 121, "unit": "mm[Hg]"}}],
            **subject,
        ),
        make(
            "pro",
            "Procedure",
            status="completed",
            code=concept("710824005", "Assessment"),
            performedPeriod={"start": when, "end": "2024-03-01T09:20:00+01:00"},
            **subject,
            **encounter,
        ),
        make(
            "cov",
            "Coverage",
            status="active",
            beneficiary=ref("pat"),
            payor=[{"display": "Assurance maladie"}],
            period={"start": "2024"},
            type=concept("PUBLICPOL", ""),
            **{"class": [{"type": concept("plan", ""), "value": "01", "name": "Régime général"}]},
        ),
        make(
            "dcr",
            "DocumentReference",
            status="current",
            type=concept("34117-2", "History and physical note", "http://loinc.org"),
            category=[concept("clinical-note", "Clinical Note")],
            date=when,
            content=[
                {
                    "attachment": {
                        "contentType": "text/plain; charset=utf-8",
                        "data": base64.b64encode(NOTE.encode()).decode(),
                    }
                }
            ],
            **subject,
        ),
        make("doc", "Practitioner", name=[{"family": "Bose", "given": ["Anil"], "prefix": ["Dr."]}], active=True),
        make("rol", "PractitionerRole", practitioner=ref("doc"), specialty=[{"text": "Internal Medicine"}]),
        make("rel", "RelatedPerson", patient=ref("pat")),
        make("cla", "Claim"),
    ]


def bundle(items: list[Resource], kind: str = "Bundle") -> Resource:
    return {"resourceType": kind, "type": "transaction", "entry": items}


def write(path: Path, content: Resource) -> Path:
    """As JSON, gzipped when the name ends in .gz."""
    data = json.dumps(content, ensure_ascii=False).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def changed(items: list[Resource], name: str, change: Callable[[Resource], Any]) -> list[Resource]:
    """A copy in which `change` has been applied to the resource called `name`."""
    copy = deepcopy(items)
    for item in copy:
        if item["fullUrl"] == urn(name):
            change(item["resource"])
            return copy
    raise LookupError(name)


def rows() -> dict[str, int]:
    """How many rows each table of the default database has, but for Django's own bookkeeping."""
    models: list[type[Model]] = [model for model in apps.get_models() if alias_for(model) == DEFAULT]
    return {model._meta.label: model._default_manager.count() for model in models}
