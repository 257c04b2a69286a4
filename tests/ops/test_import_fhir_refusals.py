"""What `import_fhir` refuses: with file, entry and reason, and not one row left behind."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medisecure.ops.fhir.bundle import BundleRefused
from medisecure.ops.fhir.importer import import_bundle
from patients.models import Patient
from tests.cast import ALL_DATABASES
from tests.fhir_data import Resource, bundle, changed, entries, rows, urn, write

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.json.gz", bundle(entries()))


Change = Callable[[Resource], Any]


def setting(name: str, value: Any) -> Change:
    return lambda resource: resource.__setitem__(name, value)


BROKEN: list[tuple[str, str, Change, str]] = [
    ("an impossible date", "pat", setting("birthDate", "1980-02-30"), "Patient.birthDate: is an impossible date"),
    ("no date", "pat", setting("birthDate", "02/05/1980"), "Patient.birthDate: is not a date"),
    ("an unknown gender", "pat", setting("gender", "F"), "Patient.gender: must be one of female, male, other, unknown"),
    ("no name", "pat", setting("name", []), "Patient.name: is missing"),
    ("a name of 10,000 characters", "pat", setting("name", [{"family": "x" * 10_000}]), "family_name: has 10000"),
    ("a name that is a number", "pat", setting("name", [{"family": 7}]), "Patient.name[0].family: must be text"),
    ("a missing reference", "obs", setting("subject", {"reference": urn("nobody")}), "Observation.patient: refers to"),
    ("no patient", "con", setting("subject", None), "Condition.subject: is missing"),
    ("a patient that is none", "obs", setting("subject", {"reference": urn("doc")}), "refers to Practitioner, not"),
    ("a missing encounter", "con", setting("encounter", {"reference": "Encounter/9"}), "Condition.encounter: refers"),
    ("an unknown status", "enc", setting("status", "done"), "Encounter.status: must be one of"),
    ("no status", "med", setting("status", None), "MedicationRequest.status: is missing"),
    ("an hour that is none", "enc", setting("period", {"start": "2024-03-01T25:00:00Z"}), "impossible date or time"),
    (
        "an end before the start",
        "enc",
        setting("period", {"start": "2024-03-02T09:00:00Z", "end": "2024-03-01T09:00:00Z"}),
        "Encounter.period: ends before it starts",
    ),
    ("a value that is no number", "obs", setting("valueQuantity", {"value": "61"}), "value: must be a number"),
    ("no code", "con", setting("code", {}), "Condition.code: is missing"),
    (
        "a document that is not base64",
        "dcr",
        setting("content", [{"attachment": {"data": "Zm9v!"}}]),
        "attachment.data: is not base64",
    ),
    (
        "a document of another size",
        "dcr",
        setting("content", [{"attachment": {"data": "Zm9v", "size": 4}}]),
        "attachment.size: is not the size",
    ),
    (
        "a document of another hash",
        "dcr",
        setting("content", [{"attachment": {"data": "Zm9v", "hash": "AAAA"}}]),
        "attachment.hash: does not match",
    ),
]


@pytest.mark.parametrize(("name", "change", "reason"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_resource_refuses_its_bundle_and_leaves_nothing(
    tmp_path: Path, name: str, change: Change, reason: str
) -> None:
    path = write(tmp_path / "broken.json", bundle(changed(entries(), name, change)))
    before = rows()
    with pytest.raises(BundleRefused) as caught:
        import_bundle(path, source="fhir")
    assert rows() == before
    text = str(caught.value)
    assert reason in text
    assert str(path) in text
    assert f"entry {caught.value.index} ({urn(name)})" in text
    # The reason names the field and not what is in it: that may be a person's data.
    assert "Lefèvre" not in text
    assert "1980" not in text


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


DAMAGED: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("a gzip file cut short", lambda data: cut(gzip.compress(data)), "the gzip file ends too early"),
    ("JSON cut short", cut, "is not valid JSON"),
    ("not JSON", lambda data: b"<Bundle/>", "is not valid JSON"),
    ("an empty file", lambda data: b"", "is not valid JSON"),
    ("more after the end", lambda data: data + b"{}", "is not valid JSON"),
    ("a list", lambda data: b"[" + data + b"]", "is not a JSON object"),
    ("a text", lambda data: b'"Bundle"', "is not a JSON object"),
    ("another resource", lambda data: b'{"resourceType": "Patient", "id": "1"}', "is not a FHIR Bundle"),
    ("no type", lambda data: b'{"entry": []}', "has no resourceType"),
    ("an entry that is no list", lambda data: b'{"resourceType": "Bundle", "entry": {}}', "must be a list"),
    ("an entry that is no object", lambda data: b'{"resourceType": "Bundle", "entry": [1]}', "must be an object"),
    ("an entry without resource", lambda data: b'{"resourceType": "Bundle", "entry": [{}]}', "has no resource"),
    (
        "a resource without id",
        lambda data: b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}]}',
        "has no id",
    ),
    ("bytes that are no UTF-8", lambda data: data.replace("É".encode(), b"\xff\xfe", 1), "is not valid JSON"),
]


@pytest.mark.parametrize(("damage", "reason"), [case[1:] for case in DAMAGED], ids=[case[0] for case in DAMAGED])
def test_a_damaged_file_is_refused_and_leaves_nothing(
    tmp_path: Path, damage: Callable[[bytes], bytes], reason: str
) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(damage(json.dumps(bundle(entries()), ensure_ascii=False).encode()))
    before = rows()
    with pytest.raises(BundleRefused, match=reason):
        import_bundle(path, source="fhir")
    assert rows() == before


def test_a_damaged_gzip_file_is_refused(good: Path) -> None:
    data = bytearray(good.read_bytes())
    data[-6] ^= 0xFF
    good.write_bytes(bytes(data))
    before = rows()
    with pytest.raises(BundleRefused, match="gzip file is damaged"):
        import_bundle(good, source="fhir")
    assert rows() == before


def test_the_same_entry_twice_is_refused(tmp_path: Path) -> None:
    items = entries()
    with pytest.raises(BundleRefused, match="fullUrl of an entry before it"):
        import_bundle(write(tmp_path / "twice.json", bundle([*items, items[2]])), source="fhir")
    assert not Patient.objects.exists()
