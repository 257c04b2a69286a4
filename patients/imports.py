"""Bulk writes of what a source says: few queries, idempotent, and the caches of those concerned dropped once.

A row is found again by its source system and id, and left alone while the source says the same (its digest), so that a
second import changes nothing, nor what people corrected here in between.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Model

from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.cache import SEARCH_SCOPE, forget_on_commit, practitioner_scope
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import in_atomic
from patients import rules
from patients.incoming import (
    MODELS,
    Incoming,
    IncomingIdentifier,
    IncomingPatient,
    IncomingPractitioner,
    IncomingSpecialty,
)
from patients.incoming_identifiers import SEALED_COLUMNS, settle_identifiers
from patients.models import CareRelation, Encounter, MedicalRecord, Patient, PatientIdentifier, Practitioner
from patients.models.people import IdentityStatus
from patients.services import SYSTEM, allocate_record_numbers, forget_patient, search_text_of

#: Rows per statement. SQLite takes 32 766 variables in one; a row has about 30.
BATCH: Final = 500
#: FHIR R4 encounter statuses of a meeting that did not take place.
_NO_CARE: Final = frozenset({"cancelled", "entered-in-error"})

_LINKS: Final[dict[str, type[Model]]] = {"patient": Patient, "encounter": Encounter, "practitioner": Practitioner}


class UnknownReference(LookupError):
    """A row names a patient, encounter or practitioner that neither the source nor the database has."""

    def __init__(self, kind: str, source_id: str) -> None:
        self.kind, self.source_id = kind, source_id
        super().__init__(f"{kind} {source_id}")


@dataclass(slots=True)
class Tally:
    created: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(slots=True)
class RecordImport:
    """One unit of import, inside the caller's transaction on DEFAULT: `expect`, then `write` in any order, `finish`.

    `expect` says which people and encounters are coming, so that rows may refer to what is written after them: foreign
    keys are checked at the commit on both engines.
    """

    source_system: str
    tallies: dict[type[Incoming], Tally] = field(default_factory=lambda: defaultdict(Tally))
    _ids: dict[type[Model], dict[str, UUID]] = field(default_factory=lambda: defaultdict(dict))
    _merged: dict[UUID, UUID] = field(default_factory=dict)
    _touched: set[UUID] = field(default_factory=set)
    _new_patients: set[UUID] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not in_atomic(DEFAULT):
            raise RuntimeError("an import runs inside a transaction on the default database")

    def expect(self, kind: str, source_ids: Iterable[str]) -> None:
        """Rows of `kind` (patient, encounter, practitioner) with these ids are known or will be written."""
        known = self._ids[_LINKS[kind]]
        self.look_up(kind, source_ids)
        for source_id in source_ids:
            known.setdefault(source_id, new_id())

    def _note_merged(self) -> None:
        ids = [one for one in self._ids[Patient].values() if one not in self._merged]
        for start in range(0, len(ids), BATCH):
            merged = Patient.objects.filter(id__in=ids[start : start + BATCH]).exclude(merged_into=None)
            self._merged.update(merged.values_list("id", "merged_into_id"))

    def know(self, kind: str, ids: Mapping[str, UUID]) -> None:
        """Rows of `kind` that the database has, though not from this source: the source's id → ours."""
        self._ids[_LINKS[kind]].update(ids)

    def look_up(self, kind: str, source_ids: Iterable[str]) -> set[str]:
        """Those of `source_ids` that the database has from this source, or that are expected."""
        model = _LINKS[kind]
        known = self._ids[model]
        wanted = [source_id for source_id in source_ids if source_id not in known]
        for start in range(0, len(wanted), BATCH):
            known.update(
                model._default_manager.filter(
                    source_system=self.source_system, source_id__in=wanted[start : start + BATCH]
                ).values_list("source_id", "id")
            )
        if kind == "patient":
            self._note_merged()
        return {source_id for source_id in source_ids if source_id in known}

    def practitioners_by_number(self, numbers: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """(issuer, number) → id in the source, of practitioners that this source has sent before."""
        asked = set(numbers)
        rows = Practitioner.objects.filter(
            source_system=self.source_system, identifier__in={value for _system, value in asked}
        ).values_list("identifier_system", "identifier", "source_id")
        return {(system, value): source_id for system, value, source_id in rows if (system, value) in asked}

    def patient_id(self, source_id: str) -> UUID:
        return self._resolve("patient", source_id)

    def _resolve(self, kind: str, source_id: str) -> UUID:
        found = self._ids[_LINKS[kind]].get(source_id)
        if found is None:
            raise UnknownReference(kind, source_id)
        # What a source says of somebody whose file was merged belongs into the file that holds their data now.
        return self._merged.get(found, found) if kind == "patient" else found

    def write(self, items: Sequence[Incoming]) -> None:
        """Store items of any kinds. Raises `UnknownReference`."""
        by_kind: dict[type[Incoming], list[Incoming]] = defaultdict(list)
        for item in items:
            by_kind[type(item)].append(item)
        for kind, found in by_kind.items():
            for start in range(0, len(found), BATCH):
                batch = found[start : start + BATCH]
                if kind is IncomingSpecialty:
                    self._write_specialties([item for item in batch if isinstance(item, IncomingSpecialty)])
                else:
                    self._write_batch(kind, batch)

    def _write_batch(self, kind: type[Incoming], items: Sequence[Incoming]) -> None:
        model: type[Any] = _model(kind)
        digests = {item.source_id: item.digests() for item in items}
        existing: dict[str, tuple[UUID, str]] = {
            row[0]: (row[1], row[2])
            for row in model._default_manager.filter(
                source_system=self.source_system, source_id__in=list(digests)
            ).values_list("source_id", "id", "source_digest")
        }
        fresh, changed = [], []
        for item in items:
            before = existing.get(item.source_id)
            if before is None:
                fresh.append(self._build(kind, item, digests[item.source_id][0]))
            elif before[1] not in digests[item.source_id]:
                if model is Patient and before[0] in self._merged:
                    continue  # nobody writes on a file that was merged; it is taken over once the merge is taken back
                changed.append(self._build(kind, item, digests[item.source_id][0], row_id=before[0]))
        if model is PatientIdentifier:
            settle_identifiers([*fresh, *changed])
        if fresh:
            self._create(model, fresh)
        if changed:
            self._change(kind, model, changed)
        if model is Encounter:
            self._relate(fresh, changed)
        tally = self.tallies[kind]
        tally.created += len(fresh)
        tally.changed += len(changed)
        tally.unchanged += len(items) - len(fresh) - len(changed)

    def _build(self, kind: type[Incoming], item: Incoming, digest: str, row_id: UUID | None = None) -> Any:
        model = _model(kind)
        values: dict[str, Any] = {}
        for name in _names(kind):
            value = getattr(item, name)
            if name in _LINKS:
                values[f"{name}_id"] = self._resolve(name, value) if value else None
            else:
                values[name] = value
        if row_id is None:
            row_id = self._ids[model].get(item.source_id) if model in _LINKS.values() else new_id()
        row: Any = model(
            id=row_id or new_id(),
            source_system=self.source_system,
            source_digest=digest,
            changed_at=clock.now(),
            **values,
        )
        if isinstance(row, Patient):
            row.search_text = search_text_of(row)
            row.phone_key = rules.phone_key(row.phone)
        if isinstance(row, PatientIdentifier):
            row.set_value(row.value)
        if hasattr(row, "patient_id"):
            self._touched.add(row.patient_id)
        return row

    def _create(self, model: type[Any], rows: list[Any]) -> None:
        if model is Patient:
            for row, number in zip(rows, allocate_record_numbers(len(rows)), strict=True):
                row.record_number = number
                row.identity_status = IdentityStatus.PROVISIONAL
                self._new_patients.add(row.id)
                self._touched.add(row.id)
        if model in _LINKS.values():
            self._ids[model].update({row.source_id: row.id for row in rows})
        model._default_manager.bulk_create(rows, batch_size=BATCH)

    def _change(self, kind: type[Incoming], model: type[Any], rows: list[Any]) -> None:
        columns = [column for name in _names(kind) for column in SEALED_COLUMNS.get(name, (name,))]
        columns.remove("source_id")
        if model is Patient:
            columns += ["search_text", "phone_key"]
            self._touched.update(row.id for row in rows)
            # A form that was opened before the import must not win over it.
            Patient.objects.filter(id__in=[row.id for row in rows]).update(version=F("version") + 1)
        if issubclass(model, Practitioner):
            forget_on_commit(DEFAULT, *(practitioner_scope(row.id) for row in rows))
        elif model is not Patient:
            # The row may have belonged to another patient before: that record changes too.
            self._touched.update(
                model._default_manager.filter(id__in=[row.id for row in rows]).values_list("patient_id", flat=True)
            )
        model._default_manager.bulk_update(rows, [*columns, "source_digest", "changed_at"], batch_size=BATCH)

    def _relate(self, fresh: Sequence[Encounter], changed: Sequence[Encounter]) -> None:
        """Imported encounters with a practitioner and a date open the record to that practitioner around them."""
        if changed:
            CareRelation.objects.filter(
                kind=CareRelation.Kind.ENCOUNTER, reference__in=[row.id for row in changed]
            ).delete()
        CareRelation.objects.bulk_create(
            [
                CareRelation(
                    patient_id=row.patient_id,
                    practitioner_id=row.practitioner_id,
                    kind=CareRelation.Kind.ENCOUNTER,
                    reference=row.id,
                    starts_at=row.started_at,
                    ends_at=row.ended_at or row.started_at,
                    active=row.status not in _NO_CARE,
                )
                for row in (*fresh, *changed)
                if row.practitioner_id and row.started_at
            ],
            batch_size=BATCH,
        )

    def _write_specialties(self, items: Sequence[IncomingSpecialty]) -> None:
        tally = self.tallies[IncomingSpecialty]
        ids = {item.source_id: self._resolve("practitioner", item.practitioner) for item in items}
        rows = {row.id: row for row in Practitioner.objects.filter(id__in=set(ids.values()))}
        todo: list[Practitioner] = []
        for item in items:
            row = rows.get(ids[item.source_id])
            if row is None:
                raise UnknownReference("practitioner", item.practitioner)
            digest = item.digests()[0]
            # A practitioner with several roles keeps the specialty of the one that came first.
            if row.role_digest == digest or row.role_source_id not in ("", item.source_id):
                tally.unchanged += 1
                continue
            if row.role_digest:
                tally.changed += 1
            else:
                tally.created += 1
            row.specialty, row.specialty_label = item.specialty, item.specialty_label
            row.role_source_id, row.role_digest = item.source_id, digest
            row.changed_at = clock.now()
            todo.append(row)
        Practitioner.objects.bulk_update(
            todo, ["specialty", "specialty_label", "role_source_id", "role_digest", "changed_at"], batch_size=BATCH
        )
        forget_on_commit(DEFAULT, *(practitioner_scope(row.id) for row in todo))

    def touch(self, patient_id: UUID) -> None:
        """Something of this patient's record was changed by another app in the same import."""
        self._touched.add(patient_id)

    def finish(self) -> Counter[str]:
        """Bump the versions of the records that changed, write their audit entries, drop what is cached of them.

        Returns the counts of all kinds: created, changed, unchanged.
        """
        now = clock.now()
        MedicalRecord.objects.bulk_create(
            [MedicalRecord(patient_id=patient_id) for patient_id in sorted(self._new_patients)], batch_size=BATCH
        )
        older = sorted(self._touched - self._new_patients)
        for start in range(0, len(older), BATCH):
            MedicalRecord.objects.filter(patient_id__in=older[start : start + BATCH]).update(
                version=F("version") + 1, changed_at=now
            )
        for patient_id in sorted(self._touched):
            record_access(
                actor=None,
                patient_id=patient_id,
                action="import",
                resource="record",
                resource_id=patient_id,
                purpose="operations",
                right=SYSTEM,
            )
            forget_patient(patient_id)
        if self._new_patients:
            forget_on_commit(DEFAULT, SEARCH_SCOPE)
        total: Counter[str] = Counter()
        for tally in self.tallies.values():
            total.update(created=tally.created, changed=tally.changed, unchanged=tally.unchanged)
        return total


def _model(kind: type[Incoming]) -> type[Any]:
    if kind is IncomingPatient:
        return Patient
    if kind is IncomingPractitioner:
        return Practitioner
    if kind is IncomingIdentifier:
        return PatientIdentifier
    return MODELS[kind]


_known_names: dict[type[Incoming], tuple[str, ...]] = {}


def _names(kind: type[Incoming]) -> tuple[str, ...]:
    if kind not in _known_names:
        _known_names[kind] = tuple(item.name for item in fields(kind))
    return _known_names[kind]
