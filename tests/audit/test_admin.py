"""The privacy officer reads names and words, and finds by record number or account."""

from __future__ import annotations

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.audit.models import AccessEntry
from medisecure.kernel.databases import DEFAULT
from patients.interface import PatientCard
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

ADDRESS = "/admin/audit/accessentry/"


@pytest.fixture
def as_olga(olga: User, client: Client) -> Client:
    client.force_login(olga)
    client.cookies["medisecure_language"] = "en"
    return client


def look(actor: User | None, patient: PatientCard) -> AccessEntry:
    id_ = record_access(
        actor=actor, patient_id=patient.id, action="view", resource="record", purpose="care", right="care-relation"
    )
    return AccessEntry.objects.get(id=id_)


def rows(client: Client, query: str = "") -> list[AccessEntry]:
    response = client.get(f"{ADDRESS}?{query}")
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def test_names_and_words_stand_for_ids_and_codes(as_olga: Client, asha_card: PatientCard, dr_bose: User) -> None:
    look(dr_bose, asha_card)
    text = as_olga.get(ADDRESS).content.decode()
    for word in ("Anil Bose (Doctor)", "Asha Rao", asha_card.record_number, "Opened", "takes part in the care"):
        assert word in text
    assert str(dr_bose.id) not in text


def test_one_entry_is_shown_in_words_too(as_olga: Client, asha_card: PatientCard, dr_bose: User) -> None:
    found = look(dr_bose, asha_card)
    text = as_olga.get(f"{ADDRESS}{found.id}/change/").content.decode()
    assert "Anil Bose (Doctor)" in text
    assert asha_card.record_number in text


def test_it_is_searched_by_record_number_account_and_id(
    as_olga: Client, asha_card: PatientCard, dan_card: PatientCard, dr_bose: User, nurse_chen: User
) -> None:
    asha_bose, dan_chen = look(dr_bose, asha_card), look(nurse_chen, dan_card)
    number = asha_card.record_number
    for text in (number, f"{number[:3]} {number[3:].lower()}", dr_bose.email.upper(), str(asha_card.id)):
        found = rows(as_olga, f"q={text}")
        assert asha_bose in found, text
        assert dan_chen not in found, text
    for text in ("nobody@example.org", "P000000000", "Rao", "%", "x" * 1000):
        assert rows(as_olga, f"q={text}") == []


def test_it_is_filtered_by_words(as_olga: Client, asha_card: PatientCard, dr_bose: User) -> None:
    found = look(dr_bose, asha_card)
    assert found in rows(as_olga, "action=view&resource=record&purpose=care")
    assert found not in rows(as_olga, "purpose=billing")


def test_the_number_of_queries_does_not_grow(
    as_olga: Client, asha_card: PatientCard, dan_card: PatientCard, dr_bose: User, nurse_chen: User
) -> None:
    look(dr_bose, asha_card)
    as_olga.get(ADDRESS)
    counts = []
    for _turn in range(2):
        with CaptureQueriesContext(connections[DEFAULT]) as queries:
            as_olga.get(ADDRESS)
        counts.append(len(queries))
        for _number in range(20):
            look(dr_bose, asha_card)
            look(nurse_chen, dan_card)
    assert counts[0] == counts[1]


def test_the_look_at_the_log_is_in_the_log(as_olga: Client, olga: User) -> None:
    as_olga.get(ADDRESS)
    found = AccessEntry.objects.get(actor_id=olga.id)
    assert (found.action, found.resource, found.patient_id) == ("list", "access-log", None)
