"""Identity over the API: read, changed, verified, revealed; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard, PractitionerCard
from patients.models import EmergencyContact, Patient, PatientIdentifier
from tests.cast import ALL_DATABASES
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

NIR = {"kind": "fr-nir", "value": "2 80 05 78 006 084"}
RAVI = {"full_name": "Ravi Rao", "relation": "spouse", "phone": "+33 6 39 98 00 11", "may_be_told": True}
FUND = {"role": "mandatory", "payer": "Caisse de Valmont", "member_number": "280057800608462"}
ASHA = {"family_name": "Rao", "given_names": "Asha", "birth_date": "1980-05-02", "sex": "female"}


def change(actor: User, card: PatientCard, version: int = 1, **values: Any) -> Any:
    return api(actor).patch(f"/api/patients/{card.id}", {"version": version, **values}, format="json")


def test_everything_is_registered_at_once_and_read_again(rita: User, bose_card: PractitionerCard) -> None:
    body = {
        **ASHA,
        "birth_place": "Pondichéry",
        "birth_place_code": "99223",
        "identifiers": [NIR],
        "contacts": [RAVI],
        "insurers": [FUND],
        "primary_practitioner_id": str(bose_card.id),
    }
    response = api(rita).post("/api/patients", body, format="json")
    assert response.status_code == 201, response.content
    found = api(rita).get(response["Location"]).json()
    assert found == response.json()
    assert (found["birth_place"], found["birth_place_code"]) == ("Pondichéry", "99223")
    assert found["identifiers"][0]["masked"].startswith("••••")
    assert found["contacts"][0]["full_name"] == "Ravi Rao"
    assert found["insurers"][0]["masked"].endswith("462")
    assert found["primary_practitioner_name"] == "Dr Anil Bose"
    assert "2800578006084" not in response.content.decode().replace(" ", "")


def test_what_is_not_sent_stays(rita: User, asha_card: PatientCard) -> None:
    assert change(rita, asha_card, contacts=[RAVI], identifiers=[NIR]).status_code == 200
    found = change(rita, asha_card, 2, phone="0639980099", used_name="Blanc").json()
    assert (found["city"], found["phone"], found["used_name"], found["version"]) == ("Lyon", "0639980099", "Blanc", 3)
    assert len(found["contacts"]) == len(found["identifiers"]) == 1
    found = change(rita, asha_card, 3, end_identifiers=[found["identifiers"][0]["id"]]).json()
    assert found["identifiers"] == []


def test_half_a_birth_date_stays_half(rita: User, asha_card: PatientCard) -> None:
    Patient.objects.update(birth_date="1980-01-01", birth_precision="year")
    assert change(rita, asha_card, used_name="Blanc").json()["birth_precision"] == "year"
    assert change(rita, asha_card, 2, birth_date="1980-05-02").json()["birth_precision"] == "day"


def test_an_unknown_birth_date_is_asked_for_and_not_needed_for_a_phone(rita: User, asha_card: PatientCard) -> None:
    Patient.objects.update(birth_date=None)
    assert change(rita, asha_card, phone="0639980099").status_code == 200
    body = problem(change(rita, asha_card, 2, used_name="Blanc"), 422, "invalid")
    assert list(body["errors"]) == ["birth_date"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"identifiers": [{**NIR, "value": "280057800608400"}]}, "identifiers.0.value"),
        ({"identifiers": [{**NIR, "value": "x" * 10_000}]}, "identifiers.0.value"),
        ({"identifiers": [{**NIR, "value": "1810678006084"}]}, "identifiers.0.confirmed"),
        ({"contacts": [RAVI, {**RAVI, "phone": "1"}]}, "contacts.1.phone"),
        ({"insurers": [FUND, FUND]}, "insurers.1.starts_on"),
        ({"birth_place_code": "7505"}, "birth_place_code"),
        ({"primary_practitioner_id": str(new_id())}, "primary_practitioner"),
        ({"end_identifiers": [str(new_id())]}, "identifiers"),
        ({"contacts": [{**RAVI, "id": str(new_id())}]}, "contacts"),
        ({"birth_date": "1980-02-30"}, "birth_date"),
        ({"family_name": "x" * 10_000}, "family_name"),
        ({"family_name": "Ra\u202eo"}, "family_name"),
        ({"contacts": "x"}, "contacts"),
        ({"contacts": [1]}, "contacts"),
        ({"version": "x"}, "version"),
    ],
)
def test_what_cannot_be_names_its_place(rita: User, asha_card: PatientCard, values: dict[str, Any], field: str) -> None:
    body = problem(
        api(rita).patch(f"/api/patients/{asha_card.id}", {"version": 1, **values}, format="json"), 422, "invalid"
    )
    assert [key for key in body["errors"] if key.startswith(field)], body
    assert Patient.objects.get().version == 1


def test_an_older_version_is_stale(rita: User, asha_card: PatientCard) -> None:
    assert change(rita, asha_card, city="Nantes").status_code == 200
    problem(change(rita, asha_card, city="Brest"), 409, "stale")


def test_one_key_registers_one_patient(rita: User) -> None:
    client = api(rita)

    def post(**values: Any) -> Any:
        body = {**ASHA, "identifiers": [NIR], **values}
        return client.post("/api/patients", body, format="json", headers={"Idempotency-Key": "abc"})

    first, again = post(), post()
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    problem(post(given_names="Uma"), 409, "conflict")
    assert Patient.objects.count() == PatientIdentifier.objects.count() == 1
    long = client.post("/api/patients", ASHA, format="json", headers={"Idempotency-Key": "x" * 201})
    problem(long, 422, "invalid")


def test_a_document_verifies_and_a_doubt_takes_it_back(rita: User, asha_card: PatientCard) -> None:
    address = f"/api/patients/{asha_card.id}"
    body = {"version": 1, "document": "passport", "seen_on": "2026-01-05", "number": "12AB34567", "country": "FR"}
    found = api(rita).post(f"{address}/verify", body, format="json").json()
    assert (found["identity_status"], found["checks"][0]["masked"]) == ("verified", "••••••567")
    found = api(rita).post(f"{address}/unverify", {"version": 2, "because": "doubt"}, format="json").json()
    assert (found["identity_status"], found["checks"]) == ("provisional", [])
    problem(api(rita).post(f"{address}/verify", {**body, "version": 3, "document": "x"}, format="json"), 422, "invalid")


def test_a_whole_number_is_given_once_it_is_written_down(
    rita: User, asha: User, olga: User, asha_card: PatientCard
) -> None:
    number = change(rita, asha_card, identifiers=[NIR]).json()["identifiers"][0]["id"]
    address = f"/api/patients/{asha_card.id}/reveal"
    answer = api(rita).post(address, {"identifier_id": number}, format="json")
    assert answer.json()["value"].replace(" ", "")[:13] == "2800578006084"
    assert "no-store" in answer["Cache-Control"]
    assert AccessEntry.objects.filter(action="reveal", actor_id=rita.id, resource_id=number).count() == 1
    assert api(asha).post(address, {"identifier_id": number}, format="json").status_code == 200
    problem(api(olga).post(address, {"identifier_id": number}, format="json"), 403, "refused")
    problem(api(rita).post(address, {}, format="json"), 422, "invalid")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("patch", "", {"version": 1, "contacts": []}),
        ("post", "/verify", {"version": 1, "document": "passport", "seen_on": "2026-01-05"}),
        ("post", "/unverify", {"version": 1, "because": "doubt"}),
        ("post", "/reveal", {"identifier_id": str(new_id())}),
    ],
)
def test_dan_has_nothing_to_do_with_asha(
    dan: User, dan_card: PatientCard, asha_card: PatientCard, method: str, path: str, body: dict[str, Any]
) -> None:
    address = f"/api/patients/{asha_card.id}{path}"
    problem(getattr(api(dan), method)(address, body, format="json"), 404, "not-found")
    assert getattr(APIClient(), method)(address, body, format="json").status_code == 401
    assert not EmergencyContact.objects.exists()
    assert not AccessEntry.objects.filter(actor_id=dan.id, patient_id=asha_card.id).exists()


@pytest.mark.parametrize("who", ["carol", "olga", "asha"])
def test_only_reception_changes_an_identity(request: pytest.FixtureRequest, who: str, asha_card: PatientCard) -> None:
    actor = request.getfixturevalue(who)
    problem(change(actor, asha_card, contacts=[RAVI]), 403, "refused")
    body = {"version": 1, "document": "passport", "seen_on": "2026-01-05"}
    problem(api(actor).post(f"/api/patients/{asha_card.id}/verify", body, format="json"), 403, "refused")


def test_a_patient_reads_their_own(asha: User, rita: User, asha_card: PatientCard) -> None:
    change(rita, asha_card, contacts=[RAVI], identifiers=[NIR])
    found = api(asha).get("/api/patients/me").json()
    assert [line["full_name"] for line in found["contacts"]] == ["Ravi Rao"]
    assert len(found["identifiers"]) == 1
