"""Finding as you type in the admin, and lists that count no further than anybody leafs."""

from __future__ import annotations

import re
from datetime import date

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients import rules
from patients.interface import Identity, PatientCard, PractitionerCard, register_patient
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf
from tests.patients.test_admin import LIST, page, signed_in
from tests.support import api

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

SUGGEST = f"{LIST}suggest/"


def crowd(count: int) -> None:
    for number in range(count):
        name = f"Moreau{'abcdefghijklmn'[number]}"
        identity = Identity(family_name=name, given_names="Zoé", birth_date=date(2001, 9, 3))
        register_patient(actor=None, identity=identity)


# --- As you type ------------------------------------------------------------------------------------------------------
def test_what_is_typed_finds_people_with_what_tells_them_apart(
    client: Client, rita: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    answer = signed_in(client, rita).post(SUGGEST, {"q": "ra"}).json()
    assert [found["url"] for found in answer["results"]] == [page(asha_card.id)]
    assert answer["results"][0]["name"] == "Asha Rao"
    for detail in ("02/05/1980", "féminin", asha_card.record_number):
        assert detail in answer["results"][0]["details"]
    entry = AccessEntry.objects.get(action="search", actor_id=rita.id)
    assert (entry.resource_id, entry.patient_id) == ("results:1", None)


def test_no_more_than_fit_are_shown_and_it_is_said(client: Client, rita: User) -> None:
    crowd(12)
    answer = signed_in(client, rita).post(SUGGEST, {"q": "moreau"}).json()
    assert len(answer["results"]) == 8
    assert "8" in answer["message"]


@pytest.mark.parametrize("typed", ["", "a", "a" * 101, "%%", "\x00"])
def test_what_cannot_be_searched_is_said_and_finds_nobody(
    client: Client, rita: User, asha_card: PatientCard, typed: str
) -> None:
    response = signed_in(client, rita).post(SUGGEST, {"q": typed})
    assert response.status_code == 200
    assert response.json()["results"] == []
    assert response.json()["message"]


def test_a_doctor_is_shown_those_in_their_care(
    client: Client,
    dr_bose: User,
    bose_card: PractitionerCard,
    asha_card: PatientCard,
    dan_card: PatientCard,
    in_care: CareOf,
) -> None:
    in_care(asha_card, bose_card)
    signed_in(client, dr_bose)
    assert len(client.post(SUGGEST, {"q": "rao"}).json()["results"]) == 1
    assert client.post(SUGGEST, {"q": "moreau"}).json()["results"] == []


def test_names_do_not_stand_in_addresses(client: Client, rita: User, asha_card: PatientCard) -> None:
    assert signed_in(client, rita).get(SUGGEST, {"q": "rao"}).status_code == 405


def test_patients_and_strangers_are_shown_nobody(client: Client, asha: User, asha_card: PatientCard) -> None:
    assert client.post(SUGGEST, {"q": "rao"}).status_code == 302
    assert b"Rao" not in signed_in(client, asha).post(SUGGEST, {"q": "rao"}).content


def test_every_page_of_staff_has_the_box(client: Client, rita: User, asha_card: PatientCard) -> None:
    signed_in(client, rita)
    for path in ("/admin/", LIST, page(asha_card.id), f"{LIST}add/", f"{LIST}duplicates/"):
        html = client.get(path).content.decode()
        box = next(tag for tag in re.findall(r"<input[^>]*>", html) if 'id="find-patient"' in tag)
        assert f'data-find-patient="{SUGGEST}"' in box, path
        assert re.search(r'aria-label="[^"]+"', box), path
    assert client.get(LIST).content.decode().count("data-find-patient") == 2


def test_who_may_not_search_has_no_box(client: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "find-patient" in signed_in(client, alice).get("/admin/").content.decode()
    monkeypatch.setattr("medisecure.accounts.models.User.has_perm", lambda self, name, obj=None: "search" not in name)
    assert 'id="find-patient"' not in client.get("/admin/").content.decode()


# --- How many ---------------------------------------------------------------------------------------------------------
def test_a_long_list_is_counted_to_its_bound_and_says_so(
    client: Client, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(6)
    monkeypatch.setattr(rules, "MOST_LISTED", 4)
    with CaptureQueriesContext(connections["default"]) as queries:
        html = signed_in(client, rita).get(LIST).content.decode()
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"] and 'FROM "patients"' in query["sql"]]
    assert counts
    assert all("LIMIT 5" in sql for sql in counts)
    assert "plus de 4 patients" in html
    body = api(rita).get("/api/patients").json()
    assert (body["count"], body["more"]) == (4, True)


def test_a_short_list_is_whole(client: Client, rita: User, asha_card: PatientCard) -> None:
    assert "fp-note" not in signed_in(client, rita).get(LIST).content.decode()
    body = api(rita).get("/api/patients").json()
    assert (body["count"], body["more"]) == (1, False)


def test_a_search_that_finds_too_many_says_what_to_add(
    client: Client, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(6)
    monkeypatch.setattr(rules, "MOST_FOUND", 3)
    html = signed_in(client, rita).get(LIST, {"q": "moreau"}).content.decode()
    assert "Au moins 3 personnes" in html
    assert "fp-note" not in client.get(LIST, {"q": "xylophone"}).content.decode()
