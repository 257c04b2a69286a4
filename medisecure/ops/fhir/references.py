"""FHIR references turned into the ids of resources: inside the bundle, by type and id, or by a professional number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from medisecure.ops.fhir.bundle import BundleRefused, Entry
from medisecure.ops.fhir.mapping import IncomingDocument, Mapped
from patients.interface import IncomingPractitioner, IncomingSpecialty, RecordImport

#: Link of a row → the resource type it must be.
KINDS: Final = {"patient": "Patient", "encounter": "Encounter", "practitioner": "Practitioner"}


@dataclass(slots=True)
class References:
    """What is known after one reading of a bundle. Grows with the number of entries, not with their size."""

    path: Path
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _by_url: dict[str, tuple[str, str]] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    #: (issuer, number) → practitioner: newer exports refer to `Practitioner?identifier=system|value`.
    _by_number: dict[tuple[str, str], str] = field(default_factory=dict)
    _roles: dict[str, str] = field(default_factory=dict)
    #: (link, reference) → the first entry that uses it.
    _used: dict[tuple[str, str], tuple[int, str, str]] = field(default_factory=dict)
    _resolved: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        self.counts[entry.kind] += 1
        if entry.full_url:
            if entry.full_url in self._by_url:
                raise self._refused("has the fullUrl of an entry before it", entry.index, entry.full_url)
            self._by_url[entry.full_url] = (entry.kind, entry.source_id)
        if (entry.kind, entry.source_id) in self._seen:
            raise self._refused(f"{entry.kind} has the id of an entry before it", entry.index, entry.full_url)
        self._seen.add((entry.kind, entry.source_id))

    def note(self, entry: Entry, items: list[Mapped]) -> None:
        """Remember what the rows of an entry refer to."""
        for item in items:
            for link, reference in links(item):
                self._used.setdefault((link, reference), (entry.index, entry.full_url, entry.kind))
            if isinstance(item, IncomingPractitioner) and item.identifier:
                self._by_number[item.identifier_system, item.identifier] = item.source_id
            elif isinstance(item, IncomingSpecialty):
                self._roles[item.source_id] = item.practitioner

    def ids(self, kind: str) -> list[str]:
        return [source_id for found, source_id in self._seen if found == kind]

    def prepare(self, batch: RecordImport) -> None:
        """Tell the import what is coming; resolve all references. Raises `BundleRefused` for one that leads nowhere."""
        for link, kind in KINDS.items():
            batch.expect(link, self.ids(kind))
        numbers = {pair for _link, reference in self._used if (pair := _number(reference))}
        self._by_number = batch.practitioners_by_number(numbers) | self._by_number
        wanted: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for (link, reference), where in self._used.items():
            kind, source_id = self._read(reference)
            if kind == "PractitionerRole" and link == "practitioner":
                kind, source_id = self._read(self._roles.get(source_id, ""))
            if link == "practitioner" and (kind not in ("Practitioner", "") or reference.startswith("#")):
                # A relative, a device, an organisation: no practitioner of ours, and no reason to refuse the record.
                self._resolved[link, reference] = ""
                continue
            if kind != KINDS[link]:
                reason = f"refers to {kind}, not {KINDS[link]}" if kind else "refers to what is not in the bundle"
                raise self._refused(f"{where[2]}.{link}: {reason}", where[0], where[1])
            self._resolved[link, reference] = source_id
            wanted[link].append((reference, source_id))
        for link, pairs in wanted.items():
            known = batch.look_up(link, [source_id for _reference, source_id in pairs])
            for reference, source_id in pairs:
                if source_id not in known:
                    index, url, kind = self._used[link, reference]
                    raise self._refused(
                        f"{kind}.{link}: refers to what is not in the bundle nor in the database", index, url
                    )

    def _read(self, reference: str) -> tuple[str, str]:
        """(resource type, id), both empty when the reference cannot be read."""
        if found := self._by_url.get(reference):
            return found
        if pair := _number(reference):
            source_id = self._by_number.get(pair, "")
            return ("Practitioner", source_id) if source_id else ("", "")
        parts = reference.split("/_history/")[0].split("/")
        if len(parts) >= 2 and parts[-2].isalpha() and parts[-1]:
            return parts[-2], parts[-1]
        return "", ""

    def resolve(self, link: str, reference: str) -> str:
        return self._resolved[link, reference]

    def _refused(self, reason: str, index: int, full_url: str) -> BundleRefused:
        return BundleRefused(self.path, reason, index=index, full_url=full_url)


def _number(reference: str) -> tuple[str, str] | None:
    """(issuer, number) of a conditional reference to a practitioner (R4 §3.1.0.11.1)."""
    system, bar, value = reference.removeprefix("Practitioner?identifier=").partition("|")
    return (system, value) if bar and reference.startswith("Practitioner?identifier=") else None


def links(item: Mapped) -> Iterator[tuple[str, str]]:
    """(link, reference) of every link that a row has and uses."""
    names = ("patient",) if isinstance(item, IncomingDocument) else tuple(KINDS)
    for name in names:
        if reference := getattr(item, name, ""):
            yield name, reference
