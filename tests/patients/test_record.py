"""The medical record: what it holds, how it is kept, what drops it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError
from pytest_django import DjangoAssertNumQueries

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import cache
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import NotFound
from medisecure.kernel.ids import new_id
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import atomic
from patients import sections, services
from patients.interface import (
    IncomingCondition,
    PatientCard,
    forget_record,
    medical_record,
    patient_card,
    register_record_section,
)
from patients.models import MedicalRecord, Patient
from tests.cast import ALL_DATABASES
from tests.patients.clinical import known, small_record, store
from tests.support import deliver_events

# Entries are dropped when a transaction commits, so these tests need commits.
pytestmark = pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)


@pytest.fixture
def record(asha: User, asha_card: PatientCard) -> Callable[[], tuple[dict[str, Any], bool]]:
    store(small_record(known(asha_card.id)))
    return lambda: medical_record(actor=asha, patient_id=asha_card.id, purpose="self")


Read = Callable[[], tuple[dict[str, Any], bool]]


def test_the_record_holds_every_section(record: Read) -> None:
    found, _kept = record()
    assert found["patient"]["full_name"] == "Asha Rao"
    assert [row["display"] for row in found["encounters"]] == ["Visit"]
    assert [row["display"] for row in found["allergies"]] == ["Penicillin"]
    assert found["conditions"][0]["encounter_id"] == found["encounters"][0]["id"]
    assert {"medications", "immunizations", "procedures", "coverages"} <= found.keys()


def test_what_was_entered_by_mistake_stays_out_of_sight(record: Read) -> None:
    assert [row["display"] for row in record()[0]["conditions"]] == ["Hypertension"]


def test_observations_show_their_count_and_the_newest_values(record: Read) -> None:
    (series,) = record()[0]["observations"]
    assert series["count"] == 7
    assert [row["quantity"] for row in series["latest"]] == ["66.0", "65.0", "64.0", "63.0", "62.0"]


def test_the_record_takes_the_same_queries_whatever_its_size(
    asha: User, asha_card: PatientCard, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    patient = known(asha_card.id)
    medical_record(actor=asha, patient_id=asha_card.id, purpose="self")
    for pulses in (1, 40):
        store(small_record(patient, pulses=pulses))
        with django_assert_max_num_queries(16):
            _found, kept = medical_record(actor=asha, patient_id=asha_card.id, purpose="self")
        assert not kept


def test_the_second_reading_comes_from_the_cache_and_is_audited_all_the_same(
    record: Read, asha_card: PatientCard, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, kept = record()
    assert not kept
    with django_assert_num_queries(2):  # whose account the patient has, and the audit entry
        second, kept = record()
    assert kept
    assert second == first
    assert AccessEntry.objects.filter(patient_id=asha_card.id, resource="record", action="view").count() == 2


def test_the_door_comes_before_the_cache(record: Read, dan: User, asha_card: PatientCard) -> None:
    record()
    with pytest.raises(NotFound):
        medical_record(actor=dan, patient_id=asha_card.id, purpose="care")


def test_a_clinical_change_drops_the_record_and_raises_its_version(record: Read, asha_card: PatientCard) -> None:
    before, _kept = record()
    store([IncomingCondition(source_id="c9", patient=str(asha_card.id), display="Asthma", status="active")])
    after, kept = record()
    assert not kept
    assert after["version"] == before["version"] + 1
    assert "Asthma" in {row["display"] for row in after["conditions"]}


def test_a_change_that_is_rolled_back_leaves_the_record_in_the_cache(record: Read, asha_card: PatientCard) -> None:
    record()

    def write_and_fail() -> None:
        with atomic(DEFAULT):
            store([IncomingCondition(source_id="c9", patient=str(asha_card.id), display="Asthma")])
            raise DatabaseError

    with pytest.raises(DatabaseError):
        write_and_fail()
    found, kept = record()
    assert kept
    assert len(found["conditions"]) == 1


def test_a_new_document_drops_the_record(record: Read, asha_card: PatientCard) -> None:
    record()
    with atomic(DEFAULT):
        emit(
            DEFAULT,
            "document.added",
            {"document_id": str(new_id()), "patient_id": str(asha_card.id), "category": "report"},
        )
    deliver_events()
    assert record()[1] is False
    record()
    forget_record(asha_card.id)
    assert record()[1] is False


def test_a_change_of_contact_drops_the_card_and_the_record(record: Read, asha: User, asha_card: PatientCard) -> None:
    record()
    version = Patient.objects.get(id=asha_card.id).version
    contact = services.Contact(phone="0102030405", email="new@example.org", language="en")
    services.update_contact(actor=asha, patient_id=asha_card.id, version=version, contact=contact)
    assert patient_card(asha_card.id).email == "new@example.org"
    found, kept = record()
    assert not kept
    assert found["patient"]["phone"] == "0102030405"


def test_a_slow_reader_does_not_put_back_what_was_true_before(
    asha: User, asha_card: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader computes, a writer commits, the reader stores: the next reader must see what was written."""
    patient = known(asha_card.id)

    def slow(patient_id: UUID) -> list[dict[str, Any]]:
        if not MedicalRecord.objects.filter(patient_id=patient_id, version__gt=1).exists():
            store([IncomingCondition(source_id="c1", patient=patient, display="Asthma", status="active")])
        return []

    monkeypatch.setitem(sections._providers, "slow", slow)
    stale, _kept = medical_record(actor=asha, patient_id=asha_card.id, purpose="self")
    assert stale["conditions"] == []
    fresh, kept = medical_record(actor=asha, patient_id=asha_card.id, purpose="self")
    assert not kept
    assert [row["display"] for row in fresh["conditions"]] == ["Asthma"]


def test_sections_of_other_apps_are_asked_on_a_miss_only(record: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[UUID] = []

    def provider(patient_id: UUID) -> list[dict[str, Any]]:
        asked.append(patient_id)
        return [{"title": "Scan"}]

    monkeypatch.setattr(sections, "_providers", {})
    register_record_section("scans", provider)
    register_record_section("scans", provider)
    with pytest.raises(ValueError, match="registered already"):
        register_record_section("scans", lambda patient_id: [])
    assert record()[0]["scans"] == [{"title": "Scan"}]
    record()
    assert len(asked) == 1


def test_signed_addresses_outlive_the_record_that_holds_them() -> None:
    assert cache.RECORD_URL_SECONDS > cache.RECORD_SECONDS
