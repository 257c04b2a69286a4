"""What the tests of access share: a child and her mother, a ward and who works there."""

from __future__ import annotations

from datetime import date

import pytest

from medisecure.accounts.interface import Role, create_user
from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients.interface import Contact, Identity, PatientCard, PractitionerCard, register_patient
from patients.models import Representation, Unit, UnitMember
from patients.services import Representative, record_representation
from tests.cast import PASSWORD


@pytest.fixture
def mila_card(db: None) -> PatientCard:
    """Mila, nine years old, without an account."""
    today = clock.today()
    return register_patient(
        actor=None,
        identity=Identity(family_name="Rao", given_names="Mila", birth_date=date(today.year - 9, 1, 15), sex="female"),
        contact=Contact(language="fr"),
    )


@pytest.fixture
def priya(db: None) -> User:
    """Mila's mother. She is no patient here."""
    return create_user(email="priya@example.org", full_name="Priya Rao", role=Role.PATIENT, password=PASSWORD)


@pytest.fixture
def motherhood(rita: User, priya: User, mila_card: PatientCard) -> Representation:
    """The reception saw the family record book: Priya stands for Mila."""
    return record_representation(
        actor=rita,
        patient_id=mila_card.id,
        entry=Representative(email=priya.email, kind="parent", scope="everything", evidence="Livret de famille"),
    )


@pytest.fixture
def ward(db: None) -> Unit:
    return Unit.objects.create(code="cardio-2", name="Cardiology, second floor")


@pytest.fixture
def chen_on_ward(ward: Unit, chen_card: PractitionerCard) -> UnitMember:
    return UnitMember.objects.create(unit=ward, practitioner_id=chen_card.id)
