"""Duplicates of the whole register: found in batches, kept once, decided by people; a stopped run goes on."""

from __future__ import annotations

import re
from datetime import date
from itertools import islice
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients import duplicates, stock
from patients.interface import Contact, Identity, PatientCard, register_patient
from patients.models import DuplicatePair, DuplicateScan, Patient
from tests.cast import ALL_DATABASES
from tests.patients.merging import second_file
from tests.patients.test_admin import signed_in

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

WORKLIST = "/admin/patients/patient/duplicates/"


def enter(family: str, given: str, birth: date, **contact: str) -> PatientCard:
    identity = Identity(family_name=family, given_names=given, birth_date=birth)
    return register_patient(actor=None, identity=identity, contact=Contact(**contact))


@pytest.fixture
def register(db: None) -> set[frozenset[Any]]:
    """Pairs of one person, each found by another pass, among people who are nobody's duplicate."""
    day = date(1980, 5, 2)
    pairs = [
        (enter("Rao", "Asha", day), enter("Roa", "Asha", day)),
        (enter("Petit", "Zoé", day), enter("Petit", "Zoe Marie", date(1980, 2, 5))),
        (
            enter("Blanc", "Ana", date(1970, 1, 9), phone="06 39 98 00 07", email="ana@example.org"),
            enter("Blanck", "Ana", date(1970, 9, 1), phone="+33639980007", email="Ana@example.org"),
        ),
    ]
    # Imported, without a birth date: found by the telephone alone.
    Patient.objects.filter(family_name="Blanck").update(birth_date=None)
    for number in range(12):
        enter(f"Moreau{'abcdefghijkl'[number]}", "Paul", date(1950 + number, 1 + number, 3))
    return {frozenset((one.id, other.id)) for one, other in pairs}


def found() -> set[frozenset[Any]]:
    return {frozenset(pair) for pair in DuplicatePair.objects.values_list("first_id", "second_id")}


def test_each_kind_of_pair_is_found_and_nobody_else(register: set[frozenset[Any]]) -> None:
    call_command("find_duplicates", verbosity=0)
    assert found() == register


def test_again_finds_nothing_new_and_leaves_what_was_decided(rita: User, register: set[frozenset[Any]]) -> None:
    call_command("find_duplicates", verbosity=0)
    pair = DuplicatePair.objects.order_by("id")[0]
    duplicates.dismiss(actor=rita, pair_id=pair.id)
    call_command("find_duplicates", verbosity=0)
    assert DuplicatePair.objects.count() == len(register)
    assert DuplicatePair.objects.get(id=pair.id).state == "distinct"
    assert duplicates.worklist().count() == len(register) - 1


def test_a_run_that_was_stopped_goes_on(register: set[frozenset[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "BATCH", 1)
    scan = stock.current_scan()
    steps = sum(1 for _progress in stock.run(DuplicateScan.objects.create(stage="birth-date")))
    DuplicatePair.objects.all().delete()
    DuplicateScan.objects.exclude(id=scan.id).delete()
    for _stop in range(steps):
        again = stock.current_scan()
        assert again.id == scan.id
        list(islice(stock.run(again), 1))
    assert found() == register
    list(stock.run(stock.current_scan()))
    scan.refresh_from_db()
    assert scan.finished_at is not None
    assert stock.current_scan().id != scan.id


def test_merged_files_are_not_compared(register: set[frozenset[Any]]) -> None:
    rao, roa = Patient.objects.get(family_name="Rao"), Patient.objects.get(family_name="Roa")
    Patient.objects.filter(id=roa.id).update(merged_into=rao)
    call_command("find_duplicates", verbosity=0)
    assert found() == register - {frozenset((rao.id, roa.id))}


# --- The worklist -----------------------------------------------------------------------------------------------------
def pair_of(card: PatientCard, other: PatientCard) -> DuplicatePair:
    first, second = duplicates.ordered(card.id, other.id)
    return DuplicatePair.objects.create(first_id=first, second_id=second, score=0.9)


def test_the_worklist_leads_from_a_pair_to_the_merge(client: Client, rita: User, asha_card: PatientCard) -> None:
    twin = second_file()
    pair = pair_of(asha_card, twin)
    html = signed_in(client, rita).get(WORKLIST).content.decode()
    assert asha_card.record_number in html
    assert f"{WORKLIST}{pair.id}/" in html
    html = client.get(f"{WORKLIST}{pair.id}/").content.decode()
    assert f"/admin/patients/patient/{asha_card.id}/merge/?other={twin.id}" in html
    assert f"/admin/patients/patient/{twin.id}/merge/?other={asha_card.id}" in html
    assert AccessEntry.objects.filter(action="compare", actor_id=rita.id).count() == 2


def test_two_people_leave_the_worklist_for_good(client: Client, rita: User, asha_card: PatientCard) -> None:
    pair = pair_of(asha_card, second_file())
    signed_in(client, rita).post(f"{WORKLIST}{pair.id}/")
    assert not duplicates.worklist().exists()
    assert client.get(f"{WORKLIST}{pair.id}/").status_code == 404
    call_command("find_duplicates", verbosity=0)
    assert not duplicates.worklist().exists()


def test_an_empty_worklist_says_so(client: Client, rita: User) -> None:
    assert "find_duplicates" in signed_in(client, rita).get(WORKLIST).content.decode()


@pytest.mark.parametrize("who", ["dr_bose", "carol", "olga"])
def test_others_see_no_worklist(
    request: pytest.FixtureRequest, client: Client, asha_card: PatientCard, who: str
) -> None:
    pair = pair_of(asha_card, second_file())
    signed_in(client, request.getfixturevalue(who))
    for path in (WORKLIST, f"{WORKLIST}{pair.id}/"):
        assert client.get(path).status_code == 403
    assert client.post(f"{WORKLIST}{pair.id}/").status_code == 403
    assert duplicates.worklist().exists()


@pytest.mark.parametrize("count", [2, 20])
def test_the_worklist_takes_the_same_queries(
    client: Client, rita: User, asha_card: PatientCard, count: int, django_assert_max_num_queries: Any
) -> None:
    for _number in range(count):
        pair_of(asha_card, second_file())
    signed_in(client, rita)
    with django_assert_max_num_queries(14):
        html = client.get(WORKLIST).content.decode()
    assert len(re.findall(r"duplicates/[0-9a-f-]{36}/", html)) == count
