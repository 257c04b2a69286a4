"""Numbers, people to call, insurers and the verification of an identity: what is stored, refused and written down."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, connections

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.crypto import Unreadable
from medisecure.kernel.errors import Conflict, Invalid, NotFound, PossibleDuplicate, Refused, Stale
from medisecure.kernel.ids import new_id
from patients import services
from patients.identifiers import identifiers_of, same_identifier
from patients.interface import PatientCard, PractitionerCard
from patients.models import Coverage, EmergencyContact, IdentityCheck, Patient, PatientIdentifier
from patients.services import ContactEntry, Details, Identity, InsurerEntry, NewIdentifier, save_patient
from patients.services.details import taken_text
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

#: Asha of the cast was born on 2 May 1980; the number is invented and its key is right.
NIR = NewIdentifier(kind="fr-nir", value="2 80 05 78 006 084")
ASHA = Identity(family_name="Rao", given_names="Asha", birth_date=date(1980, 5, 2), sex="female")
RAVI = ContactEntry(full_name="Ravi Rao", relation="spouse", phone="+33 6 39 98 00 11", may_be_told=True)
FUND = InsurerEntry(role="mandatory", payer="Caisse de Valmont", member_number="280057800608461")
MUTUAL = InsurerEntry(role="complementary", payer="Mutuelle des Tilleuls", member_number="M-123456")


def save(actor: User, card: PatientCard, version: int = 1, **parts: Any) -> PatientCard:
    return save_patient(actor=actor, patient_id=card.id, version=version, details=Details(**parts))


def faults(actor: User, card: PatientCard, **parts: Any) -> list[str]:
    before = Patient.objects.get(id=card.id).version
    with pytest.raises(Invalid) as caught:
        save(actor, card, before, **parts)
    assert Patient.objects.get(id=card.id).version == before
    return sorted(caught.value.errors)


def everything_stored() -> str:
    """Every text of the default database's tables."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_app_config("patients").get_models():
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
            found += [str(row) for row in cursor.fetchall()]
    return "\n".join(found)


# --- numbers ----------------------------------------------------------------------------------------------------------
def test_a_number_is_stored_encrypted_and_found(rita: User, asha_card: PatientCard) -> None:
    save(rita, asha_card, new_identifiers=[NIR], insurers=[FUND])
    row = PatientIdentifier.objects.get()
    assert row.value[:13] == "2800578006084"
    assert "2800578006084" not in everything_stored()
    for typed in ("2800578006084", row.value, "2 80 05 78 006 084"):
        assert same_identifier(kind="fr-nir", value=typed) == [asha_card.id]
    assert same_identifier(kind="other", value=row.value) == []
    (line,) = identifiers_of(Patient.objects.get())
    assert line.masked == "•" * 12 + row.value[-3:]


def test_a_number_copied_into_another_row_does_not_open(
    rita: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    save(rita, asha_card, new_identifiers=[NIR])
    other = PatientIdentifier(patient_id=dan_card.id, kind="other", system="x")
    other.sealed_value = PatientIdentifier.objects.get().sealed_value
    with pytest.raises(Unreadable):
        _ = other.value
    other.save()
    assert identifiers_of(Patient.objects.get(id=dan_card.id))[0].masked == "—"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "2 80 05 78 006 084 00"}, "value"),
        ({"value": ""}, "value"),
        ({"value": "x" * 10_000}, "value"),
        ({"value": "\u202e2800578006084"}, "value"),
        ({"kind": "xx"}, "kind"),
        ({"kind": "passport", "value": "12AB34567"}, "country"),
        ({"kind": "passport", "value": "12AB34567", "country": "France"}, "country"),
        ({"kind": "other", "value": "12345"}, "system"),
        ({"started_on": date(2026, 2, 1), "ended_on": date(2026, 1, 1)}, "ended_on"),
    ],
)
def test_a_number_that_cannot_be_names_its_field(
    rita: User, asha_card: PatientCard, change: dict[str, Any], field: str
) -> None:
    assert faults(rita, asha_card, new_identifiers=[replace(NIR, **change)]) == [f"identifiers.0.{field}"]
    assert not PatientIdentifier.objects.exists()


def test_a_number_that_does_not_agree_is_asked_about_and_then_taken(rita: User, asha_card: PatientCard) -> None:
    odd = replace(NIR, value="1 81 06 78 006 084")
    assert faults(rita, asha_card, new_identifiers=[odd]) == ["identifiers.0.confirmed"]
    save(rita, asha_card, new_identifiers=[replace(odd, confirmed=True)])
    assert identifiers_of(Patient.objects.get())[0].doubts


