"""Documents over HTTP."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from documents import rules
from documents.models import Document
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, AddDocument, download, sent
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def _add(user: User, patient_id: UUID, content: bytes = PDF, **values: str) -> Any:
    body = {"file": sent(content), "title": "Lettre", "category": "letter"} | values
    return api(user).post(f"/api/patients/{patient_id}/documents", body, format="multipart")


def test_a_doctor_adds_a_document_and_gets_its_bytes_back(dr_bose: User, asha_in_care: PatientCard) -> None:
    response = _add(dr_bose, asha_in_care.id)
    assert response.status_code == 201, response.content
    added = response.json()
    assert (added["title"], added["content_type"], added["size"]) == ("Lettre", "application/pdf", len(PDF))
    assert added["scan_state"] == "not_scanned"
    assert "key" not in added
    read = api(dr_bose).get(response["Location"])
    assert read.status_code == 200
    assert read["Cache-Control"] == "private, no-store"
    assert download(read.json()["url"]).content == PDF


def test_the_patient_lists_reads_and_adds(asha: User, asha_in_care: PatientCard, add_document: AddDocument) -> None:
    row = add_document()
    body = api(asha).get(f"/api/patients/{asha_in_care.id}/documents").json()
    assert [item["id"] for item in body["results"]] == [str(row.id)]
    assert "url" not in body["results"][0]
    assert api(asha).get(f"/api/documents/{row.id}").status_code == 200
    added = _add(asha, asha_in_care.id)
    assert added.status_code == 201
    entry = AccessEntry.objects.get(resource_id=added.json()["id"], actor_id=asha.id)
    assert (entry.action, entry.purpose, entry.right) == ("contribute", "self", "self")
    problem(_add(asha, asha_in_care.id, category="identity"), 422, "invalid")


def test_dan_finds_nothing(dan: User, asha_in_care: PatientCard, add_document: AddDocument) -> None:
    row = add_document()
    problem(api(dan).get(f"/api/patients/{asha_in_care.id}/documents"), 404, "not-found")
    problem(api(dan).get(f"/api/documents/{row.id}"), 404, "not-found")
    problem(_add(dan, asha_in_care.id), 404, "not-found")
    assert not AccessEntry.objects.filter(actor_id=dan.id).exists()


def test_reception_is_refused(rita: User, asha_in_care: PatientCard, add_document: AddDocument) -> None:
    row = add_document()
    problem(api(rita).get(f"/api/patients/{asha_in_care.id}/documents"), 403, "refused")
    problem(api(rita).get(f"/api/documents/{row.id}"), 403, "refused")


def test_nobody_gets_in_without_signing_in(add_document: AddDocument) -> None:
    row = add_document()
    assert api().get(f"/api/patients/{row.patient_id}/documents").status_code == 401
    assert api().get(f"/api/documents/{row.id}").status_code == 401


def test_an_unknown_document_is_not_found(dr_bose: User) -> None:
    problem(api(dr_bose).get(f"/api/documents/{new_id()}"), 404, "not-found")


def test_faults_name_their_fields(dr_bose: User, asha_in_care: PatientCard) -> None:
    url = f"/api/patients/{asha_in_care.id}/documents"
    body = problem(api(dr_bose).post(url, {}, format="multipart"), 422, "invalid")
    assert set(body["errors"]) == {"file", "title", "category"}
    body = problem(_add(dr_bose, asha_in_care.id, b"<html><script></script></html>"), 422, "invalid")
    assert set(body["errors"]) == {"file"}


def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    dr_bose: User, asha_in_care: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_BYTES", 1000)
    body = problem(_add(dr_bose, asha_in_care.id, PDF + bytes(100_000)), 413, "too-large")
    assert set(body["errors"]) == {"file"}
    assert not Document.objects.exists()


def test_the_list_is_paged_with_the_same_number_of_queries(
    dr_bose: User, asha_in_care: PatientCard, add_document: AddDocument
) -> None:
    for number in range(3):
        add_document(title=str(number))
    client, url = api(dr_bose), f"/api/patients/{asha_in_care.id}/documents?page_size=2"
    body = client.get(url).json()
    assert (body["count"], [item["title"] for item in body["results"]]) == (3, ["2", "1"])
    assert body["next"].endswith("page=2&page_size=2")
    queries = _queries(client, url)
    for number in range(3, 8):
        add_document(title=str(number))
    assert _queries(client, url) == queries


def _queries(client: Any, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


# --- Admin ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def doctors_admin(dr_bose: User) -> Client:
    client = Client()
    client.force_login(dr_bose)
    return client


def test_the_admin_adds_a_document_by_record_number(doctors_admin: Client, asha_in_care: PatientCard) -> None:
    url = reverse("admin:documents_document_add")
    assert doctors_admin.get(url).status_code == 200
    body = {
        "record_number": asha_in_care.record_number,
        "title": "Lettre",
        "category": "letter",
        "audience": "treating",
        "file": sent(PDF),
    }
    response = doctors_admin.post(url, body)
    row = Document.objects.get()
    assert response["Location"] == reverse("admin:documents_document_change", args=[row.id])
    page = doctors_admin.get(response["Location"])
    assert page.status_code == 200
    assert row.sha256 in page.content.decode()
    fetched = doctors_admin.get(reverse("admin:documents_document_download", args=[row.id]))
    assert fetched.status_code == 302
    assert download(fetched["Location"]).content == PDF
    actions = AccessEntry.objects.filter(resource_id=str(row.id)).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["create", "view", "download"]


def test_the_admin_shows_refusals_beside_the_field(
    doctors_admin: Client, asha_in_care: PatientCard, dan_card: PatientCard
) -> None:
    url = reverse("admin:documents_document_add")
    body: dict[str, Any] = {"record_number": asha_in_care.record_number, "title": "x", "category": "letter"}
    body |= {"audience": "treating", "file": sent(b"<html>")}
    page = doctors_admin.post(url, body)
    assert page.status_code == 200
    assert "file" in page.context["form"].errors
    page = doctors_admin.post(url, body | {"record_number": dan_card.record_number, "file": sent(PDF)})
    assert "record_number" in page.context["form"].errors
    assert not Document.objects.exists()


def test_the_admin_list_shows_only_patients_in_care_and_is_in_the_log(
    doctors_admin: Client, dr_bose: User, add_document: AddDocument, dan_card: PatientCard
) -> None:
    mine = add_document(title="Bilan")
    others = Document.objects.create(
        patient_id=dan_card.id, title="Autre", category="lab", size=1, sha256="0" * 64, bucket="documents", key="k"
    )
    page = doctors_admin.get(reverse("admin:documents_document_changelist"))
    assert "Bilan" in page.content.decode()
    assert "Autre" not in page.content.decode()
    assert AccessEntry.objects.filter(actor_id=dr_bose.id, action="search", resource="document").count() == 1
    found = doctors_admin.get(reverse("admin:documents_document_changelist") + "?q=" + _number(mine))
    assert "Bilan" in found.content.decode()
    for name in ("change", "download"):
        assert doctors_admin.get(reverse(f"admin:documents_document_{name}", args=[others.id])).status_code == 404


def _number(row: Document) -> str:
    return str(row.patient)


def test_the_admin_changes_and_deletes_nothing(doctors_admin: Client, add_document: AddDocument) -> None:
    row = add_document()
    assert doctors_admin.post(reverse("admin:documents_document_change", args=[row.id])).status_code == 403
    assert doctors_admin.post(reverse("admin:documents_document_delete", args=[row.id])).status_code == 403
    assert Document.objects.filter(id=row.id).exists()


def test_reception_has_no_documents_in_the_admin(rita: User, add_document: AddDocument) -> None:
    row = add_document()
    client = Client()
    client.force_login(rita)
    assert client.get(reverse("admin:documents_document_changelist")).status_code == 403
    assert client.get(reverse("admin:documents_document_add")).status_code == 403
    assert client.get(reverse("admin:documents_document_download", args=[row.id])).status_code == 403


def test_the_admins_pages_have_no_inline_script_or_style(doctors_admin: Client, add_document: AddDocument) -> None:
    row = add_document()
    for url in (
        reverse("admin:documents_document_add"),
        reverse("admin:documents_document_changelist"),
        reverse("admin:documents_document_change", args=[row.id]),
    ):
        text = doctors_admin.get(url).content.decode()
        assert not re.search(r"<script(?![^>]*\b(src|type=\"application/json\"))|<style|\sstyle=|\son\w+=", text), url
