"""What happened and what was prescribed: encounters, conditions, allergies, medications, immunizations, procedures."""

from __future__ import annotations

from typing import Final

from medisecure.ops.fhir.mapping.shared import Mapped, coded, dates, needs_code, quantity
from medisecure.ops.fhir.values import Concept, Node, When, labels, notes
from patients.interface import (
    IncomingAllergy,
    IncomingCondition,
    IncomingEncounter,
    IncomingImmunization,
    IncomingMedication,
    IncomingProcedure,
)

#: R4 value sets with a required binding.
_ENCOUNTER: Final = (
    "planned",
    "arrived",
    "triaged",
    "in-progress",
    "onleave",
    "finished",
    "cancelled",
    "entered-in-error",
    "unknown",
)
_EVENT: Final = (
    "preparation",
    "in-progress",
    "not-done",
    "on-hold",
    "stopped",
    "completed",
    "entered-in-error",
    "unknown",
)
_REQUEST: Final = ("active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown")
_INTENT: Final = (
    "proposal",
    "plan",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
)
_IMMUNIZATION: Final = ("completed", "entered-in-error", "not-done")
_CRITICALITY: Final = ("low", "high", "unable-to-assess")


def encounter(node: Node, source_id: str) -> list[Mapped]:
    kind = node.node("class")
    klass = kind.as_coding() if kind else Concept()
    types = node.concepts("type")
    reasons = labels(node.concepts("reasonCode"))
    # The primary performer first; an encounter without one belongs to whoever took part.
    people = sorted(
        (item for item in node.nodes("participant") if item.reference("individual")),
        key=lambda item: "PPRF" not in {concept.code for concept in item.concepts("type")},
    )
    provider = node.node("serviceProvider")
    return [
        IncomingEncounter(
            source_id=source_id,
            patient=node.reference("subject", required=True),
            practitioner=people[0].reference("individual") if people else "",
            status=node.code("status", _ENCOUNTER, required=True),
            class_code=klass.code,
            class_display=klass.display,
            reason=reasons,
            place=provider.text("display") if provider else "",
            **coded(types[0] if types else Concept()),
            **dates(*node.period("period")),
        )
    ]


def _onset(node: Node) -> tuple[When, When]:
    """Condition and AllergyIntolerance: onset and abatement as dateTime or Period; an age or a text has no instant."""
    start = node.when("onsetDateTime") if node.has("onsetDateTime") else node.period("onsetPeriod")[0]
    end = node.when("abatementDateTime") if node.has("abatementDateTime") else node.period("abatementPeriod")[1]
    return (start if start.at else node.when("recordedDate")), end


def _told(node: Node) -> str:
    """The note, with what onset or abatement say in words."""
    parts = [text for name in ("onsetString", "abatementString") if (text := node.text(name))]
    return "\n\n".join(part for part in (*parts, notes(node)) if part)


def condition(node: Node, source_id: str) -> list[Mapped]:
    categories = node.concepts("category")
    return [
        IncomingCondition(
            source_id=source_id,
            patient=node.reference("subject", required=True),
            encounter=node.reference("encounter"),
            status=node.concept("clinicalStatus").code,
            verification=node.concept("verificationStatus").code,
            category=categories[0].code if categories else "",
            severity=labels([node.concept("severity")]),
            note=_told(node),
            **coded(needs_code(node, "code", node.concept("code"))),
            **dates(*_onset(node)),
        )
    ]


def allergy(node: Node, source_id: str) -> list[Mapped]:
    categories = node.texts("category")
    reactions = [
        {"display": labels(item.concepts("manifestation")), "severity": item.text("severity")}
        for item in node.nodes("reaction")
    ]
    return [
        IncomingAllergy(
            source_id=source_id,
            patient=node.reference("patient", required=True),
            encounter=node.reference("encounter"),
            status=node.concept("clinicalStatus").code,
            verification=node.concept("verificationStatus").code,
            category=categories[0] if categories else "",
            kind=node.text("type"),
            criticality=node.code("criticality", _CRITICALITY),
            reactions=reactions,
            note=_told(node),
            **coded(needs_code(node, "code", node.concept("code"))),
            **dates(*_onset(node)),
        )
    ]


def medication(node: Node, source_id: str) -> list[Mapped]:
    concept = node.concept("medicationCodeableConcept")
    if not concept.code and not concept.display and (drug := node.node("medicationReference")):
        concept = Concept(display=drug.text("display") or drug.text("reference"))
    return [
        IncomingMedication(
            source_id=source_id,
            patient=node.reference("subject", required=True),
            encounter=node.reference("encounter"),
            practitioner=node.reference("requester"),
            status=node.code("status", _REQUEST, required=True),
            intent=node.code("intent", _INTENT, required=True),
            dosage="\n".join(text for item in node.nodes("dosageInstruction") if (text := _dosage(item))),
            reason=labels(node.concepts("reasonCode")),
            note=notes(node),
            **coded(needs_code(node, "medicationCodeableConcept", concept)),
            **dates(node.when("authoredOn")),
        )
    ]


def _dosage(item: Node) -> str:
    """One dosage line: its own text, or its parts: dose, frequency per period, as needed, instructions."""
    if text := item.text("text"):
        return text
    parts = [quantity(dose.node("doseQuantity")) for dose in item.nodes("doseAndRate")]
    timing = item.node("timing")
    if timing and (repeat := timing.node("repeat")):
        often, period = repeat.number("frequency")[0], repeat.number("period")[0]
        if often and period:
            parts.append(f"{often} × / {period} {repeat.text('periodUnit')}".strip())
    if item.has("asNeededBoolean") and item.boolean("asNeededBoolean", False):
        parts.append("as needed")
    parts.append(labels(item.concepts("additionalInstruction")))
    parts.append(item.text("patientInstruction"))
    return ", ".join(part for part in parts if part)


def immunization(node: Node, source_id: str) -> list[Mapped]:
    return [
        IncomingImmunization(
            source_id=source_id,
            patient=node.reference("patient", required=True),
            encounter=node.reference("encounter"),
            status=node.code("status", _IMMUNIZATION, required=True),
            lot_number=node.text("lotNumber"),
            note="\n\n".join(part for part in (node.text("occurrenceString"), notes(node)) if part),
            **coded(needs_code(node, "vaccineCode", node.concept("vaccineCode"))),
            **dates(node.when("occurrenceDateTime")),
        )
    ]


def procedure(node: Node, source_id: str) -> list[Mapped]:
    start, end = node.period("performedPeriod")
    if node.has("performedDateTime"):
        start = node.when("performedDateTime")
    performers = [item for item in node.nodes("performer") if item.reference("actor")]
    return [
        IncomingProcedure(
            source_id=source_id,
            patient=node.reference("subject", required=True),
            encounter=node.reference("encounter"),
            practitioner=performers[0].reference("actor") if performers else "",
            status=node.code("status", _EVENT, required=True),
            category=node.concept("category").code,
            reason=labels(node.concepts("reasonCode")),
            note="\n\n".join(part for part in (node.text("performedString"), notes(node)) if part),
            **coded(needs_code(node, "code", node.concept("code"))),
            **dates(start, end),
        )
    ]
