"""Merging in the admin: find the other file, look at what would happen, merge, watch, take it back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients.interface import PatientCard
from patients.models import Allergy, Merge, Patient
from tests.cast import ALL_DATABASES
from tests.patients.merging import second_file
from tests.patients.test_admin import page, signed_in
from tests.support import deliver_events

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

PATIENT = "/admin/patients/patient/"


@pytest.fixture
def twin(asha_card: PatientCard) -> PatientCard:
    return second_file()


def merge_page(card: PatientCard) -> str:
    return f"{PATIENT}{card.id}/merge/"


def answer(client: Client, survivor: PatientCard, loser: PatientCard, **changes: Any) -> dict[str, Any]:
    """The form of the preview as the browser sends it, with changes."""
    html = client.get(merge_page(survivor), {"other": str(loser.id)}).content.decode()
    values: dict[str, Any] = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html))
    values.pop("csrfmiddlewaretoken", None)
    return {**values, "reason": "registered twice", **changes}


def test_the_number_of_the_other_file_leads_to_the_preview(
    client: Client, rita: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    asked = {"find": "1", "number": twin.record_number, "patient_id": str(asha_card.id)}
    response = signed_in(client, rita).post(merge_page(asha_card), asked)
    assert response["Location"] == f"{merge_page(asha_card)}?other={twin.id}"
    html = client.get(response["Location"]).content.decode()
    assert twin.record_number in html
    assert "Bron" in html
    assert not Merge.objects.exists()
    assert AccessEntry.objects.filter(patient_id=twin.id, actor_id=rita.id, action="compare").exists()


@pytest.mark.parametrize("number", ["", "P000000010", "x" * 50, "own"])
def test_a_number_that_leads_nowhere_is_said_and_kept(
    client: Client, rita: User, asha_card: PatientCard, number: str
) -> None:
    number = asha_card.record_number if number == "own" else number
    asked = {"find": "1", "number": number, "patient_id": str(asha_card.id)}
    response = signed_in(client, rita).post(merge_page(asha_card), asked)
    assert response.status_code == 409
    assert "Aucun autre patient" in response.content.decode()
    assert f'value="{number}"' in response.content.decode()


def test_a_merge_is_watched_and_taken_back(
    client: Client, rita: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    form = answer(signed_in(client, rita), asha_card, twin, taken=["city"])
    response = client.post(merge_page(asha_card), form)
    merge = Merge.objects.get()
    watch = f"{PATIENT}merges/{merge.id}/"
    assert response["Location"] == watch
    html = client.get(watch).content.decode()
    assert html.count("en attente") == 2
    assert "data-reload" in html
    deliver_events()
    html = client.get(watch).content.decode()
    assert "en attente" not in html
    assert "data-reload" not in html
    assert Patient.objects.get(id=asha_card.id).city == "Bron"
    Allergy.objects.create(patient_id=asha_card.id, display="since")
    html = client.get(watch).content.decode()
    assert re.search(r"Allergies</span> <strong>1</strong>", html)
    client.post(f"{watch}back/", {"patient_id": str(asha_card.id), "reason": "two people"})
    deliver_events()
    cache.clear()
    signed_in(client, rita)
    assert Patient.objects.get(id=asha_card.id).city == "Lyon"
    assert "two people" in client.get(watch).content.decode()
    assert client.get(page(twin.id)).status_code == 200


def test_nothing_typed_is_lost_when_something_is_wrong(
    client: Client, rita: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    form = answer(signed_in(client, rita), asha_card, twin, reason="x" * 201, taken=["city"])
    response = client.post(merge_page(asha_card), form)
    html = response.content.decode()
    assert response.status_code == 409
    assert "x" * 201 in html
    assert re.search(r'value="city" checked', html)
    assert not re.search(r'value="phone" checked', html)
    assert not Merge.objects.exists()


def test_a_file_that_was_changed_since_is_looked_at_again(
    client: Client, rita: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    form = answer(signed_in(client, rita), asha_card, twin)
    Patient.objects.filter(id=twin.id).update(version=9, city="Nice")
    response = client.post(merge_page(asha_card), form)
    assert response.status_code == 409
    assert "Nice" in response.content.decode()
    assert not Merge.objects.exists()


def test_two_accounts_are_chosen_between(client: Client, rita: User, asha_card: PatientCard, dan: User) -> None:
    other = second_file(user_id=dan.id)
    html = signed_in(client, rita).get(merge_page(asha_card), {"other": str(other.id)}).content.decode()
    assert html.count('name="account"') == 3
    client.post(merge_page(asha_card), answer(client, asha_card, other, account="loser"))
    assert Patient.objects.get(id=asha_card.id).user_id == dan.id


def test_no_clinical_word_is_shown_to_reception(
    client: Client, rita: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    Allergy.objects.create(patient_id=twin.id, display="Penicillin")
    html = signed_in(client, rita).get(merge_page(asha_card), {"other": str(twin.id)}).content.decode()
    assert "Penicillin" not in html
    assert "médecin" in html


@pytest.mark.parametrize("who", ["dr_bose", "carol", "olga"])
def test_others_are_refused(
    request: pytest.FixtureRequest, client: Client, who: str, asha_card: PatientCard, twin: PatientCard
) -> None:
    signed_in(client, request.getfixturevalue(who))
    assert client.get(merge_page(asha_card), {"other": str(twin.id)}).status_code == 403
    assert client.post(merge_page(asha_card), {"patient_id": str(asha_card.id)}).status_code == 403


def test_only_who_may_merge_is_offered_it(client: Client, rita: User, carol: User, asha_card: PatientCard) -> None:
    assert merge_page(asha_card) in signed_in(client, rita).get(page(asha_card.id)).content.decode()
    assert merge_page(asha_card) not in signed_in(client, carol).get(page(asha_card.id)).content.decode()


@pytest.mark.parametrize("other", ["x", "01900000-0000-7000-8000-000000000000", ""])
def test_an_id_that_is_none_is_no_fault(client: Client, rita: User, asha_card: PatientCard, other: str) -> None:
    assert signed_in(client, rita).get(merge_page(asha_card), {"other": other}).status_code in (200, 404)
