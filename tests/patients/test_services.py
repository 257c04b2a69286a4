"""Registering and changing people."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connections

from medisecure.accounts.interface import Role, has_role
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from patients import rules, services
from patients.interface import PatientCard, patient_card, patient_for_user, practitioners, register_practitioner
from patients.models import MedicalRecord, Patient, RecordNumberCounter
from patients.services import Contact, Identity
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

ZOE = Identity(family_name="Ménard", given_names="Zoé", birth_date=date(2001, 9, 3), sex="female")


def test_a_registered_patient_has_a_number_a_record_and_an_audit_entry(rita: User) -> None:
    card = services.register_patient(actor=rita, identity=ZOE, contact=Contact(email="zoe@example.org", city="Lyon"))
    assert rules.is_record_number(card.record_number)
    assert card.address_lines == ("Lyon",)
    assert MedicalRecord.objects.filter(patient_id=card.id).exists()
    entry = AccessEntry.objects.get(patient_id=card.id)
    assert (entry.actor_id, entry.action) == (rita.id, "create")
    assert Patient.objects.get(id=card.id).identity_status == "provisional"


@pytest.mark.parametrize("who", ["asha", "dr_bose", "carol"])
def test_only_reception_registers(request: pytest.FixtureRequest, who: str) -> None:
    with pytest.raises(Refused):
        services.register_patient(actor=request.getfixturevalue(who), identity=ZOE)
    assert not Patient.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"family_name": ""}, "family_name"),
        ({"family_name": "   "}, "family_name"),
        ({"family_name": "123"}, "family_name"),
        ({"family_name": "x" * 201}, "family_name"),
        ({"given_names": "x" * 10_000}, "given_names"),
        ({"given_names": "Zo\u202eé"}, "given_names"),
        ({"used_name": "\x00"}, "used_name"),
        ({"birth_date": date(1849, 12, 31)}, "birth_date"),
        ({"birth_date": clock.today() + timedelta(days=2)}, "birth_date"),
        ({"sex": "x"}, "sex"),
    ],
)
def test_an_identity_that_cannot_be_names_its_field(rita: User, change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        services.register_patient(actor=rita, identity=replace(ZOE, **change))
    assert list(caught.value.errors) == [field]
    assert not Patient.objects.exists()


@pytest.mark.parametrize("name", ["محمد الأمين", "Nguye\u0302\u0303n", "李小龍", "x" * 200])
def test_names_of_all_scripts_are_kept_whole(rita: User, name: str) -> None:
    card = services.register_patient(actor=rita, identity=replace(ZOE, family_name=name))
    assert Patient.objects.get(id=card.id).family_name == rules.clean_text(name)


def test_a_contact_that_cannot_be_names_its_field(rita: User) -> None:
    with pytest.raises(Invalid) as caught:
        services.register_patient(actor=rita, identity=ZOE, contact=Contact(email="zoe@", phone="0" * 61))
    assert set(caught.value.errors) == {"email", "phone"}


def test_a_patient_changes_their_own_contact_and_nobody_elses(
    asha: User, dan: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    contact = Contact(phone="01", email="a@example.org")
    assert services.update_contact(actor=asha, patient_id=asha_card.id, version=1, contact=contact).phone == "01"
    with pytest.raises(NotFound):
        services.update_contact(actor=dan, patient_id=asha_card.id, version=2, contact=contact)


def test_a_form_that_was_overtaken_is_refused(rita: User, asha_card: PatientCard) -> None:
    services.update_contact(actor=rita, patient_id=asha_card.id, version=1, contact=Contact(phone="01"))
    with pytest.raises(Stale):
        services.update_contact(actor=rita, patient_id=asha_card.id, version=1, contact=Contact(phone="02"))
    assert Patient.objects.get(id=asha_card.id).phone == "01"


def test_a_corrected_name_is_found_and_the_old_one_is_not(rita: User, asha_card: PatientCard) -> None:
    services.update_identity(actor=rita, patient_id=asha_card.id, version=1, identity=ZOE)
    assert Patient.objects.get(id=asha_card.id).search_text == " menard zoe"


def test_billing_does_not_correct_identities(carol: User, asha_card: PatientCard) -> None:
    with pytest.raises(Refused):
        services.update_identity(actor=carol, patient_id=asha_card.id, version=1, identity=ZOE)


def test_an_invited_patient_has_an_account_of_the_patient_role(rita: User) -> None:
    card = services.register_patient(actor=rita, identity=ZOE, contact=Contact(email="zoe@example.org", language="es"))
    user_id = services.invite_patient(actor=rita, patient_id=card.id)
    user = User.objects.get(id=user_id)
    assert has_role(user, Role.PATIENT)
    assert user.language == "fr"
    assert not user.has_usable_password()
    assert patient_for_user(user_id) == card.id
    with pytest.raises(Conflict):
        services.invite_patient(actor=rita, patient_id=card.id)


def test_an_invitation_needs_an_address_that_is_free(rita: User, asha: User) -> None:
    card = services.register_patient(actor=rita, identity=ZOE)
    for email in ("", asha.email):
        with pytest.raises(Invalid):
            services.invite_patient(actor=rita, patient_id=card.id, email=email)


def test_an_account_belongs_to_one_patient(asha: User, dan: User, asha_card: PatientCard, rita: User) -> None:
    other = services.register_patient(actor=rita, identity=ZOE)
    services.link_account(patient_id=asha_card.id, user_id=asha.id)
    with pytest.raises(Conflict):
        services.link_account(patient_id=asha_card.id, user_id=dan.id)
    with pytest.raises(Conflict):
        services.link_account(patient_id=other.id, user_id=asha.id)
    services.link_account(patient_id=other.id, user_id=dan.id)
    assert patient_card(other.id).user_id == dan.id


def test_practitioners_are_listed_by_specialty(alice: User, rita: User) -> None:
    services.register_practitioner(actor=alice, full_name="Dr A", specialty="cardiology", specialty_label="Cardiology")
    register_practitioner(actor=None, full_name="Dr B", specialty="surgery")
    assert [card.full_name for card in practitioners()] == ["Dr A", "Dr B"]
    assert [card.full_name for card in practitioners("surgery")] == ["Dr B"]
    with pytest.raises(Refused):
        services.register_practitioner(actor=rita, full_name="Dr C")
    with pytest.raises(Invalid):
        services.register_practitioner(actor=alice, full_name=" ")


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_patients_registered_at_the_same_moment_get_numbers_of_their_own() -> None:
    numbers: list[str] = []
    errors: list[Exception] = []

    def register() -> None:
        try:
            numbers.extend(services.register_patient(actor=None, identity=ZOE).record_number for _turn in range(5))
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=register) for _index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(numbers)) == 30
    assert RecordNumberCounter.objects.get().value == 30
