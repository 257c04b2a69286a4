"""What an export says is what is kept: read back by the importer, it gives the same rows."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from documents.models import Document
from medisecure.kernel.objects import Bucket
from medisecure.ops.fhir.importer import import_bundle
from patients.models import CLINICAL_MODELS, Patient, Practitioner
from tests.cast import ALL_DATABASES
from tests.fhir_data import bundle, entries, write
from tests.patients.export_data import bundle_of, export, samples

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

#: Of a row's identity and history, which are the new row's own.
_OWN = frozenset(
    {"id", "source_system", "source_id", "source_digest", "created_at", "changed_at", "patient_id", "encounter_id"}
)
_OF_PATIENT = _OWN | {"record_number", "version", "user_id", "identity_status"}
#: Kept of a document by the system that has it, not by the one that takes it over.
_OF_DOCUMENT = _OWN | {"key", "source", "added_at", "uploaded_by_id", "filename", "author_id"}


def values(row: Any, left_out: frozenset[str]) -> str:
    """The row without what is its own, as text that can be counted and compared; a practitioner by their name."""
    found = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.attname not in left_out
    }
    if found.get("practitioner_id"):
        found["practitioner_id"] = row.practitioner.full_name
    return json.dumps(found, sort_keys=True, default=str)


def record(patient: Patient) -> dict[str, Counter[str]]:
    found = {
        model._meta.db_table: Counter(
            values(row, _OWN) for row in model._default_manager.filter(patient=patient).order_by("id")
        )
        for model in CLINICAL_MODELS
    }
    found["patients"] = Counter([values(patient, _OF_PATIENT)])
    found["documents"] = Counter(values(row, _OF_DOCUMENT) for row in Document.objects.filter(patient=patient))
    return found


def round_trip(path: Path, folder: Path) -> tuple[Patient, Patient]:
    import_bundle(path, source="before")
    before = Patient.objects.get()
    with export(before, folder) as archive:
        again = folder / "bundle.json"
        again.write_bytes(archive.read("fhir/bundle.json"))
    result = import_bundle(again, source="after")
    assert result.not_taken == {}
    return before, Patient.objects.exclude(id=before.id).get()


def test_our_own_bundle_comes_back_the_same(tmp_path: Path) -> None:
    text = json.dumps(bundle(entries())).replace("61.5,", "61.50,")
    path = tmp_path / "one.json"
    path.write_text(text, encoding="utf-8")
    before, after = round_trip(path, tmp_path)
    assert record(after) == record(before)
    assert sum(count.total() for count in record(after).values()) >= 10
    assert (
        list(Practitioner.objects.values_list("full_name", "specialty", "specialty_label"))
        == [("Dr. Anil Bose", "internal-medicine", "Internal Medicine")] * 2
    )
    first, second = Document.objects.order_by("added_at")
    for row in (first, second):
        with Bucket(row.bucket).open(row.key) as file:
            assert file.read()


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.name if path else "none")
@pytest.mark.long
def test_the_bundles_of_others_come_back_the_same(path: Path, tmp_path: Path) -> None:
    before, after = round_trip(path, tmp_path)
    kept, back = record(before), record(after)
    for table, rows in kept.items():
        assert back[table] == rows, table
    assert sum(rows.total() for rows in kept.values()) > 100


def test_references_resolve_and_ids_are_used_once(tmp_path: Path) -> None:
    import_bundle(write(tmp_path / "one.json", bundle(entries())), source="before")
    with export(Patient.objects.get(), tmp_path) as archive:
        found = bundle_of(archive)
    urls = [entry["fullUrl"] for entry in found["entry"]]
    assert len(urls) == len(set(urls))
    assert set(_references(found)) <= set(urls)
    assert len(list(_references(found))) > 10
    assert all(entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}" for entry in found["entry"])
    assert list(_empty(found)) == []


def _references(node: Any) -> Any:
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _empty(node: Any, path: str = "") -> Any:
    """Paths of empty values, which FHIR does not allow."""
    if node in ("", None, [], {}):
        yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _empty(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _empty(value, f"{path}[{index}]")
