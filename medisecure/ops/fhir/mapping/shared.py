"""What several mappings share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medisecure.ops.fhir.values import Concept, Node, When
from patients.interface import Incoming


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingDocument:
    """One attachment of a DocumentReference. `content` is None when the source gave an address and no bytes."""

    source_id: str
    patient: str
    title: str
    category: str
    content_type: str
    content: bytes | None
    created_at: datetime | None


Mapped = Incoming | IncomingDocument


def coded(concept: Concept) -> dict[str, Any]:
    return {
        "code": concept.code,
        "code_system": concept.system,
        "display": concept.display,
        "other_codings": concept.other_codings(),
    }


def dates(start: When, end: When | None = None) -> dict[str, Any]:
    end = end or When()
    return {
        "started_at": start.at,
        "started_precision": start.precision,
        "ended_at": end.at,
        "ended_precision": end.precision,
    }


def needs_code(node: Node, name: str, concept: Concept) -> Concept:
    if not concept.code and not concept.display:
        raise node.refuse(name, "is missing")
    return concept


def quantity(node: Node | None) -> str:
    if node is None:
        return ""
    return " ".join(part for part in (node.number("value")[0], node.text("unit") or node.text("code")) if part)