def test_another_patients_number_is_refused_and_named_to_who_may_see_them(
    rita: User, asha: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    save(rita, asha_card, new_identifiers=[NIR])
    with pytest.raises(Invalid) as caught:
        save(rita, dan_card, new_identifiers=[replace(NIR, confirmed=True)])
    assert asha_card.record_number in str(caught.value.errors["identifiers.0.value"])
    assert AccessEntry.objects.filter(patient_id=asha_card.id, actor_id=rita.id, action="match").exists()
    assert asha_card.record_number not in taken_text(asha, dan_card.id)
    assert dan_card.record_number not in taken_text(asha, dan_card.id)


def test_a_number_that_has_ended_is_free_again(rita: User, asha_card: PatientCard, dan_card: PatientCard) -> None:
    save(rita, asha_card, new_identifiers=[NIR])
    row = PatientIdentifier.objects.get()
    assert faults(rita, asha_card, new_identifiers=[NIR]) == ["identifiers.0.value"]
    save(rita, asha_card, 2, end_identifiers=[row.id])
    assert identifiers_of(Patient.objects.get(id=asha_card.id)) == []
    save(rita, dan_card, new_identifiers=[replace(NIR, confirmed=True)])


def test_another_patients_rows_cannot_be_named(rita: User, asha_card: PatientCard, dan_card: PatientCard) -> None:
    save(rita, asha_card, new_identifiers=[NIR], contacts=[RAVI], insurers=[FUND])
    number, contact, insurer = PatientIdentifier.objects.get(), EmergencyContact.objects.get(), Coverage.objects.get()
    assert faults(rita, dan_card, end_identifiers=[number.id]) == ["identifiers"]
    assert faults(rita, dan_card, contacts=[replace(RAVI, id=contact.id)]) == ["contacts"]
    assert faults(rita, dan_card, insurers=[replace(FUND, id=insurer.id)]) == ["insurers"]
    assert faults(rita, dan_card, keep_practitioner=False, practitioner_id=asha_card.id) == ["primary_practitioner"]
    with pytest.raises(NotFound):
        services.reveal_identifier(actor=rita, patient_id=dan_card.id, identifier_id=number.id)


def test_showing_a_whole_number_is_written_down(
    rita: User, asha: User, dan: User, olga: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    save(rita, asha_card, new_identifiers=[NIR], insurers=[FUND])
    row, insurer = PatientIdentifier.objects.get(), Coverage.objects.get()

    def show(actor: User) -> str:
        return services.reveal_identifier(actor=actor, patient_id=asha_card.id, identifier_id=row.id)

    assert show(rita).replace(" ", "") == row.value
    entry = AccessEntry.objects.get(action="reveal")
    assert (entry.actor_id, entry.patient_id, entry.resource_id) == (rita.id, asha_card.id, str(row.id))
    assert show(asha)
    with pytest.raises(Refused):
        show(olga)
    with pytest.raises(NotFound):
        show(dan)
    number = services.reveal_member_number(actor=rita, patient_id=asha_card.id, coverage_id=insurer.id)
    assert number == FUND.member_number


def test_a_doctor_out_of_care_learns_nothing_of_a_number(
    rita: User, dr_bose: User, bose_card: PractitionerCard, asha_card: PatientCard, in_care: CareOf
) -> None:
    save(rita, asha_card, new_identifiers=[NIR])
    row = PatientIdentifier.objects.get()
    with pytest.raises(NotFound):
        services.reveal_identifier(actor=dr_bose, patient_id=asha_card.id, identifier_id=row.id)
    in_care(asha_card, bose_card)
    assert services.reveal_identifier(actor=dr_bose, patient_id=asha_card.id, identifier_id=row.id)


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_two_patients_at_once_with_one_number(rita: User, asha_card: PatientCard, dan_card: PatientCard) -> None:
    barrier, results = threading.Barrier(2), []

    def go(card: PatientCard) -> None:
        try:
            barrier.wait(10)
            save(rita, card, new_identifiers=[replace(NIR, confirmed=True)])
            results.append("saved")
        except Invalid as error:
            results.append(",".join(error.errors))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=(card,)) for card in (asha_card, dan_card)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["identifiers.0.value", "saved"]
    assert PatientIdentifier.objects.count() == 1


# --- people to call, insurers, practitioner ---------------------------------------------------------------------------
def test_contacts_keep_their_order_and_their_rows(rita: User, asha_card: PatientCard) -> None:
    save(rita, asha_card, contacts=[RAVI, replace(RAVI, full_name="Maya", relation="child")])
    first, second = EmergencyContact.objects.all()
    save(rita, asha_card, 2, contacts=[replace(RAVI, full_name="Maya B", id=second.id), replace(RAVI, full_name="Léo")])
    rows = list(EmergencyContact.objects.values_list("id", "full_name", "place"))
    assert [(name, place) for _id, name, place in rows] == [("Maya B", 1), ("Léo", 2)]
    assert rows[0][0] == second.id
    assert not EmergencyContact.objects.filter(id=first.id).exists()
    save(rita, asha_card, 3, insurers=[])
    assert EmergencyContact.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"full_name": ""}, "full_name"),
        ({"full_name": "x" * 10_000}, "full_name"),
        ({"full_name": "Ra\u202evi"}, "full_name"),
        ({"relation": "x"}, "relation"),
        ({"phone": "12"}, "phone"),
        ({"other_phone": "x" * 100}, "other_phone"),
    ],
)
def test_a_contact_that_cannot_be_names_its_field(
    rita: User, asha_card: PatientCard, change: dict[str, Any], field: str
) -> None:
    assert faults(rita, asha_card, contacts=[RAVI, replace(RAVI, **change)]) == [f"contacts.1.{field}"]


