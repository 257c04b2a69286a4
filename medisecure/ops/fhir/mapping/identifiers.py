"""Patient.identifier: the numbers by which others know a patient. They are encrypted when they are stored."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Final

from medisecure.ops.fhir.mapping.shared import Mapped
from medisecure.ops.fhir.values import Node
from patients.interface import (
    IDENTIFIER_KINDS,
    OTHER_IDENTIFIER,
    IdentifierFault,
    IncomingIdentifier,
    compact_identifier,
)

#: FHIR system → kind. The INS has one for the NIR, one for the numbers of those who wait for theirs, one for tests.
_BY_SYSTEM: Final = {kind.system: code for code, kind in IDENTIFIER_KINDS.items() if kind.system} | {
    f"urn:oid:1.2.250.1.213.1.4.{last}": "fr-nir" for last in (9, 10)
}
#: HL7 v2 table 0203.
_BY_TYPE: Final = {"PPN": "passport"}


def identifiers(node: Node, source_id: str) -> list[Mapped]:
    """All of them but the resource's own id, which is kept with every row."""
    found: list[Mapped] = []
    places: Counter[str] = Counter()
    for item in node.nodes("identifier"):
        system, value = item.text("system"), item.text("value")
        if not compact_identifier(value) or value == source_id:
            continue
        kind = _BY_SYSTEM.get(system) or _BY_TYPE.get(item.concept("type").code, OTHER_IDENTIFIER)
        try:
            stored = IDENTIFIER_KINDS[kind].read(value)
        except IdentifierFault:
            # What the source says is kept, as what it is: a number that does not pass for one of that kind.
            kind, stored = OTHER_IDENTIFIER, compact_identifier(value)
        start, end = item.period("period")
        places[system] += 1
        mark = hashlib.sha256(system.encode()).hexdigest()[:16]
        found.append(
            IncomingIdentifier(
                source_id=f"{source_id}|{mark}|{places[system]}",
                patient=f"Patient/{source_id}",
                kind=kind,
                value=stored,
                country=IDENTIFIER_KINDS[kind].country,
                system=system if IDENTIFIER_KINDS[kind].needs_system else "",
                started_on=start.at.date() if start.at else None,
                ended_on=end.at.date() if end.at else None,
                status="old" if item.text("use") == "old" else "active",
            )
        )
    return found
