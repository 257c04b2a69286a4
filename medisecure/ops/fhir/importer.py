"""One bundle into the database: read twice, written in one transaction, or not at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from documents.interface import collecting_objects, import_document
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid
from medisecure.kernel.transactions import transactional
from medisecure.ops.fhir.bundle import BundleRefused, Tick, entries, refuse
from medisecure.ops.fhir.mapping import TAKEN, IncomingDocument, Mapped, map_resource
from medisecure.ops.fhir.references import References, links
from medisecure.ops.fhir.values import BadResource
from patients.interface import (
    BATCH,
    Incoming,
    IncomingAllergy,
    IncomingCondition,
    IncomingCoverage,
    IncomingEncounter,
    IncomingIdentifier,
    IncomingImmunization,
    IncomingMedication,
    IncomingObservation,
    IncomingPatient,
    IncomingPractitioner,
    IncomingProcedure,
    IncomingSpecialty,
    RecordImport,
)

_TYPES: Final[dict[type[Incoming], str]] = {
    IncomingPatient: "Patient",
    IncomingPractitioner: "Practitioner",
    IncomingSpecialty: "PractitionerRole",
    IncomingEncounter: "Encounter",
    IncomingCondition: "Condition",
    IncomingAllergy: "AllergyIntolerance",
    IncomingMedication: "MedicationRequest",
    IncomingImmunization: "Immunization",
    IncomingObservation: "Observation",
    IncomingProcedure: "Procedure",
    IncomingCoverage: "Coverage",
}
DOCUMENT: Final = "DocumentReference"


@dataclass(slots=True)
class Result:
    """Counts by resource type. What was read is created, changed, unchanged or not taken; the sum always fits."""

    read: Counter[str] = field(default_factory=Counter)
    created: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    not_taken: Counter[str] = field(default_factory=Counter)
    #: Documents in a dry run: only storing one tells whether it is there already.
    unchecked: Counter[str] = field(default_factory=Counter)

    def add(self, other: Result) -> None:
        for name in ("read", "created", "changed", "unchanged", "not_taken", "unchecked"):
            getattr(self, name).update(getattr(other, name))

    def rows(self) -> int:
        return self.created.total() + self.changed.total() + self.unchanged.total()


class _DryRun(Exception):
    """Ends the transaction of a dry run; carries what would have been done."""

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__()


def import_bundle(path: Path, *, source: str, dry_run: bool = False, tick: Tick = lambda size: None) -> Result:
    """Take one bundle. `source` names the system that the ids belong to. Raises `BundleRefused`, with nothing written.

    `tick` is called with the number of bytes of the file that have been read; each is read twice.
    """
    references = _survey(path, tick)
    try:
        # What goes into object storage is taken back when the transaction does not commit.
        with collecting_objects():
            return _write(path, references, source=source, dry_run=dry_run, tick=tick)
    except _DryRun as end:
        return end.result


def _survey(path: Path, tick: Tick) -> References:
    """The first reading: every resource is mapped, so that whatever is wrong is known before anything is written."""
    references = References(path)
    for entry in entries(path, tick):
        references.add(entry)
        if entry.kind in TAKEN:
            try:
                references.note(entry, map_resource(entry.resource, entry.source_id))
            except BadResource as error:
                raise refuse(path, entry, error) from None
    return references


@transactional(DEFAULT)
def _write(path: Path, references: References, *, source: str, dry_run: bool, tick: Tick) -> Result:
    """The second reading. All in one transaction; run again from the start when it lost to another one."""
    batch = RecordImport(source)
    references.prepare(batch)
    result = Result(read=Counter(references.counts))
    waiting: list[Incoming] = []
    # A specialty changes its practitioner's row, which may come later in the bundle.
    specialties: list[Incoming] = []
    for entry in entries(path, tick):
        if entry.kind not in TAKEN:
            result.not_taken[entry.kind] += 1
            continue
        items = [_resolved(item, references) for item in map_resource(entry.resource, entry.source_id)]
        if not items:
            result.not_taken[entry.kind] += 1
        for item in items:
            if isinstance(item, IncomingSpecialty):
                specialties.append(item)
            elif isinstance(item, Incoming):
                waiting.append(item)
            else:
                try:
                    _take_document(item, batch, result, source=source, dry_run=dry_run)
                except Invalid as error:
                    reason = f"{DOCUMENT}: {'; '.join(error.named_lines())}"
                    raise BundleRefused(path, reason, index=entry.index, full_url=entry.full_url) from None
        if len(waiting) >= BATCH:
            batch.write(waiting)
            waiting.clear()
    batch.write([*waiting, *specialties])
    batch.finish()
    for kind, tally in batch.tallies.items():
        if kind is IncomingIdentifier:
            continue  # part of the patient, who is counted
        result.created[_TYPES[kind]] += tally.created
        result.changed[_TYPES[kind]] += tally.changed
        result.unchanged[_TYPES[kind]] += tally.unchanged
    if dry_run:
        raise _DryRun(result)
    return result


def _resolved(item: Mapped, references: References) -> Mapped:
    found: dict[str, Any] = {link: references.resolve(link, reference) for link, reference in links(item)}
    return replace(item, **found)


def _take_document(item: IncomingDocument, batch: RecordImport, result: Result, *, source: str, dry_run: bool) -> None:
    if item.content is None:
        result.not_taken[f"{DOCUMENT} without its content"] += 1
    elif dry_run:
        result.unchecked[DOCUMENT] += 1
    else:
        outcome = import_document(
            patient_id=batch.patient_id(item.patient),
            source=f"{source}|{item.source_id}",
            title=item.title,
            category=item.category,
            content_type=item.content_type,
            content=item.content,
            created_at=item.created_at,
        )
        if outcome == "same":
            result.unchanged[DOCUMENT] += 1
            return
        (result.created if outcome == "created" else result.changed)[DOCUMENT] += 1
        batch.touch(batch.patient_id(item.patient))


__all__ = ["DOCUMENT", "BundleRefused", "Result", "import_bundle"]
