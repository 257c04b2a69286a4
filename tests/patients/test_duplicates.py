"""Nobody is registered twice unnoticed: candidates are found, shown, and what people decided is remembered."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.errors import PossibleDuplicate
from patients import duplicates, rules
from patients.interface import Contact, Identity, PatientCard, register_patient
from patients.models import DuplicatePair, Patient
from tests.cast import ALL_DATABASES
from tests.patients.test_admin import fields, signed_in
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

ADD = "/admin/patients/patient/add/"
#: Asha again, with a slip in the name and day and month swapped.
ASHA_AGAIN = {"family_name": "Roa", "given_names": "Asha", "birth_date": "1980-02-05", "sex": "female"}


def asked(**changes: Any) -> rules.Person:
    values: dict[str, Any] = {
        "family_name": "Rao",
        "given_names": "Asha",
        "birth_date": date(1980, 5, 2),
        "sex": "female",
    }
    return rules.Person(**values | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"family_name": "Raô"},
        {"family_name": "Roa"},
        {"birth_date": date(1980, 2, 5)},
        {"birth_date": date(1981, 5, 2)},
        {"family_name": "Blanc", "phone": "01 23 45 67 89", "email": "RAO@example.org"},
        {"birth_date": date(1990, 10, 12), "family_name": "Roa", "phone": "0123456789", "email": "rao@example.org"},
    ],
    ids=str,
)
def test_somebody_like_asha_is_found_by_an_index(asha_card: PatientCard, changes: dict[str, Any]) -> None:
    found = duplicates.candidates(asked(**changes))
    score = rules.compare(asked(**changes), duplicates.person_of(Patient.objects.get(id=asha_card.id))).score
    assert [one.id for one in found] == ([asha_card.id] if score >= rules.POSSIBLE else [])
    assert "birth_date" not in changes or changes["birth_date"].year == 1990 or found


def test_a_patient_without_a_birth_date_is_found_by_name_and_phone(asha_card: PatientCard) -> None:
    found = duplicates.candidates(asked(birth_date=None, phone="01 23 45 67 89"))
    assert [one.id for one in found] == [asha_card.id]


def test_others_are_not_found(asha_card: PatientCard, dan_card: PatientCard) -> None:
    assert duplicates.candidates(asked(family_name="Nguyen", given_names="Paul", sex="male")) == []


def test_the_form_shows_who_is_alike_and_keeps_what_was_typed(
    client: Client, rita: User, asha_card: PatientCard
) -> None:
    response = signed_in(client, rita).post(ADD, fields(**ASHA_AGAIN, city="Lyon-Bron"))
    html = response.content.decode()
    assert response.status_code == 200
    assert asha_card.record_number in html
    assert 'value="Lyon-Bron"' in html
    assert 'value="Roa"' in html
    assert Patient.objects.count() == 1
    entry = AccessEntry.objects.get(patient_id=asha_card.id, actor_id=rita.id)
    assert (entry.action, entry.resource) == ("compare", "patient")


def test_another_person_is_registered_and_the_pair_is_remembered(
    client: Client, rita: User, asha_card: PatientCard
) -> None:
    answer = fields(**ASHA_AGAIN, confirm_new="on", compared=str(asha_card.id))
    assert signed_in(client, rita).post(ADD, answer).status_code == 302
    new = Patient.objects.get(family_name="Roa")
    pair = DuplicatePair.objects.get()
    assert {pair.first_id, pair.second_id} == {new.id, asha_card.id}
    assert (pair.state, pair.decided_by_id) == ("distinct", rita.id)
    assert AccessEntry.objects.filter(action="distinguish").count() == 2


@pytest.mark.parametrize("compared", ["", "x,,1", "01900000-0000-7000-8000-000000000000"])
def test_a_tick_without_having_seen_them_is_not_enough(
    client: Client, rita: User, asha_card: PatientCard, compared: str
) -> None:
    response = signed_in(client, rita).post(ADD, fields(**ASHA_AGAIN, confirm_new="on", compared=compared))
    assert response.status_code == 200
    assert Patient.objects.count() == 1


def test_the_same_form_sent_twice_registers_one(client: Client, rita: User) -> None:
    signed_in(client, rita).post(ADD, fields())
    assert client.post(ADD, fields()).status_code == 200
    assert Patient.objects.count() == 1


def test_who_is_registered_between_check_and_save_is_shown(
    client: Client, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form saw nobody; the service, which holds the counter's lock, sees the one who came in between."""
    zoe = Identity(family_name="Ménard", given_names="Zoé", birth_date=date(2001, 9, 3), sex="female")
    register_patient(actor=None, identity=zoe)
    real = duplicates.candidates
    calls: list[Any] = []

    def first_blind(person: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(person)
        return [] if len(calls) == 1 else real(person, *args, **kwargs)

    monkeypatch.setattr(duplicates, "candidates", first_blind)
    response = signed_in(client, rita).post(ADD, fields())
    assert response.status_code == 200
    assert "Ménard" in response.content.decode()
    assert Patient.objects.count() == 1


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_of_two_identical_registrations_at_once_one_is_asked(rita: User) -> None:
    zoe = Identity(family_name="Ménard", given_names="Zoé", birth_date=date(2001, 9, 3), sex="female")
    outcome: list[str] = []
    gate = threading.Barrier(2)

    def register() -> None:
        try:
            gate.wait()
            register_patient(actor=rita, identity=zoe)
            outcome.append("registered")
        except PossibleDuplicate:
            outcome.append("asked")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=register) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome) == ["asked", "registered"]
    assert Patient.objects.count() == 1


def test_the_api_names_the_candidates_and_takes_the_confirmation(rita: User, asha_card: PatientCard) -> None:
    body = problem(api(rita).post("/api/patients", ASHA_AGAIN, format="json"), 409, "possible-duplicate")
    assert body["candidates"] == [str(asha_card.id)]
    assert "Rao" not in str(body)
    answer = api(rita).post("/api/patients", {**ASHA_AGAIN, "confirm_new": True}, format="json")
    assert answer.status_code == 201
    assert DuplicatePair.objects.filter(state="distinct").count() == 1


def test_the_api_names_nobody_out_of_sight(
    dr_bose: User, asha_card: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(User, "has_perm", lambda self, name, obj=None: name == "patients.add_patient")
    body = problem(api(dr_bose).post("/api/patients", ASHA_AGAIN, format="json"), 409, "possible-duplicate")
    assert "candidates" not in body


def test_a_new_person_registers_without_a_question(rita: User, asha_card: PatientCard) -> None:
    register_patient(
        actor=rita,
        identity=Identity(family_name="Moreau", given_names="Zoé", birth_date=date(2001, 9, 3)),
        contact=Contact(phone="06 39 98 00 01"),
    )
    assert not DuplicatePair.objects.exists()


def test_looking_for_candidates_takes_the_same_queries(asha_card: PatientCard, django_assert_num_queries: Any) -> None:
    again = Identity(family_name="Rao", given_names="Asha", birth_date=date(1980, 5, 2))
    for _number in range(2):
        with django_assert_num_queries(4):
            duplicates.candidates(asked(phone="0123456789", email="x@example.org"))
        for _other in range(20):
            register_patient(actor=None, identity=again)
