"""Invented patients: the same for the same seed, many names, never among real ones."""

from __future__ import annotations

from collections import Counter

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.ops.demo.crowd import crowd
from medisecure.ops.management.commands.generate_patients import is_loopback
from patients import crowd as writing
from patients.models import MedicalRecord, Patient
from patients.selectors import search_patients
from patients.services import check_identity
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def generate(count: int, **options: object) -> None:
    call_command("generate_patients", count, verbosity=0, **options)


def people() -> list[tuple[object, ...]]:
    return list(
        Patient.objects.order_by("record_number").values_list("family_name", "given_names", "phone", "birth_date")
    )


def test_generated_patients_are_whole_and_found(rita: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BATCH", 20)
    generate(50)
    assert Patient.objects.count() == MedicalRecord.objects.count() == 50
    assert list(AccessEntry.objects.order_by("id").values_list("resource_id", flat=True)) == [
        "generated:20",
        "generated:20",
        "generated:10",
    ]
    some = Patient.objects.order_by("record_number")[37]
    assert some in search_patients(rita, f"{some.given_names} {some.family_name}")
    assert some in search_patients(rita, some.phone)
    assert [row.id for row in search_patients(rita, some.record_number)] == [some.id]


def test_the_same_seed_makes_the_same_people() -> None:
    assert list(crowd(30, 5)) == list(crowd(40, 5))[:30]
    assert list(crowd(30, 5)) != list(crowd(30, 6))


def test_a_second_run_adds_to_the_first() -> None:
    generate(3)
    generate(3)
    assert len(set(Patient.objects.values_list("record_number", flat=True))) == 6
    assert people()[:3] == people()[3:]


def test_names_are_many_and_each_person_could_be_registered() -> None:
    found = list(crowd(5000, 1))
    names = Counter(identity.family_name for identity, _phone in found)
    assert len(names) > 2500
    assert names.most_common(1)[0][1] < 50
    for identity, _phone in found[:500]:
        check_identity(identity)


def test_patients_are_not_written_one_by_one() -> None:
    with CaptureQueriesContext(connection) as many:
        generate(500)
    assert len(many) < 50


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("http://[::1]:80", True),
        ("https://hospital.example", False),
        ("https://127.0.0.1.hospital.example", False),
        ("http://10.0.0.1", False),
    ],
)
def test_addresses_of_this_machine_are_told_from_others(url: str, ours: bool) -> None:
    assert is_loopback(url) is ours


@override_settings(PUBLIC_URL="https://hospital.example")
def test_real_installations_are_left_alone() -> None:
    with pytest.raises(CommandError, match="yes-invented-people"):
        generate(1)
    assert not Patient.objects.exists()
    generate(1, yes_invented_people=True)
    assert Patient.objects.count() == 1


@pytest.mark.parametrize("count", ["0", "-1", "many", "10000001"])
def test_a_number_that_makes_no_sense_is_refused(count: str) -> None:
    with pytest.raises(CommandError, match="whole number"):
        call_command("generate_patients", count, verbosity=0)
