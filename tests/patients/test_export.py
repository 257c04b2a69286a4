"""A copy of everything: complete, in words that can be read, and for nobody else."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import stat
import tracemalloc
import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from appointments.interface import AppointmentCard, book
from documents.models import Document
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.audit.models import AccessEntry
from medisecure.kernel import objects
from patients import exporting
from patients.exporting.archive import csv_line
from patients.exporting.hooks import _sections
from patients.exporting.tables import related_models
from patients.interface import PatientCard, PractitionerCard
from patients.models import Allergy, Patient
from tests.appointments.fixtures import at
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, AddDocument
from tests.patients.export_data import bundle_of, export, tables_of

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture
def document(add_document: AddDocument) -> Document:
    return add_document(PDF, "ECG", "report")


@pytest.fixture
def visit(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: object) -> AppointmentCard:
    return book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))


def test_every_row_of_every_database_is_in_it(
    asha: User,
    asha_card: PatientCard,
    document: Document,
    visit: AppointmentCard,
    issued: MakeInvoice,
    tmp_path: Path,
) -> None:
    issued()
    Allergy.objects.create(patient_id=asha_card.id, display="Penicillin", status="active")
    with export(Patient.objects.get(id=asha_card.id), tmp_path) as archive:
        tables = tables_of(archive)
        manifest = json.loads(archive.read("manifest.json"))
    for model, link in related_models().items():
        table = model._meta.db_table
        assert len(tables[table]) == model._default_manager.filter(**{f"{link}_id": asha_card.id}).count(), table
        assert manifest["rows"].get(table, 0) == len(tables[table])
    for app in ("appointments", "billing"):
        for kind in apps.get_app_config(app).get_models():
            if any(field.attname == "patient_id" for field in kind._meta.concrete_fields):
                count = kind._default_manager.filter(patient_id=asha_card.id).count()
                assert len(tables[kind._meta.db_table]) == count, kind
    assert [row["id"] for row in tables["users"]] == [str(asha.id)]
    for name in ("allergies", "appointments", "appointment_history", "invoices", "billing_items", "documents"):
        assert tables[name], name
    for resource in ("Patient", "AllergyIntolerance", "Appointment", "Invoice", "DocumentReference", "Practitioner"):
        assert manifest["resources"][resource], resource
    assert {"care_relations", "record_exports", "erasure_requests"} <= tables.keys()


def test_nothing_of_another_person_is_in_it(
    asha_card: PatientCard, dan_card: PatientCard, document: Document, visit: AppointmentCard, tmp_path: Path
) -> None:
    with export(Patient.objects.get(id=dan_card.id), tmp_path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    for word in (str(asha_card.id), asha_card.record_number, "Rao", "Bose", str(document.id)):
        assert word.encode() not in everything, word


def test_no_password_and_no_key_of_a_store_is_in_it(
    asha: User, asha_card: PatientCard, document: Document, tmp_path: Path
) -> None:
    with export(Patient.objects.get(id=asha_card.id), tmp_path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    for secret in (asha.password, document.key):
        assert secret
        assert secret.encode() not in everything


def test_documents_are_there_byte_by_byte_and_the_manifest_proves_each_file(
    asha_card: PatientCard, document: Document, tmp_path: Path
) -> None:
    with export(Patient.objects.get(id=asha_card.id), tmp_path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        names = set(archive.namelist()) - {"manifest.json"}
        assert {file["path"] for file in manifest["files"]} == names
        for file in manifest["files"]:
            data = archive.read(file["path"])
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file["size"], file["sha256"])
        (path,) = [name for name in names if name.startswith("documents/")]
        assert archive.read(path) == PDF
        assert "ECG" not in path, "the name of a file can be read without opening the archive"
        resources = [entry["resource"] for entry in bundle_of(archive)["entry"]]
    (reference,) = [found for found in resources if found["resourceType"] == "DocumentReference"]
    assert reference["content"][0]["attachment"]["url"] == f"../{path}"


def test_a_file_that_the_storage_lost_is_named_and_the_rest_is_made(
    asha_card: PatientCard, document: Document, tmp_path: Path
) -> None:
    objects.Bucket(document.bucket).delete(document.key)
    with export(Patient.objects.get(id=asha_card.id), tmp_path) as archive:
        (missing,) = json.loads(archive.read("manifest.json"))["missing"]
    assert str(document.id) in missing


@pytest.mark.parametrize(
    ("language", "name", "words"),
    [("fr", "dossier.pdf", ("Soins", "le système")), ("en", "record.pdf", ("Care", "the system"))],
)
def test_the_paper_and_the_log_speak_the_persons_language(
    asha_card: PatientCard, dr_bose: User, tmp_path: Path, language: str, name: str, words: tuple[str, ...]
) -> None:
    for actor in (dr_bose, None):
        record_access(
            actor=actor, patient_id=asha_card.id, action="view", resource="record", purpose="care", right="system"
        )
    with export(Patient.objects.get(id=asha_card.id), tmp_path, language) as archive:
        assert archive.read(name).startswith(b"%PDF-")
        log = archive.read("access-log.csv").decode("utf-8-sig")
        assert {"LISEZMOI.txt", "README.txt"} <= set(archive.namelist())
    for word in words:
        assert word in log
    assert len(list(csv.reader(io.StringIO(log)))) == AccessEntry.objects.filter(patient_id=asha_card.id).count() + 1


def test_no_cell_of_the_log_is_a_formula() -> None:
    assert csv_line(["=1+1", "@x", "plain, with comma"]) == b"'=1+1,'@x,\"plain, with comma\"\r\n"


class _Zeros(io.RawIOBase):
    """So many bytes that nobody has in memory."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size

    def read(self, size: int = -1) -> bytes:
        size = self._left if size < 0 else min(size, self._left)
        self._left -= size
        return bytes(size)


