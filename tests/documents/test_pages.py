"""The pages of documents in portal and admin: the plain form, lists, unfinished uploads, what is said of a document."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from documents import services
from documents.models import Document, Upload
from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients.interface import PatientCard
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, AddDocument, sent

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def _unfinished(actor: User, patient: PatientCard) -> services.UploadLine:
    file = services.FileFacts("scan.pdf", 9)
    return services.begin_upload(actor=actor, patient_id=patient.id, entry=services.Entry("Scan", "imaging"), file=file)


def test_a_patient_adds_a_document_without_a_script(asha: User, asha_in_care: PatientCard) -> None:
    client = _signed_in(asha)
    page = client.get("/record/documents/new/")
    names = {name for name, _label in page.context["form"].fields["category"].choices}
    assert "identity" not in names
    body = {"title": "Radio", "category": "imaging", "audience": "doctors", "file": sent(PDF)}
    answer = client.post("/record/documents/new/", body)
    assert (answer.status_code, answer["Location"]) == (302, "/record/documents/")
    row = Document.objects.get()
    assert (row.audience, row.uploaded_by_id, row.withheld_until) == ("doctors", asha.id, None)
    assert "Radio" in client.get("/record/documents/").content.decode()
    wrong = client.post("/record/documents/new/", body | {"file": sent(b"<html>")})
    assert wrong.status_code == 422
    assert "file" in wrong.context["form"].errors
    assert Document.objects.count() == 1


def test_unfinished_uploads_are_listed_and_cancelled_by_their_own(
    asha: User, dr_bose: User, dan: User, dan_card: PatientCard, asha_in_care: PatientCard
) -> None:
    mine, his = _unfinished(asha, asha_in_care), _unfinished(dr_bose, asha_in_care)
    page = _signed_in(asha).get("/record/documents/")
    assert [line.id for line in page.context["uploads"]] == [mine.id]
    assert _signed_in(dan).post(f"/record/documents/uploads/{mine.id}/cancel/").status_code == 404
    assert _signed_in(asha).post(f"/record/documents/uploads/{mine.id}/cancel/").status_code == 302
    staff, place = _signed_in(dr_bose), reverse("admin:documents_document_patient", args=[asha_in_care.id])
    assert [line.id for line in staff.get(place).context["uploads"]] == [his.id]
    address = reverse("admin:documents_upload_cancel", args=[his.id])
    assert staff.post(address).status_code == 409, "a page of somebody else"
    assert staff.post(address, {"patient_id": str(asha_in_care.id)}).status_code == 302
    assert set(Upload.objects.values_list("state", flat=True)) == {"cancelled"}


def test_staff_add_and_replace_on_the_patients_page(dr_bose: User, asha_in_care: PatientCard) -> None:
    staff, place = _signed_in(dr_bose), reverse("admin:documents_document_patient", args=[asha_in_care.id])
    day = clock.today() + timedelta(days=3)
    body = {
        "patient_id": str(asha_in_care.id),
        "title": "Bilan",
        "category": "lab",
        "audience": "treating",
        "withheld_until": day.isoformat(),
    }
    assert staff.post(place, {**body, "file": sent(PDF)}).status_code == 302
    first = Document.objects.get()
    assert first.withheld_until == day
    shown = staff.get(place).content.decode()
    assert "Bilan" in shown
    assert 'data-begin="/api/patients/' in shown
    assert staff.get(f"{place}?replaces={first.id}").context["replaced"] == first
    assert staff.post(place, {**body, "replaces": str(first.id), "file": sent(PDF)}).status_code == 302
    second = Document.objects.get(current=True)
    assert (second.version, second.first_id) == (2, first.id)
    page = staff.get(reverse("admin:documents_document_change", args=[second.id]))
    assert [line.version for line in page.context["versions"]] == [2, 1]
    wrong = staff.post(place, {**body, "patient_id": str(dr_bose.id), "file": sent(PDF)})
    assert wrong.status_code == 409


def test_a_doctor_holds_and_releases_on_the_documents_page(
    dr_bose: User, nurse_chen: User, rita: User, add_document: AddDocument
) -> None:
    row = add_document()
    Document.objects.filter(id=row.id).update(withheld_until=clock.today() + timedelta(days=2))
    doctor, bound = _signed_in(dr_bose), {"patient_id": str(row.patient_id)}
    hold = reverse("admin:documents_document_hold", args=[row.id])
    release = reverse("admin:documents_document_release", args=[row.id])
    assert 'name="keep_until"' in doctor.get(hold).content.decode()
    assert doctor.post(hold, {**bound, "held": "on"}).status_code == 422
    assert doctor.post(hold, {**bound, "held": "on", "reason": "Dossier 12"}).status_code == 302
    assert doctor.get(release).status_code == 403
    assert doctor.post(release, bound).status_code == 302
    row.refresh_from_db()
    assert (row.hold_reason, row.withheld_until) == ("Dossier 12", None)
    assert _signed_in(nurse_chen).get(hold).status_code == 403
    for address in (hold, release):
        assert _signed_in(rita).post(address, bound).status_code == 403


def test_lists_ask_the_same_number_of_questions_for_few_and_for_many(
    asha: User, dr_bose: User, asha_in_care: PatientCard, add_document: AddDocument
) -> None:
    faces: list[tuple[Client, str]] = [
        (_signed_in(asha), "/record/documents/"),
        (_signed_in(dr_bose), reverse("admin:documents_document_patient", args=[asha_in_care.id])),
    ]
    add_document()
    few = [_questions(*face) for face in faces]
    for number in range(4):
        add_document(title=str(number))
    assert [_questions(*face) for face in faces] == few


def _questions(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)
