"""My data and my rights: the page, the password asked for once more, and nobody else's data."""

from __future__ import annotations

import pytest
from django.test import Client

from medisecure.accounts.models import User
from patients import erasing, exporting
from patients.interface import PatientCard
from patients.models import ErasureRequest, RecordExport
from tests.cast import ALL_DATABASES, PASSWORD
from tests.portal.conftest import browser
from tests.portal.pages import Page, faults

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def shown(client: Client) -> str:
    response = client.get("/privacy/")
    assert response.status_code == 200
    assert faults(Page(response)) == []
    return response.content.decode()


def test_a_copy_is_asked_for_with_the_password_and_downloaded(as_asha: Client, asha_card: PatientCard) -> None:
    assert "Make a copy" in shown(as_asha)
    assert as_asha.post("/privacy/copy/", {"password": PASSWORD}).status_code == 302
    text = shown(as_asha)
    assert "<progress" in text
    assert "live.js" in text
    assert "Make a copy" not in text
    exporting.run_export(RecordExport.objects.get().id)
    text = shown(as_asha)
    assert "Download" in text
    assert "<progress" not in text
    response = as_asha.get(f"/privacy/copy/{RecordExport.objects.get().id}/")
    assert response.status_code == 302
    assert "/files/" in response["Location"] or "X-Amz-Signature" in response["Location"]


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), "x" * 300])
def test_without_the_password_there_is_no_copy(as_asha: Client, asha_card: PatientCard, password: str) -> None:
    response = as_asha.post("/privacy/copy/", {"password": password})
    assert response.status_code == 422
    assert faults(Page(response)) == []
    assert 'aria-invalid="true"' in response.content.decode()
    assert RecordExport.objects.count() == 0


def test_guessing_the_password_ends(as_asha: Client, asha_card: PatientCard) -> None:
    for _try in range(12):
        response = as_asha.post("/privacy/copy/", {"password": "wrong"})
    assert "Too many tries" in response.content.decode()
    assert as_asha.post("/privacy/copy/", {"password": PASSWORD}).status_code == 422


def test_two_clicks_are_one_copy(as_asha: Client, asha_card: PatientCard) -> None:
    for _click in range(2):
        response = as_asha.post("/privacy/copy/", {"password": PASSWORD}, follow=True)
    assert "being made already" in response.content.decode()
    assert RecordExport.objects.count() == 1


def test_dan_gets_404_for_ashas_copy_request_and_letter(
    asha: User, as_asha: Client, as_dan: Client, asha_card: PatientCard
) -> None:
    as_asha.post("/privacy/copy/", {"password": PASSWORD})
    export_id = RecordExport.objects.get().id
    exporting.run_export(export_id)
    request_id = erasing.request_erasure(actor=asha, patient_id=asha_card.id)
    assert as_dan.get(f"/privacy/copy/{export_id}/").status_code == 404
    assert as_dan.post(f"/privacy/erasure/{request_id}/withdraw/").status_code == 404
    assert as_dan.get(f"/privacy/erasure/{request_id}/letter/").status_code == 404
    assert str(export_id) not in shown(as_dan)
    assert ErasureRequest.objects.get().status == "open"


def test_erasure_is_asked_for_answered_and_read(
    as_asha: Client, asha: User, asha_card: PatientCard, olga: User
) -> None:
    response = as_asha.post("/privacy/erasure/", {"words": "My data"})
    assert response.status_code == 422
    assert "My data</textarea>" in response.content.decode().replace("\n", "")
    as_asha.post("/privacy/erasure/", {"words": "My data", "sure": "on"})
    text = shown(as_asha)
    assert "You get an answer by" in text
    assert "Send the request" not in text
    row = ErasureRequest.objects.get()
    _row, _facts, proposed = erasing.propose(actor=olga, request_id=row.id)
    chosen = {one.category.value: erasing.Answer(one.allowed[0].value) for one in proposed}
    chosen["account"] = erasing.Answer("keep", "Needed to read the answer.")
    erasing.decide_erasure(actor=olga, request_id=row.id, answers=chosen)
    erasing.run_erasure(row.id)
    text = shown(as_asha)
    for words in (
        "Medical record and documents",
        "Erased",
        "Nothing is kept",
        "Needed to read the answer.",
        "as a letter",
    ):
        assert words in text, words
    assert as_asha.get(f"/privacy/erasure/{row.id}/letter/").status_code == 302


def test_a_request_can_be_withdrawn(as_asha: Client, asha_card: PatientCard) -> None:
    as_asha.post("/privacy/erasure/", {"sure": "on"})
    row = ErasureRequest.objects.get()
    response = as_asha.post(f"/privacy/erasure/{row.id}/withdraw/", follow=True)
    assert "Nothing was erased" in response.content.decode()
    assert "Send the request" in response.content.decode()
    assert "in the meantime" in as_asha.post(f"/privacy/erasure/{row.id}/withdraw/", follow=True).content.decode()


def test_it_is_linked_and_speaks_french(asha: User, asha_card: PatientCard) -> None:
    client = browser(asha, "fr")
    assert 'href="/privacy/"' in client.get("/profile/").content.decode()
    assert 'href="/privacy/"' in client.get("/access/").content.decode()
    text = shown(client)
    for words in ("Mes données et mes droits", "Obtenir toutes mes données", "Demander l’effacement"):
        assert words in text


def test_without_a_patient_or_a_sign_in_there_is_nothing(rita: User) -> None:
    assert "No patient record" in browser(rita).get("/privacy/").content.decode()
    assert browser().get("/privacy/").status_code == 302
