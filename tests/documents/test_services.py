"""Documents go in by the door, whole or not at all, and come out as the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import OperationalError

from documents import rules, store
from documents.interface import (
    collecting_objects,
    document_url,
    documents_for_patient,
    import_document,
    upload_document,
)
from documents.models import Document
from documents.selectors import record_section
from documents.services import adding
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import cache, objects, outbox
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, NotFound, Refused, TooLarge, Unavailable
from medisecure.kernel.transactions import atomic
from medisecure.notifications.models import Message, Notice
from patients.interface import PatientCard
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, TEXT, AddDocument, ct_bytes, download, png, sent, stored_keys
from tests.support import deliver_events, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

WRITTEN = datetime(2020, 3, 1, 9, 30, tzinfo=UTC)


def _upload(
    actor: User, patient: PatientCard, content: bytes = PDF, name: str = "letter.pdf", **values: Any
) -> Document:
    values = {"title": "Lettre", "category": "letter"} | values
    return upload_document(actor=actor, patient_id=patient.id, file=sent(content, name), **values)


# --- What is stored -------------------------------------------------------------------------------------------------


def test_an_upload_comes_back_as_the_same_bytes(dr_bose: User, asha_in_care: PatientCard) -> None:
    row = _upload(dr_bose, asha_in_care)
    answer = download(document_url(dr_bose, row.id))
    assert (answer.status, answer.content) == (200, PDF)
    assert answer.headers["Content-Type"] == "application/pdf"
    assert row.sha256 == hashlib.sha256(PDF).hexdigest()
    assert row.size == len(PDF)


def test_a_file_on_disk_is_read_in_pieces(dr_bose: User, asha_in_care: PatientCard) -> None:
    content = TEXT * 100_000
    file = TemporaryUploadedFile("notes.txt", "text/plain", len(content), "utf-8")
    file.write(content)
    row = upload_document(actor=dr_bose, patient_id=asha_in_care.id, file=file, title="Notes", category="report")
    answer = download(document_url(dr_bose, row.id))
    assert hashlib.sha256(answer.content).hexdigest() == row.sha256 == hashlib.sha256(content).hexdigest()


def test_the_row_says_what_the_file_is_and_who_added_it(
    dr_bose: User, asha_in_care: PatientCard, bose_card: Any
) -> None:
    row = _upload(
        dr_bose, asha_in_care, png(), name="C:\\scans\\photo.pdf", title=" Plaie \n main ", category="imaging"
    )
    assert row.content_type == "image/png"
    assert row.filename == "photo.pdf"
    assert row.title == "Plaie main"
    assert row.scan_state == "not_scanned"
    assert row.uploaded_by == dr_bose
    assert row.author_id == bose_card.id


def test_keys_and_addresses_say_nothing_about_the_patient(dr_bose: User, asha_in_care: PatientCard) -> None:
    row = _upload(dr_bose, asha_in_care, name="Asha Rao VIH.pdf", title="Sérologie VIH")
    assert row.key == f"{asha_in_care.id}/{row.key.split('/')[1]}/{row.sha256[:16]}"
    shown = str(download(document_url(dr_bose, row.id)).headers)
    assert "VIH" not in document_url(dr_bose, row.id) + shown
    assert "Rao" not in shown


def test_a_dicom_image_goes_to_its_own_bucket_with_its_metadata(dr_bose: User, asha_in_care: PatientCard) -> None:
    row = _upload(dr_bose, asha_in_care, ct_bytes(), name="image.bin", category="imaging")
    assert row.bucket == objects.IMAGES
    assert row.content_type == "application/dicom"
    assert row.dicom is not None
    assert (row.dicom["modality"], row.dicom["rows"], row.dicom["study_date"]) == ("CT", 128, "2004-01-19")
    answer = download(document_url(dr_bose, row.id))
    assert answer.content == ct_bytes()
    assert answer.headers["Content-Disposition"].startswith("attachment;")


def test_text_is_served_as_utf8(dr_bose: User, asha_in_care: PatientCard) -> None:
    answer = download(document_url(dr_bose, _upload(dr_bose, asha_in_care, TEXT).id))
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment;")


# --- What is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "empty.pdf"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "letter.pdf"),
        (b"PK\x03\x04" + bytes(500), "image.dcm"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.png"),
        (bytes(128) + b"DICM" + b"\xff" * 300, "broken.dcm"),
    ],
    ids=["empty", "html", "zip", "svg", "broken dicom"],
)
def test_files_that_are_refused_leave_nothing(
    content: bytes, name: str, dr_bose: User, asha_in_care: PatientCard
) -> None:
    before = stored_keys()
    with pytest.raises(Invalid) as caught:
        _upload(dr_bose, asha_in_care, content, name)
    assert set(caught.value.errors) == {"file"}
    assert stored_keys() == before
    assert not Document.objects.exists()


def test_a_file_that_is_too_large_is_refused(
    dr_bose: User, asha_in_care: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_BYTES", len(PDF) - 1)
    with pytest.raises(TooLarge) as caught:
        _upload(dr_bose, asha_in_care)
    assert caught.value.status == 413
    assert set(caught.value.errors) == {"file"}


@pytest.mark.parametrize(
    ("values", "field"),
    [({"title": " \n "}, "title"), ({"title": "x" * 201}, "title"), ({"category": "secret"}, "category")],
)
def test_fields_that_are_not_valid_are_named(
    values: dict[str, Any], field: str, dr_bose: User, asha_in_care: PatientCard
) -> None:
    with pytest.raises(Invalid) as caught:
        _upload(dr_bose, asha_in_care, **values)
    assert set(caught.value.errors) == {field}


# --- The door -------------------------------------------------------------------------------------------------------


def test_doctors_and_nurses_in_care_may_add(dr_bose: User, nurse_chen: User, asha_in_care: PatientCard) -> None:
    _upload(dr_bose, asha_in_care)
    _upload(nurse_chen, asha_in_care)
    assert Document.objects.count() == 2


@pytest.mark.parametrize("who", ["rita", "carol", "alice", "olga"])
def test_those_who_know_the_patient_but_do_not_treat_her_are_refused(
    who: str, request: pytest.FixtureRequest, asha_in_care: PatientCard
) -> None:
    before = stored_keys()
    with pytest.raises(Refused):
        _upload(request.getfixturevalue(who), asha_in_care)
    assert stored_keys() == before


def test_an_outsider_does_not_find_the_patient(dan: User, asha_in_care: PatientCard) -> None:
    with pytest.raises(NotFound):
        _upload(dan, asha_in_care)


def test_a_doctor_who_does_not_treat_the_patient_does_not_find_her(dr_bose: User, asha_card: PatientCard) -> None:
    with pytest.raises(NotFound):
        _upload(dr_bose, asha_card)


def test_the_patient_and_those_who_treat_her_download(
    asha: User, dr_bose: User, nurse_chen: User, add_document: AddDocument
) -> None:
    row = add_document()
    for reader in (asha, dr_bose, nurse_chen):
        assert download(document_url(reader, row.id)).content == PDF


@pytest.mark.parametrize(
    ("who", "error"),
    [("dan", NotFound), ("rita", Refused), ("carol", Refused), ("alice", Refused), ("olga", Refused)],
)
def test_nobody_else_downloads(
    who: str, error: type[Exception], request: pytest.FixtureRequest, add_document: AddDocument
) -> None:
    row = add_document()
    with pytest.raises(error):
        document_url(request.getfixturevalue(who), row.id)


def test_upload_and_download_are_in_the_access_log(dr_bose: User, asha: User, add_document: AddDocument) -> None:
    row = add_document()
    document_url(asha, row.id)
    entries = AccessEntry.objects.filter(resource="document", resource_id=str(row.id)).order_by("id")
    assert [(e.actor_id, e.action, e.right) for e in entries] == [
        (dr_bose.id, "create", "care-relation"),
        (asha.id, "download", "self"),
    ]


# --- All or nothing -------------------------------------------------------------------------------------------------


def test_a_failure_after_the_bytes_leaves_no_object_row_event_or_log_entry(
    dr_bose: User, asha_in_care: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("planted")

    before, logged = stored_keys(), AccessEntry.objects.count()
    monkeypatch.setattr(adding, "emit", fail)
    with pytest.raises(RuntimeError, match="planted"):
        _upload(dr_bose, asha_in_care)
    assert stored_keys() == before
    assert not Document.objects.exists()
    assert not outbox.pending(DEFAULT).exists()
    assert AccessEntry.objects.count() == logged


def test_a_connection_that_breaks_at_the_commit_does_not_cost_the_bytes(
    dr_bose: User, asha_in_care: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell whether the commit arrived. A row without its bytes would be a loss; the reverse is waste."""
    record = adding.record_upload

    def breaks(**values: Any) -> None:
        record(**values)
        raise OperationalError("server closed the connection")

    before = stored_keys()
    monkeypatch.setattr(adding, "record_upload", breaks)
    with pytest.raises(OperationalError):
        _upload(dr_bose, asha_in_care)
    row = Document.objects.get()
    assert f"{row.bucket}/{row.key}" in stored_keys() - before


