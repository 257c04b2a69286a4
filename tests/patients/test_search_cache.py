"""What a search found is kept for seconds, behind the sight of who asks, and dropped when a patient changes."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.cache import cache
from pytest_django import DjangoAssertNumQueries

from medisecure.accounts.models import User
from medisecure.kernel.cache import READS, SEARCH_SCOPE, remember
from patients.interface import Contact, Identity, PatientCard, PractitionerCard, register_patient, search_patients
from patients.models import CareRelation
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def hits() -> float:
    return READS.labels("search", "hit")._value.get()  # type: ignore[no-any-return, unused-ignore]


def found(actor: User, text: str) -> list[str]:
    return [row.family_name for row in search_patients(actor, text)]


def test_the_second_page_does_not_search_again(
    rita: User, asha_card: PatientCard, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    before = hits()
    assert found(rita, "rao") == ["Rao"]
    assert found(rita, "  RAO ") == ["Rao"]
    assert hits() - before == 1
    rita.has_perm("patients.search_patient")
    with django_assert_num_queries(1):
        assert found(rita, "rao") == ["Rao"]


def test_a_kept_search_shows_nobody_whom_the_reader_may_not_see_any_more(
    dr_bose: User, bose_card: PractitionerCard, asha_card: PatientCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    assert found(dr_bose, "rao") == ["Rao"]
    CareRelation.objects.update(active=False)
    assert found(dr_bose, "rao") == []


def test_one_readers_search_is_not_anothers(
    rita: User, dr_bose: User, bose_card: PractitionerCard, asha_card: PatientCard
) -> None:
    assert found(rita, "rao") == ["Rao"]
    assert found(dr_bose, "rao") == []
    assert found(rita, "rao") == ["Rao"]


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_who_is_registered_is_found_at_once(rita: User, asha_card: PatientCard) -> None:
    assert found(rita, "rao") == ["Rao"]
    register_patient(
        actor=rita,
        identity=Identity(family_name="Raoul", given_names="Zoe", birth_date=date(1990, 1, 1), sex="female"),
        contact=Contact(),
    )
    assert found(rita, "rao") == ["Rao", "Raoul"]


def test_no_key_holds_what_was_typed(rita: User, asha_card: PatientCard, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def spy(scope: str, seconds: int, compute: object, *, name: str = "") -> tuple[object, bool]:
        keys.append(f"{scope}:{name}")
        return remember(scope, seconds, compute, name=name)  # type: ignore[arg-type]

    monkeypatch.setattr("patients.search_cache.remember", spy)
    found(rita, "rao")
    found(rita, "rao asha")
    assert len(set(keys)) == 2
    assert all(key.startswith(f"{SEARCH_SCOPE}:") and "rao" not in key.lower() for key in keys)
    cache.clear()
