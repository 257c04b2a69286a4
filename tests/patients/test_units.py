"""Wards: who lies there is seen by those who work there, for as long as both are true."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.conf import settings
from django.db import IntegrityError, transaction

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from medisecure.kernel.ids import new_id
from patients.access import access_record, may_read_record, visible_patients
from patients.interface import PatientCard, PractitionerCard
from patients.models import Patient, Unit, UnitMember, UnitStay
from patients.services import admit, discharge, transfer
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def sees(actor: User, patient_id: UUID) -> bool:
    """By the door and by the list: they must agree."""
    one = may_read_record(actor, patient_id)
    assert visible_patients(actor).filter(id=patient_id).exists() is one
    return one


def test_the_nurse_of_the_ward_sees_who_lies_there(
    rita: User, nurse_chen: User, ward: Unit, chen_on_ward: UnitMember, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    assert not sees(nurse_chen, asha_card.id)
    admit(actor=rita, patient_id=asha_card.id, unit_id=ward.id, bed="12 B")
    assert sees(nurse_chen, asha_card.id)
    assert not sees(nurse_chen, dan_card.id)
    access_record(actor=nurse_chen, patient_id=asha_card.id, purpose="care", action="write")
    assert AccessEntry.objects.latest("at").right == "unit"


def test_after_the_discharge_it_closes_when_the_days_are_over(
    rita: User, nurse_chen: User, ward: Unit, chen_on_ward: UnitMember, asha_card: PatientCard
) -> None:
    stay = admit(actor=rita, patient_id=asha_card.id, unit_id=ward.id)
    discharge(actor=rita, stay_id=stay.id, version=stay.version)
    assert sees(nurse_chen, asha_card.id)
    with time_machine.travel(clock.now() + settings.ACCESS.unit_after + timedelta(minutes=1)):
        assert not sees(nurse_chen, asha_card.id)


def test_a_colleague_who_left_the_unit_sees_nobody(
    rita: User, nurse_chen: User, ward: Unit, chen_on_ward: UnitMember, asha_card: PatientCard
) -> None:
    admit(actor=rita, patient_id=asha_card.id, unit_id=ward.id)
    day = clock.today()
    UnitMember.objects.update(starts_on=day - timedelta(days=9), ends_on=day - timedelta(days=1))
    assert not sees(nurse_chen, asha_card.id)


def test_a_doctor_of_another_unit_does_not(
    rita: User, dr_bose: User, bose_card: PractitionerCard, ward: Unit, asha_card: PatientCard
) -> None:
    UnitMember.objects.create(unit=Unit.objects.create(code="er", name="Emergency"), practitioner_id=bose_card.id)
    admit(actor=rita, patient_id=asha_card.id, unit_id=ward.id)
    assert not sees(dr_bose, asha_card.id)


def test_a_transfer_opens_the_next_unit(
    rita: User, dr_bose: User, bose_card: PractitionerCard, ward: Unit, asha_card: PatientCard
) -> None:
    other = Unit.objects.create(code="er", name="Emergency")
    UnitMember.objects.create(unit=other, practitioner_id=bose_card.id)
    stay = admit(actor=rita, patient_id=asha_card.id, unit_id=ward.id)
    transfer(actor=rita, stay_id=stay.id, version=stay.version, unit_id=other.id, bed="1")
    assert sees(dr_bose, asha_card.id)
    first, second = UnitStay.objects.order_by("starts_at", "id")
    assert (first.ends_at, first.ending) == (second.starts_at, "transfer")
    assert second.ends_at is None
    with pytest.raises(Stale):
        transfer(actor=rita, stay_id=stay.id, version=stay.version, unit_id=ward.id)


def test_nobody_lies_in_two_places(rita: User, ward: Unit, asha_card: PatientCard) -> None:
    admit(actor=rita, patient_id=asha_card.id, unit_id=ward.id)
    with pytest.raises(Conflict):
        admit(actor=rita, patient_id=asha_card.id, unit_id=ward.id)
    with pytest.raises(IntegrityError), transaction.atomic():
        UnitStay.objects.create(patient_id=asha_card.id, unit=ward, starts_at=clock.now())


def test_nobody_admits_a_patient_out_of_their_sight(
    nurse_chen: User, ward: Unit, chen_on_ward: UnitMember, asha_card: PatientCard
) -> None:
    """It would open any record to whoever works in a unit."""
    with pytest.raises(NotFound):
        admit(actor=nurse_chen, patient_id=asha_card.id, unit_id=ward.id)
    assert not UnitStay.objects.exists()


@pytest.mark.parametrize(("who", "error"), [("carol", Refused), ("olga", Refused), ("dan", NotFound)])
def test_others_admit_nobody(
    request: pytest.FixtureRequest, who: str, error: type[Exception], ward: Unit, asha_card: PatientCard
) -> None:
    with pytest.raises(error):
        admit(actor=request.getfixturevalue(who), patient_id=asha_card.id, unit_id=ward.id)


def test_bad_input_is_a_field_error(rita: User, ward: Unit, asha_card: PatientCard, dan_card: PatientCard) -> None:
    Patient.objects.filter(id=dan_card.id).update(deceased=True)
    for values, field in (
        ({"unit_id": new_id()}, "unit"),
        ({"bed": "x" * 41}, "bed"),
        ({"patient_id": dan_card.id}, "patient"),
    ):
        with pytest.raises(Invalid) as refused:
            admit(**{"actor": rita, "patient_id": asha_card.id, "unit_id": ward.id, **values})  # type: ignore[arg-type]
        assert set(refused.value.errors) == {field}
    stay = admit(actor=rita, patient_id=asha_card.id, unit_id=ward.id, bed="3")
    with pytest.raises(Invalid):
        transfer(actor=rita, stay_id=stay.id, version=stay.version, unit_id=ward.id, bed="3")