def test_a_large_document_takes_no_more_memory(
    asha_card: PatientCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 60 * 1024 * 1024
    large = exporting.ExportFile("documents/large.zip", lambda: _Zeros(size))  # type: ignore[arg-type, return-value]
    monkeypatch.setitem(_sections, "large", exporting.ExportSection(files=lambda patient_id: [large]))
    patient = Patient.objects.get(id=asha_card.id)
    export(patient, tmp_path).close()  # what is loaded once does not count
    (tmp_path / f"{patient.record_number}.zip").unlink()
    tracemalloc.start()
    try:
        with export(patient, tmp_path) as archive:
            assert archive.getinfo("documents/large.zip").file_size == size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * 1024 * 1024


def test_the_command_writes_the_log_first_and_a_file_of_its_owner(asha_card: PatientCard, tmp_path: Path) -> None:
    out, said = tmp_path / "copy.zip", StringIO()
    call_command("gdpr_export", asha_card.record_number.lower(), out=out, stdout=said)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "FHIR resources" in said.getvalue()
    entry = AccessEntry.objects.get(patient_id=asha_card.id, action="export")
    assert (entry.actor_id, entry.purpose) == (None, "right of access")
    assert list(tmp_path.iterdir()) == [out]
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize("number", ["P-0000-0000", "", "x"])
def test_the_command_refuses_a_number_that_nobody_has(number: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no patient"):
        call_command("gdpr_export", number, out=tmp_path / "copy.zip")
    assert list(tmp_path.iterdir()) == []


def test_the_command_overwrites_nothing(asha_card: PatientCard, tmp_path: Path) -> None:
    out = tmp_path / "copy.zip"
    out.write_text("mine")
    with pytest.raises(CommandError, match="exists"):
        call_command("gdpr_export", asha_card.record_number, out=out)
    assert out.read_text() == "mine"
    with pytest.raises(CommandError, match="no folder"):
        call_command("gdpr_export", asha_card.record_number, out=tmp_path / "nowhere" / "copy.zip")