def test_insurers_are_rows_of_the_record_and_leave_as_mistakes(rita: User, asha_card: PatientCard) -> None:
    save(rita, asha_card, insurers=[FUND, MUTUAL])
    fund, mutual = Coverage.objects.order_by("place")
    assert (fund.role, mutual.member_number) == ("mandatory", "M-123456")
    save(rita, asha_card, 2, insurers=[replace(MUTUAL, id=mutual.id, member_number=None, payer="Autre")])
    assert Coverage.objects.get(id=mutual.id).member_number == "M-123456"
    assert Coverage.objects.get(id=fund.id).status == "entered-in-error"


@pytest.mark.parametrize(
    ("entries", "fields"),
    [
        ([FUND, FUND], ["insurers.1.starts_on"]),
        ([FUND, MUTUAL, MUTUAL], []),
        ([replace(FUND, ends_on=date(2026, 1, 31)), replace(FUND, starts_on=date(2026, 2, 1))], []),
        (
            [replace(FUND, ends_on=date(2026, 2, 1)), replace(FUND, starts_on=date(2026, 2, 1))],
            ["insurers.1.starts_on"],
        ),
        ([replace(FUND, starts_on=date(2026, 2, 1), ends_on=date(2026, 1, 1))], ["insurers.0.ends_on"]),
        ([replace(FUND, payer="  ")], ["insurers.0.payer"]),
        ([replace(FUND, member_number="x" * 10_000)], ["insurers.0.member_number"]),
        ([replace(FUND, role="x")], ["insurers.0.role"]),
    ],
)
def test_one_mandatory_insurer_a_day(
    rita: User, asha_card: PatientCard, entries: list[InsurerEntry], fields: list[str]
) -> None:
    if fields:
        assert faults(rita, asha_card, insurers=entries) == fields
    else:
        save(rita, asha_card, insurers=entries)
        assert Coverage.objects.count() == len(entries)


def test_the_primary_practitioner_is_set_and_taken_away(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard
) -> None:
    save(rita, asha_card, keep_practitioner=False, practitioner_id=bose_card.id)
    assert Patient.objects.get().primary_practitioner_id == bose_card.id
    save(rita, asha_card, 2, contacts=[])
    assert Patient.objects.get().primary_practitioner_id == bose_card.id
    save(rita, asha_card, 3, keep_practitioner=False)
    assert Patient.objects.get().primary_practitioner_id is None


@pytest.mark.parametrize("who", ["carol", "asha", "olga"])
def test_only_reception_changes_details(request: pytest.FixtureRequest, who: str, asha_card: PatientCard) -> None:
    with pytest.raises(Refused):
        save(request.getfixturevalue(who), asha_card, contacts=[RAVI])
    assert not EmergencyContact.objects.exists()


def test_dan_changes_nothing_of_asha(dan: User, dan_card: PatientCard, asha_card: PatientCard) -> None:
    with pytest.raises(NotFound):
        save(dan, asha_card, contacts=[RAVI])


def test_all_of_it_or_nothing(rita: User, asha_card: PatientCard) -> None:
    with pytest.raises(Stale):
        save(rita, asha_card, 7, contacts=[RAVI], insurers=[FUND], new_identifiers=[NIR])
    assert faults(rita, asha_card, contacts=[RAVI], new_identifiers=[replace(NIR, value="1")])
    assert not EmergencyContact.objects.exists()
    assert not PatientIdentifier.objects.exists()


# --- verification -----------------------------------------------------------------------------------------------------
def verify(actor: User, card: PatientCard, version: int = 1, **changes: Any) -> PatientCard:
    values: dict[str, Any] = {
        "document": "passport",
        "seen_on": clock.today(),
        "number": "12 AB 34567",
        "country": "fr",
    }
    return services.verify_identity(actor=actor, patient_id=card.id, version=version, **values | changes)


