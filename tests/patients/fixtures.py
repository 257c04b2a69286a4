"""Patients and practitioners for every test: Asha and Dan have accounts; Dr Bose and Nurse Chen practise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.ids import new_id
from patients.interface import (
    Contact,
    Identity,
    PatientCard,
    PractitionerCard,
    record_care_relation,
    register_patient,
    register_practitioner,
)

CareOf = Callable[..., None]


@pytest.fixture
def asha_card(asha: User) -> PatientCard:
    """Asha as a patient, linked to her account."""
    return register_patient(
        actor=None,
        identity=Identity(family_name="Rao", given_names="Asha", birth_date=date(1980, 5, 2), sex="female"),
        contact=Contact(phone="+33 1 23 45 67 89", email=asha.email, city="Lyon", language="fr"),
        user_id=asha.id,
    )


@pytest.fixture
def dan_card(dan: User) -> PatientCard:
    """Dan as a patient: he has nothing to do with Asha."""
    return register_patient(
        actor=None,
        identity=Identity(family_name="Moreau", given_names="Dan", birth_date=date(1991, 11, 30), sex="male"),
        contact=Contact(email=dan.email, language="en"),
        user_id=dan.id,
    )


@pytest.fixture
def bose_card(dr_bose: User) -> PractitionerCard:
    """Dr Bose as a cardiologist."""
    return register_practitioner(
        actor=None,
        full_name="Dr Anil Bose",
        specialty="cardiology",
        specialty_label="Cardiology",
        user_id=dr_bose.id,
    )


@pytest.fixture
def chen_card(nurse_chen: User) -> PractitionerCard:
    """Nurse Chen as a practitioner of the ward."""
    return register_practitioner(
        actor=None, full_name="Mei Chen", specialty="nursing", specialty_label="Nursing", user_id=nurse_chen.id
    )


@pytest.fixture
def in_care(db: None) -> CareOf:
    """`in_care(patient_card, practitioner_card)`: an appointment now, which opens the record."""

    def make(patient: PatientCard, practitioner: PractitionerCard, *, start: datetime | None = None) -> None:
        start = start or clock.now()
        record_care_relation(
            patient_id=patient.id,
            practitioner_id=practitioner.id,
            kind="appointment",
            reference=new_id(),
            start=start,
            end=start + timedelta(minutes=30),
            sequence=0,
        )

    return make


@pytest.fixture
def care(asha_card: PatientCard, bose_card: PractitionerCard, chen_card: PractitionerCard, in_care: CareOf) -> UUID:
    """Asha is in the care of Dr Bose and Nurse Chen."""
    in_care(asha_card, bose_card)
    in_care(asha_card, chen_card)
    return asha_card.id