def test_a_storage_that_does_not_answer_leaves_no_row(
    dr_bose: User, asha_in_care: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> str:
        raise OSError("disk full")

    monkeypatch.setattr(objects.Bucket, "save", fail)
    with pytest.raises(Unavailable):
        _upload(dr_bose, asha_in_care)
    assert not Document.objects.exists()


def test_bytes_that_change_on_their_way_are_refused(asha_card: PatientCard) -> None:
    before = stored_keys()
    file = sent(PDF)
    content = store.Content("application/pdf", len(PDF), hashlib.sha256(b"something else").hexdigest(), None)
    with pytest.raises(Unavailable):
        store.put(asha_card.id, file, content)
    assert stored_keys() == before


def test_an_upload_drops_the_cached_record(
    asha_in_care: PatientCard, add_document: AddDocument, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    scope = cache.record_scope(asha_in_care.id)
    cache.remember(scope, 300, lambda: "old")
    with django_capture_on_commit_callbacks(execute=True):
        add_document()
    assert cache.remember(scope, 300, lambda: "new") == ("new", False)


# --- What follows ---------------------------------------------------------------------------------------------------


def test_the_patient_is_told_once_and_without_a_clinical_word(asha: User, add_document: AddDocument) -> None:
    row = add_document(title="Sérologie VIH", category="lab")
    event = outbox.pending(DEFAULT).get(name="document.added")
    assert event.payload == {"document_id": str(row.id), "patient_id": str(row.patient_id), "category": "lab"}
    deliver_events()
    outbox.outbox(DEFAULT).objects.filter(id=event.id).update(published_at=None)
    deliver_events()
    assert Message.objects.filter(template="document_added").count() == 1
    notice = Notice.objects.get()
    assert (notice.user_id, notice.kind, notice.url) == (asha.id, "document-added", "/record/")
    (sent_mail,) = send_mails()
    body = sent_mail.get_body(("plain",))
    assert body is not None
    text = sent_mail.as_string() + body.get_content() + str(sent_mail["Subject"])
    assert sent_mail["To"] == asha.email
    assert "VIH" not in text
    assert "lab" not in str(sent_mail["Subject"])
    assert "/record/" in text
    assert not mail.outbox


# --- The record -----------------------------------------------------------------------------------------------------


def test_documents_come_newest_first(add_document: AddDocument) -> None:
    first, second = add_document(title="one"), add_document(title="two")
    assert [line.title for line in documents_for_patient(first.patient_id)] == ["two", "one"]
    assert documents_for_patient(second.patient_id)[0].sha256 == second.sha256


def test_the_record_has_the_documents_with_addresses_that_work(add_document: AddDocument) -> None:
    row = add_document()
    (item,) = record_section(row.patient_id)
    assert (item["id"], item["title"], item["sha256"]) == (row.id, row.title, row.sha256)
    assert download(item["url"]).content == PDF


# --- Import ---------------------------------------------------------------------------------------------------------


def _import(patient: PatientCard, content: bytes = TEXT, **values: Any) -> str:
    given: dict[str, Any] = {
        "source": "fhir/DocumentReference/1",
        "title": "Note",
        "category": "report",
        "content_type": "text/plain",
        "created_at": WRITTEN,
    }
    with collecting_objects(), atomic(DEFAULT):
        return import_document(patient_id=patient.id, content=content, **{**given, **values})


def test_importing_twice_changes_nothing(asha_card: PatientCard) -> None:
    assert _import(asha_card) == "created"
    keys = stored_keys()
    assert _import(asha_card) == "same"
    assert stored_keys() == keys
    row = Document.objects.get()
    assert (row.created_at, row.content_type, row.uploaded_by) == (WRITTEN, "text/plain", None)


def test_imported_history_tells_nobody(asha_card: PatientCard) -> None:
    _import(asha_card)
    assert not outbox.pending(DEFAULT).exists()


def test_changed_content_replaces_the_bytes(
    asha_card: PatientCard, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    _import(asha_card)
    old = Document.objects.get().key
    with django_capture_on_commit_callbacks(execute=True):
        assert _import(asha_card, TEXT + b"more\n") == "changed"
    row = Document.objects.get()
    assert row.size == len(TEXT) + 5
    assert f"documents/{old}" not in stored_keys()
    assert f"documents/{row.key}" in stored_keys()


def test_a_changed_title_keeps_the_bytes(asha_card: PatientCard) -> None:
    _import(asha_card)
    keys = stored_keys()
    assert _import(asha_card, title="Note 2") == "changed"
    assert stored_keys() == keys


def _fail_after_three_imports(patient: PatientCard) -> None:
    with collecting_objects(), atomic(DEFAULT):
        for number in range(3):
            import_document(
                patient_id=patient.id,
                source=f"s/{number}",
                title="Note",
                category="report",
                content_type="text/plain",
                content=TEXT,
                created_at=None,
            )
        raise RuntimeError("planted")


def test_a_rolled_back_import_leaves_no_object(asha_card: PatientCard) -> None:
    before = stored_keys()
    with pytest.raises(RuntimeError, match="planted"):
        _fail_after_three_imports(asha_card)
    assert stored_keys() == before
    assert not Document.objects.exists()


def test_an_import_without_protection_against_orphans_is_a_programming_error(asha_card: PatientCard) -> None:
    with pytest.raises(RuntimeError, match="collecting_objects"), atomic(DEFAULT):
        import_document(
            patient_id=asha_card.id,
            source="s",
            title="Note",
            category="report",
            content_type="text/plain",
            content=TEXT,
            created_at=None,
        )


def test_imported_html_is_kept_but_never_displayed(asha: User, asha_card: PatientCard) -> None:
    page = b"<html><script>alert(1)</script></html>"
    _import(asha_card, page, content_type="text/html", category="unheard-of")
    row = Document.objects.get()
    assert (row.content_type, row.category) == ("application/octet-stream", "other")
    answer = download(document_url(asha, row.id))
    assert answer.content == page
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment;")


def test_an_import_without_content_is_refused(asha_card: PatientCard) -> None:
    with pytest.raises(Invalid):
        _import(asha_card, b"")
