"""What was measured and written: Observation, DocumentReference."""

from __future__ import annotations

from typing import Final

from medisecure.ops.fhir.mapping.shared import IncomingDocument, Mapped, coded, dates, needs_code, quantity
from medisecure.ops.fhir.values import Node, labels, notes
from patients.interface import IncomingObservation

#: R4 value sets with a required binding.
_OBSERVATION: Final = (
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
)
_DOCUMENT: Final = ("current", "superseded", "entered-in-error")
_COMPARATOR: Final = ("<", "<=", ">=", ">")
#: What a document is to us, by its LOINC type and else by its FHIR category; anything else is "other".
_DOCUMENT_KINDS: Final = {
    "57133-1": "letter",  # referral note
    "57833-6": "prescription",
    "18748-4": "imaging",  # diagnostic imaging study
    "11502-2": "lab",  # laboratory report
    "clinical-note": "report",
    "imaging": "imaging",
    "laboratory": "lab",
    "LAB": "lab",
    # Our own, of an export of ours (documents/exporting.py).
    **{code: code for code in ("report", "letter", "prescription", "lab", "identity")},
}


def observation(node: Node, source_id: str) -> list[Mapped]:
    start, end = node.period("effectivePeriod")
    for name in ("effectiveDateTime", "effectiveInstant"):
        if node.has(name):
            start = node.when(name)
    categories = node.concepts("category")
    value, number = _value(node)
    return [
        IncomingObservation(
            source_id=source_id,
            patient=node.reference("subject", required=True),
            encounter=node.reference("encounter"),
            status=node.code("status", _OBSERVATION, required=True),
            category=categories[0].code if categories else "",
            quantity=value["quantity"],
            number=number,
            comparator=value["comparator"],
            unit=value["unit"],
            value_code=value["value_code"],
            value_system=value["value_system"],
            value_text=value["value_text"],
            interpretation=", ".join(item.code or item.display for item in node.concepts("interpretation")),
            reference_range="; ".join(text for item in node.nodes("referenceRange") if (text := _range(item))),
            components=[_component(item) for item in node.nodes("component")],
            note=notes(node),
            **coded(needs_code(node, "code", node.concept("code"))),
            **dates(start, end),
        )
    ]


def _component(item: Node) -> dict[str, str]:
    code = needs_code(item, "code", item.concept("code"))
    return {"code": code.code, "system": code.system, "display": code.display} | _value(item)[0]


def _value(node: Node) -> tuple[dict[str, str], float | None]:
    """value[x] of an Observation or a component; types that have no column of their own are kept as text."""
    empty = {"quantity": "", "comparator": "", "unit": "", "value_code": "", "value_system": "", "value_text": ""}
    if found := node.node("valueQuantity"):
        digits, number = found.number("value")
        unit = found.text("unit") or found.text("code")
        comparator = found.code("comparator", _COMPARATOR)
        return empty | {"quantity": digits, "comparator": comparator, "unit": unit}, number
    if node.has("valueInteger"):
        digits, number = node.number("valueInteger")
        return empty | {"quantity": digits}, number
    if node.has("valueCodeableConcept"):
        concept = node.concept("valueCodeableConcept")
        return empty | {
            "value_code": concept.code,
            "value_system": concept.system,
            "value_text": concept.display,
        }, None
    if node.has("valueBoolean"):
        return empty | {"value_text": "true" if node.boolean("valueBoolean", False) else "false"}, None
    if ratio := node.node("valueRatio"):
        sides = [quantity(ratio.node(side)) for side in ("numerator", "denominator")]
        return empty | {"value_text": " / ".join(sides)}, None
    if span := node.node("valueRange"):
        return empty | {"value_text": _range(span)}, None
    for name in ("valueDateTime", "valueTime", "valueString"):
        if node.has(name):
            return empty | {"value_text": node.text(name)}, None
    for name in ("valuePeriod", "valueSampledData"):
        if node.has(name):
            raise node.refuse(name, "is a kind of value that is not taken")
    return empty, None


def _range(item: Node) -> str:
    low, high = quantity(item.node("low")), quantity(item.node("high"))
    return item.text("text") or (
        f"{low} – {high}" if low and high else f"≥ {low}" if low else f"≤ {high}" if high else ""
    )


def document(node: Node, source_id: str) -> list[Mapped]:
    if node.code("status", _DOCUMENT, required=True) == "entered-in-error":
        return []
    kind = node.concept("type")
    title = labels([kind])
    codes = [kind.code, *(item.code for item in node.concepts("category"))]
    category = next((_DOCUMENT_KINDS[code] for code in codes if code in _DOCUMENT_KINDS), "other")
    patient = node.reference("subject", required=True)
    context, meta = node.node("context"), node.node("meta")
    dated = node.when("date").at or (context.period("period")[0].at if context else None)
    found: list[Mapped] = []
    for index, item in enumerate(node.nodes("content")):
        attachment = item.node("attachment")
        if attachment is None:
            raise item.refuse("attachment", "is missing")
        written = attachment.when("creation")
        found.append(
            IncomingDocument(
                source_id=source_id if index == 0 else f"{source_id}#{index}",
                patient=patient,
                title=attachment.text("title") or node.text("description") or title,
                category=category,
                content_type=attachment.text("contentType") or "application/octet-stream",
                content=attachment.content(),
                created_at=dated or written.at or (meta.when("lastUpdated").at if meta else None),
            )
        )
    if not found:
        raise node.refuse("content", "is missing")
    return found
