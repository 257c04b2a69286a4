"""The API of patients, over HTTP with real tokens. Every address has a Dan test: he is an outsider."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.ids import new_id
from patients.interface import Identity, PatientCard, PractitionerCard, register_patient, register_practitioner
from patients.models import Patient
from tests.cast import ALL_DATABASES
from tests.patients.clinical import known, small_record, store
from tests.patients.fixtures import CareOf
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

ZOE: dict[str, Any] = {"family_name": "Ménard", "given_names": "Zoé", "birth_date": "2001-09-03", "sex": "female"}


@pytest.mark.parametrize("path", ["", "/medical-record"])
def test_dan_finds_nothing_of_asha(dan: User, dan_card: PatientCard, asha_card: PatientCard, path: str) -> None:
    problem(api(dan).get(f"/api/patients/{asha_card.id}{path}"), 404, "not-found")


def test_dan_searches_nobody_and_registers_nobody(dan: User, asha_card: PatientCard) -> None:
    problem(api(dan).get("/api/patients", {"q": "rao"}), 403, "refused")
    problem(api(dan).post("/api/patients", ZOE, format="json"), 403, "refused")


def test_dan_is_dan(dan: User, dan_card: PatientCard, asha_card: PatientCard) -> None:
    assert api(dan).get("/api/patients/me").json()["id"] == str(dan_card.id)


def test_someone_who_is_no_patient_has_no_me(rita: User) -> None:
    problem(api(rita).get("/api/patients/me"), 404, "not-found")


@pytest.mark.parametrize(
    "path",
    [
        "/api/patients",
        "/api/patients/me",
        "/api/practitioners",
        "/api/patients/{id}",
        "/api/patients/{id}/medical-record",
    ],
)
def test_a_stranger_must_sign_in(db: None, path: str) -> None:
    assert APIClient().get(path.format(id=new_id())).status_code == 401


@pytest.mark.parametrize("who", ["rita", "carol", "alice", "olga"])
def test_staff_see_the_identity_and_are_refused_the_record(
    request: pytest.FixtureRequest, who: str, asha_card: PatientCard
) -> None:
    client = api(request.getfixturevalue(who))
    assert client.get(f"/api/patients/{asha_card.id}").json()["full_name"] == "Asha Rao"
    problem(client.get(f"/api/patients/{asha_card.id}/medical-record"), 403, "refused")


@pytest.mark.parametrize("who", ["dr_bose", "nurse_chen"])
def test_care_opens_the_record(
    request: pytest.FixtureRequest,
    who: str,
    asha_card: PatientCard,
    bose_card: PractitionerCard,
    chen_card: PractitionerCard,
    in_care: CareOf,
) -> None:
    client = api(request.getfixturevalue(who))
    path = f"/api/patients/{asha_card.id}/medical-record"
    problem(client.get(path), 404, "not-found")
    problem(client.get(f"/api/patients/{asha_card.id}"), 404, "not-found")
    in_care(asha_card, bose_card if who == "dr_bose" else chen_card)
    assert client.get(path).status_code == 200
    assert client.get(f"/api/patients/{asha_card.id}").status_code == 200


def test_the_record_says_whether_it_was_kept_and_is_kept_by_nobody_else(asha: User, asha_card: PatientCard) -> None:
    store(small_record(known(asha_card.id)))
    client, path = api(asha), f"/api/patients/{asha_card.id}/medical-record"
    first, second = client.get(path), client.get(path)
    assert (first["X-Cache"], second["X-Cache"]) == ("miss", "hit")
    assert "no-store" in first["Cache-Control"]
    body = first.json()
    assert body == second.json()
    assert body["patient"]["record_number"] == asha_card.record_number
    assert body["observations"][0]["count"] == 7
    assert body["documents"] == []


def test_the_record_answers_what_the_document_describes(asha: User, asha_card: PatientCard) -> None:
    from patients.api.serializers import MedicalRecordOut

    store(small_record(known(asha_card.id)))
    body = api(asha).get(f"/api/patients/{asha_card.id}/medical-record").json()
    described = MedicalRecordOut().fields
    assert set(body) == set(described)
    for name in ("encounters", "conditions", "allergies"):
        assert set(body[name][0]) == set(described[name].child.fields), name  # type: ignore[attr-defined]
    series = described["observations"].child.fields  # type: ignore[attr-defined]
    assert set(body["observations"][0]) == set(series)
    assert set(body["observations"][0]["latest"][0]) == set(series["latest"].child.fields)


def test_a_purpose_that_is_none_is_refused(asha: User, asha_card: PatientCard) -> None:
    body = problem(api(asha).get(f"/api/patients/{asha_card.id}", {"purpose": "curiosity"}), 422, "invalid")
    assert list(body["errors"]) == ["purpose"]


def test_a_search_is_paged_and_audited_without_its_words(
    rita: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    body = api(rita).get("/api/patients", {"q": "asha"}).json()
    assert body["count"] == 1
    assert body["results"] == [
        {
            "id": str(asha_card.id),
            "record_number": asha_card.record_number,
            "full_name": "Asha Rao",
            "birth_date": "1980-05-02",
            "sex": "female",
            "active": True,
        }
    ]
    entry = AccessEntry.objects.get(action="search")
    assert (entry.actor_id, entry.patient_id, entry.resource_id) == (rita.id, None, "results:1")


@pytest.mark.parametrize("query", ["x", "x" * 1000])
def test_a_search_too_short_or_too_long_names_its_field(rita: User, query: str) -> None:
    body = problem(api(rita).get("/api/patients", {"q": query}), 422, "invalid")
    assert list(body["errors"]) == ["q"]


@pytest.mark.parametrize("count", [3, 60])
def test_a_page_of_patients_takes_the_same_queries(
    rita: User, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for index in range(count):
        identity = Identity(family_name=f"Same{index}", given_names="Zoé", birth_date=date(2001, 9, 3))
        register_patient(actor=None, identity=identity)
    client = api(rita)
    with django_assert_num_queries(8):  # user, permissions (2), roles, search, count, page, audit entry
        body = client.get("/api/patients", {"q": "zoe", "page_size": "50"}).json()
    assert body["count"] == count


def test_reception_registers_a_patient(rita: User) -> None:
    response = api(rita).post("/api/patients", ZOE, format="json")
    assert response.status_code == 201, response.content
    body = response.json()
    assert response["Location"] == f"/api/patients/{body['id']}"
    assert body["identity_status"] == "provisional"
    assert Patient.objects.get(id=body["id"]).given_names == "Zoé"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"birth_date": "2001-02-30"}, "birth_date"),
        ({"birth_date": "2999-01-01"}, "birth_date"),
        ({"birth_date": None}, "birth_date"),
        ({"family_name": ""}, "family_name"),
        ({"family_name": "x" * 10_000}, "family_name"),
        ({"given_names": ["a"]}, "given_names"),
        ({"given_names": "a\u202eb"}, "given_names"),
        ({"sex": "x"}, "sex"),
        ({"email": "zoe@"}, "email"),
        ({"language": "x" * 36}, "language"),
    ],
)
def test_a_patient_who_cannot_be_names_the_field(rita: User, change: dict[str, Any], field: str) -> None:
    body = problem(api(rita).post("/api/patients", ZOE | change, format="json"), 422, "invalid")
    assert list(body["errors"]) == [field]
    assert not Patient.objects.exists()


def test_an_id_that_is_none_is_not_found(rita: User) -> None:
    assert api(rita).get("/api/patients/not-an-id").status_code == 404
    problem(api(rita).get(f"/api/patients/{new_id()}"), 404, "not-found")


@pytest.mark.parametrize("count", [2, 30])
def test_everyone_sees_practitioners_and_nothing_private_of_them(
    dan: User, bose_card: PractitionerCard, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for index in range(count):
        register_practitioner(actor=None, full_name=f"Dr {index}", specialty="surgery", specialty_label="Surgery")
    client = api(dan)
    with django_assert_num_queries(3):  # user, count, page
        body = client.get("/api/practitioners", {"specialty": "surgery"}).json()
    assert body["count"] == count
    (bose,) = client.get("/api/practitioners", {"specialty": "cardiology"}).json()["results"]
    assert bose == {
        "id": str(bose_card.id),
        "full_name": "Dr Anil Bose",
        "specialty": "cardiology",
        "specialty_label": "Cardiology",
    }


@pytest.mark.parametrize("query", ["z", "z" * 1000, "%" * 50, "\u202e\u202e", "\u0301" * 20, "\x00\x00", "+++---"])
def test_a_search_by_nothing_names_its_field(rita: User, query: str) -> None:
    response = api(rita).get("/api/patients", {"q": query})
    assert response.status_code == 422
    assert list(response.json()["errors"]) == ["q"]


def test_a_search_by_phone_and_birth_date_finds_its_patient(rita: User, asha_card: PatientCard) -> None:
    Patient.objects.filter(id=asha_card.id).update(phone="+33 6 39 98 00 77", phone_key="0639980077")
    query = f"06 39 98 00 77 {asha_card.birth_date:%d/%m/%Y}"
    body = api(rita).get("/api/patients", {"q": query}).json()
    assert [row["id"] for row in body["results"]] == [str(asha_card.id)]
