"""The one door: every role, the audit entry before disclosure, the window of care."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound, Refused
from medisecure.kernel.ids import new_id
from patients import access
from patients.interface import (
    PatientCard,
    PractitionerCard,
    access_identity,
    access_record,
    may_read_record,
    visible_patients,
)
from patients.models import Practitioner
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

DOCTORS = ("dr_bose", "nurse_chen")
IDENTITY_ONLY = ("rita", "carol", "alice", "olga")


@pytest.fixture
def user(request: pytest.FixtureRequest) -> User:
    found: User = request.getfixturevalue(request.param)
    return found


def entries(patient_id: UUID) -> list[tuple[Any, str, str, str, str]]:
    rows = AccessEntry.objects.filter(patient_id=patient_id).exclude(action="create").order_by("id")
    return [(row.actor_id, row.action, row.resource, row.purpose, row.right) for row in rows]


def test_a_patient_reads_their_own_record(asha: User, asha_card: PatientCard) -> None:
    assert access_record(actor=asha, patient_id=asha_card.id, purpose="self") == asha_card
    assert entries(asha_card.id) == [(asha.id, "view", "record", "self", "self")]


def test_an_outsider_finds_nothing_and_leaves_no_entry(
    dan: User, dan_card: PatientCard, asha_card: PatientCard
) -> None:
    for door in (access_identity, access_record):
        with pytest.raises(NotFound):
            door(actor=dan, patient_id=asha_card.id, purpose="self")
    assert entries(asha_card.id) == []


@pytest.mark.parametrize("user", IDENTITY_ONLY, indirect=True)
def test_reception_billing_administration_and_privacy_see_the_identity_and_not_the_record(
    user: User, asha_card: PatientCard
) -> None:
    assert access_identity(actor=user, patient_id=asha_card.id, purpose="identity").full_name == "Asha Rao"
    with pytest.raises(Refused):
        access_record(actor=user, patient_id=asha_card.id, purpose="care")
    ((who, action, resource, _purpose, right),) = entries(asha_card.id)
    assert (who, action, resource) == (user.id, "view", "patient")
    assert right.startswith("role:")


@pytest.mark.parametrize("user", DOCTORS, indirect=True)
def test_doctors_and_nurses_see_nobody_who_is_not_in_their_care(
    user: User, asha_card: PatientCard, bose_card: PractitionerCard, chen_card: PractitionerCard
) -> None:
    for door in (access_identity, access_record):
        with pytest.raises(NotFound):
            door(actor=user, patient_id=asha_card.id, purpose="care")
    assert entries(asha_card.id) == []


@pytest.mark.parametrize("user", DOCTORS, indirect=True)
def test_doctors_and_nurses_read_the_record_of_those_in_their_care(
    user: User, asha_card: PatientCard, bose_card: PractitionerCard, chen_card: PractitionerCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card if user.email.startswith("bose") else chen_card)
    assert access_record(actor=user, patient_id=asha_card.id, purpose="care").id == asha_card.id
    assert entries(asha_card.id) == [(user.id, "view", "record", "care", "care-relation")]


def test_a_colleagues_patient_is_out_of_sight(
    nurse_chen: User, asha_card: PatientCard, bose_card: PractitionerCard, chen_card: PractitionerCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    with pytest.raises(NotFound):
        access_record(actor=nurse_chen, patient_id=asha_card.id, purpose="care")


@pytest.mark.parametrize(
    ("start", "opens"),
    [
        (timedelta(days=29), True),
        (timedelta(days=31), False),
        (timedelta(days=-89), True),
        (timedelta(days=-92), False),
    ],
)
def test_the_door_opens_around_the_appointment_only(
    dr_bose: User,
    asha_card: PatientCard,
    bose_card: PractitionerCard,
    in_care: CareOf,
    start: timedelta,
    opens: bool,
) -> None:
    in_care(asha_card, bose_card, start=clock.now() + start)
    assert access.may_read_record(dr_bose, asha_card.id) is opens
    assert visible_patients(dr_bose).contains(asha_card.id) is opens


def test_a_practitioner_who_has_left_sees_nobody(
    dr_bose: User, asha_card: PatientCard, bose_card: PractitionerCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    Practitioner.objects.filter(id=bose_card.id).update(active=False)
    with pytest.raises(NotFound):
        access_record(actor=dr_bose, patient_id=asha_card.id, purpose="care")


def test_a_patient_who_does_not_exist_is_not_found(rita: User) -> None:
    with pytest.raises(NotFound):
        access_identity(actor=rita, patient_id=new_id(), purpose="identity")


def test_being_a_superuser_opens_nothing(db: None, asha_card: PatientCard) -> None:
    root = User.objects.create_superuser("root@example.org", "a long enough password", full_name="Root")
    with pytest.raises(NotFound):
        access_record(actor=root, patient_id=asha_card.id, purpose="care")


def test_lists_of_other_apps_are_narrowed(
    asha: User,
    dan: User,
    rita: User,
    dr_bose: User,
    asha_card: PatientCard,
    dan_card: PatientCard,
    bose_card: PractitionerCard,
    in_care: CareOf,
) -> None:
    in_care(asha_card, bose_card)
    both = {asha_card.id, dan_card.id}
    assert visible_patients(asha).narrow(both) == {asha_card.id}
    assert visible_patients(dan).narrow(both) == {dan_card.id}
    assert visible_patients(dr_bose).narrow(both) == {asha_card.id}
    assert visible_patients(dr_bose).ids() == frozenset({asha_card.id})
    assert visible_patients(rita).narrow(both) == both
    assert visible_patients(rita).ids() is None
    assert visible_patients(dan).narrow([]) == frozenset()


@pytest.mark.parametrize(
    ("start", "opens"),
    [
        (timedelta(days=30), True),
        (timedelta(days=30, seconds=1), False),
        (-timedelta(days=90, minutes=30), True),
        (-timedelta(days=90, minutes=30, seconds=1), False),
        (timedelta(0), True),
    ],
)
def test_care_opens_30_days_before_a_visit_and_closes_90_days_after_it(
    start: timedelta, opens: bool, dr_bose: User, asha_card: PatientCard, bose_card: PractitionerCard, in_care: CareOf
) -> None:
    with time_machine.travel(clock.now(), tick=False):
        in_care(asha_card, bose_card, start=clock.now() + start)
        assert may_read_record(dr_bose, asha_card.id) is opens
