"""FHIR R4 resources as the rows they become: pure, one function per resource type.

Links (`patient`, `encounter`, `practitioner`) still hold FHIR references; `references.References` turns them into ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from medisecure.ops.fhir.mapping import clinical, findings, people
from medisecure.ops.fhir.mapping.shared import IncomingDocument, Mapped
from medisecure.ops.fhir.values import BadResource, Node
from patients.interface import Incoming, too_long

__all__ = ["TAKEN", "IncomingDocument", "Mapped", "map_resource"]

TAKEN: Final[Mapping[str, Callable[[Node, str], list[Mapped]]]] = {
    "Patient": people.patient,
    "Practitioner": people.practitioner,
    "PractitionerRole": people.role,
    "Encounter": clinical.encounter,
    "Condition": clinical.condition,
    "AllergyIntolerance": clinical.allergy,
    "MedicationRequest": clinical.medication,
    "Immunization": clinical.immunization,
    "Observation": findings.observation,
    "Procedure": clinical.procedure,
    "Coverage": people.coverage,
    "DocumentReference": findings.document,
}


def map_resource(resource: Mapping[str, Any], source_id: str) -> list[Mapped]:
    """The rows that a resource becomes. Raises `BadResource`; KeyError for a type that is not taken."""
    kind = str(resource["resourceType"])
    found = TAKEN[kind](Node(kind, "", resource), source_id)
    for item in found:
        if isinstance(item, Incoming) and (problem := too_long(item)):
            name, length, most = problem
            raise BadResource(kind, name, f"has {length} characters, at most {most} can be kept; nothing is ever cut")
    return found
