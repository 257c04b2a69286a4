"""The cast of all tests. Asha is a patient, Dr Bose treats her, Nurse Chen works on the ward, Carol does the billing,
Rita sits at the reception, Dan is an outsider: a patient who has nothing to do with the others."""

from __future__ import annotations

import pytest

from medisecure.accounts.interface import Role, create_user
from medisecure.accounts.models import User

PASSWORD = "correct horse battery"
ALL_DATABASES = ["default", "appointments", "billing"]


def _user(name: str, role: Role, language: str = "fr") -> User:
    return create_user(
        email=f"{name.split()[-1].lower()}@example.org", full_name=name, role=role, password=PASSWORD, language=language
    )


@pytest.fixture
def asha(db: None) -> User:
    return _user("Asha Rao", Role.PATIENT)


@pytest.fixture
def dan(db: None) -> User:
    return _user("Dan Moreau", Role.PATIENT, "en")


@pytest.fixture
def dr_bose(db: None) -> User:
    return _user("Anil Bose", Role.DOCTOR)


@pytest.fixture
def nurse_chen(db: None) -> User:
    return _user("Mei Chen", Role.NURSE)


@pytest.fixture
def rita(db: None) -> User:
    return _user("Rita Blanc", Role.RECEPTIONIST)


@pytest.fixture
def carol(db: None) -> User:
    return _user("Carol Petit", Role.BILLING_CLERK)


@pytest.fixture
def alice(db: None) -> User:
    return _user("Alice Durand", Role.ADMINISTRATOR)


@pytest.fixture
def olga(db: None) -> User:
    return _user("Olga Roux", Role.PRIVACY_OFFICER)
