"""Who opened my record: for the person it is about, in words, and nobody else's."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from medisecure.accounts.models import User
from medisecure.audit.interface import accesses_of_patient, record_access
from medisecure.audit.models import AccessEntry
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard
from tests.cast import ALL_DATABASES
from tests.portal.conftest import browser
from tests.portal.pages import Page, faults

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def look(actor: User | None, patient: PatientCard, **values: str) -> None:
    defaults = {"action": "view", "resource": "record", "purpose": "care", "right": "care-relation"}
    record_access(actor=actor, patient_id=patient.id, **(defaults | values))


def shown(client: Client, query: str = "") -> str:
    response = client.get(f"/access/{query}")
    assert response.status_code == 200
    assert faults(Page(response)) == []
    return response.content.decode()


def test_it_says_who_what_and_why_in_words(as_asha: Client, asha_card: PatientCard, dr_bose: User) -> None:
    look(dr_bose, asha_card)
    text = shown(as_asha)
    for word in ("Anil Bose", "Doctor", "Opened: medical record", "Care", "takes part in the care"):
        assert word in text
    assert str(dr_bose.id) not in text


def test_it_speaks_french(asha: User, asha_card: PatientCard, dr_bose: User) -> None:
    look(dr_bose, asha_card)
    look(None, asha_card, action="import", purpose="operations", right="system")
    text = shown(browser(asha, "fr"))
    for word in ("Qui a ouvert mon dossier", "Médecin", "dossier médical", "Soins", "le système"):
        assert word in text


def test_dan_sees_his_own_only(as_asha: Client, as_dan: Client, asha_card: PatientCard, dr_bose: User) -> None:
    look(dr_bose, asha_card)
    assert "Anil Bose" in shown(as_asha)
    assert "Anil Bose" not in shown(as_dan)
    assert "Anil Bose" not in shown(as_dan, f"?patient={asha_card.id}&patient_id={asha_card.id}")


def test_own_looks_can_be_hidden_and_the_systems_stay(
    as_asha: Client, asha: User, asha_card: PatientCard, dr_bose: User
) -> None:
    look(asha, asha_card, purpose="self", right="self")
    look(dr_bose, asha_card)
    look(None, asha_card, action="import", purpose="operations", right="system")
    assert "For oneself" in shown(as_asha)
    text = shown(as_asha, "?own=hide")
    assert "For oneself" not in text
    assert "Anil Bose" in text
    assert "the system" in text


def test_the_newest_comes_first_and_the_rest_is_on_other_pages(
    as_asha: Client, asha_card: PatientCard, dr_bose: User, nurse_chen: User
) -> None:
    for _number in range(30):
        look(nurse_chen, asha_card)
    look(dr_bose, asha_card)
    first, second = shown(as_asha), shown(as_asha, "?own=hide&page=2")
    assert first.index("Anil Bose") < first.index("Mei Chen")
    assert "Anil Bose" not in second
    assert "own=hide" in second
    for page in ("0", "999", "x"):
        assert as_asha.get(f"/access/?page={page}").status_code == 200


def test_a_page_costs_the_same_at_any_number_of_entries(
    asha_card: PatientCard, dr_bose: User, nurse_chen: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    look(dr_bose, asha_card)
    with django_assert_num_queries(3):  # entries, accounts, roles
        assert len(accesses_of_patient(asha_card.id)[:20]) <= 20
    for _number in range(30):
        look(dr_bose, asha_card)
        look(nurse_chen, asha_card)
        look(None, asha_card)
    with django_assert_num_queries(3):
        assert len(accesses_of_patient(asha_card.id)[:20]) == 20


def test_looking_at_it_writes_nothing(as_asha: Client, asha_card: PatientCard) -> None:
    before = AccessEntry.objects.count()
    shown(as_asha)
    assert AccessEntry.objects.count() == before


def test_codes_and_accounts_that_nobody_knows_any_more_are_shown(as_asha: Client, asha_card: PatientCard) -> None:
    AccessEntry.objects.create(
        patient_id=asha_card.id, actor_id=new_id(), action="teleport", resource="x-ray", purpose="y", right="z"
    )
    text = shown(as_asha)
    assert "an account that is gone" in text
    assert "teleport: x-ray" in text


def test_it_is_linked_from_home_and_from_the_record(as_asha: Client) -> None:
    for name in ("home", "record"):
        assert 'href="/access/"' in as_asha.get(reverse(name)).content.decode()


def test_without_a_patient_or_a_sign_in_there_is_nothing(rita: User) -> None:
    assert "No patient record" in browser(rita).get("/access/").content.decode()
    assert browser().get("/access/").status_code == 302