def test_a_document_verifies_the_identity(rita: User, asha_card: PatientCard) -> None:
    verify(rita, asha_card)
    assert Patient.objects.get().identity_status == "verified"
    check = IdentityCheck.objects.get()
    assert (check.number, check.document_country, check.checked_by_id) == ("12AB34567", "FR", rita.id)
    assert "12AB34567" not in everything_stored()
    assert AccessEntry.objects.filter(patient_id=asha_card.id, action="verify", actor_id=rita.id).exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"document": "club-card"}, "document"),
        ({"seen_on": clock.today() + timedelta(days=2)}, "seen_on"),
        ({"seen_on": date(1979, 1, 1)}, "seen_on"),
        ({"number": "x" * 10_000}, "number"),
        ({"country": "France"}, "country"),
    ],
)
def test_a_verification_that_cannot_be_names_its_field(
    rita: User, asha_card: PatientCard, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        verify(rita, asha_card, **change)
    assert list(caught.value.errors) == [field]
    assert Patient.objects.get().identity_status == "provisional"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"family_name": "Raô"}, "provisional"),
        ({"given_names": "Ashā"}, "provisional"),
        ({"birth_date": date(1980, 5, 3)}, "provisional"),
        ({"sex": "other"}, "provisional"),
        ({"birth_place_code": "75056"}, "provisional"),
        ({"used_name": "Blanc"}, "verified"),
        ({}, "verified"),
    ],
)
def test_changed_traits_are_provisional_again(
    rita: User, asha_card: PatientCard, change: dict[str, Any], status: str
) -> None:
    verify(rita, asha_card)
    services.update_identity(actor=rita, patient_id=asha_card.id, version=2, identity=replace(ASHA, **change))
    assert Patient.objects.get().identity_status == status
    ended = IdentityCheck.objects.get().ended_because
    assert ended == ("traits-changed" if status == "provisional" else "")
    assert AccessEntry.objects.filter(action="unverify").exists() is (status == "provisional")


def test_a_verification_is_withdrawn_with_a_reason(rita: User, asha_card: PatientCard) -> None:
    with pytest.raises(Conflict):
        services.withdraw_verification(actor=rita, patient_id=asha_card.id, version=1, because="doubt")
    verify(rita, asha_card)
    with pytest.raises(Invalid):
        services.withdraw_verification(actor=rita, patient_id=asha_card.id, version=2, because="whim")
    services.withdraw_verification(actor=rita, patient_id=asha_card.id, version=2, because="doubt")
    assert Patient.objects.get().identity_status == "provisional"
    assert IdentityCheck.objects.get().ended_because == "doubt"


@pytest.mark.parametrize("who", ["carol", "asha", "olga"])
def test_only_reception_verifies(request: pytest.FixtureRequest, who: str, asha_card: PatientCard) -> None:
    with pytest.raises(Refused):
        verify(request.getfixturevalue(who), asha_card)


def test_half_a_birth_date_is_not_verified(rita: User, asha_card: PatientCard) -> None:
    Patient.objects.update(birth_precision="year")
    with pytest.raises(Conflict):
        verify(rita, asha_card)


# --- registering twice ------------------------------------------------------------------------------------------------
def test_the_same_registration_again_is_the_same_patient(rita: User, alice: User) -> None:
    details = Details(new_identifiers=[NIR], contacts=[RAVI])
    first = services.register_patient(actor=rita, identity=ASHA, details=details, key="k")
    assert services.register_patient(actor=rita, identity=ASHA, details=details, key="k").id == first.id
    assert Patient.objects.count() == 1
    with pytest.raises(Conflict):
        services.register_patient(actor=rita, identity=replace(ASHA, given_names="Uma"), key="k")
    # With another key it is another registration: somebody says whether it is another person.
    with pytest.raises(PossibleDuplicate):
        services.register_patient(actor=rita, identity=ASHA, key="other")
    assert services.register_patient(actor=rita, identity=ASHA, key="other", confirm_new=True).id != first.id


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_the_same_registration_twice_at_once_is_one_patient(rita: User) -> None:
    barrier, found = threading.Barrier(4), []

    def go() -> None:
        try:
            barrier.wait(10)
            found.append(
                services.register_patient(actor=rita, identity=ASHA, details=Details(new_identifiers=[NIR]), key="k").id
            )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == Patient.objects.count() == 1


def test_a_patient_that_is_none_is_not_found(rita: User) -> None:
    with pytest.raises(NotFound):
        services.reveal_identifier(actor=rita, patient_id=new_id(), identifier_id=new_id())
