"""Who stands for a patient: how it is recorded, what it opens, and that it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from medisecure.notifications.models import Notice
from patients import rules
from patients.access import access_identity, access_record, visible_patients
from patients.interface import PatientCard, PractitionerCard
from patients.models import Patient, Representation
from patients.rules import representation
from patients.services import Representative, end_representation, record_representation, restrict_representation
from tests.cast import ALL_DATABASES
from tests.support import send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

MOTHER = Representative(email="priya@example.org", kind="parent", scope="everything", evidence="Livret de famille")


@given(st.dates(min_value=date(1930, 1, 1), max_value=date(2020, 1, 1)), st.integers(min_value=-2, max_value=2))
def test_the_comparison_of_the_query_is_the_eighteenth_birthday(birth: date, shift: int) -> None:
    today = representation.of_age_on(birth) + timedelta(days=shift)
    assert (birth > representation.born_after_for_minor(today)) is (shift < 0)
    assert representation.is_minor(birth, today) is (shift < 0)


def test_a_mother_opens_her_childs_record_and_the_log_says_so(
    priya: User, mila_card: PatientCard, motherhood: Representation
) -> None:
    assert access_record(actor=priya, patient_id=mila_card.id, purpose="self").id == mila_card.id
    assert visible_patients(priya).get().id == mila_card.id
    entry = AccessEntry.objects.filter(actor_id=priya.id, patient_id=mila_card.id).latest("at")
    assert entry.right == "representative:parent"


def test_she_does_not_write_the_record(priya: User, mila_card: PatientCard, motherhood: Representation) -> None:
    with pytest.raises(Refused):
        access_record(actor=priya, patient_id=mila_card.id, purpose="self", action="write")


def test_nobody_else_sees_the_child(
    dan: User, asha: User, asha_card: PatientCard, mila_card: PatientCard, motherhood: Representation
) -> None:
    for stranger in (dan, asha):
        with pytest.raises(NotFound):
            access_identity(actor=stranger, patient_id=mila_card.id, purpose="self")


def test_it_ends_by_itself_when_the_child_is_of_age(
    priya: User, mila_card: PatientCard, motherhood: Representation
) -> None:
    assert mila_card.birth_date is not None
    birthday = mila_card.birth_date.replace(year=mila_card.birth_date.year + 18)
    with time_machine.travel(f"{birthday - timedelta(days=1)}T12:00:00Z"):
        access_record(actor=priya, patient_id=mila_card.id, purpose="self")
    with time_machine.travel(f"{birthday}T12:00:00Z"):
        with pytest.raises(NotFound):
            access_identity(actor=priya, patient_id=mila_card.id, purpose="self")
        assert not visible_patients(priya).exists()


def test_ended_it_is_closed_at_once_and_both_are_told(
    rita: User, priya: User, mila_card: PatientCard, motherhood: Representation
) -> None:
    end_representation(actor=rita, representation_id=motherhood.id, version=motherhood.version)
    with pytest.raises(NotFound):
        access_identity(actor=priya, patient_id=mila_card.id, purpose="self")
    kinds = list(Notice.objects.filter(user_id=priya.id).values_list("kind", flat=True))
    assert kinds == ["representation-ended", "representation-recorded"]


def test_a_page_that_is_behind_ends_nothing(rita: User, motherhood: Representation) -> None:
    with pytest.raises(Stale):
        end_representation(actor=rita, representation_id=motherhood.id, version=motherhood.version + 1)
    assert Representation.objects.get(id=motherhood.id).ended_at is None


def test_a_minor_may_withhold_the_record(
    rita: User, priya: User, mila_card: PatientCard, motherhood: Representation
) -> None:
    """Code de la santé publique, L1111-5."""
    held = restrict_representation(
        actor=rita, representation_id=motherhood.id, version=motherhood.version, restricted=True
    )
    access_identity(actor=priya, patient_id=mila_card.id, purpose="self")
    with pytest.raises(Refused):
        access_record(actor=priya, patient_id=mila_card.id, purpose="self")
    restrict_representation(actor=rita, representation_id=held.id, version=held.version, restricted=False)
    access_record(actor=priya, patient_id=mila_card.id, purpose="self")


def test_its_days_are_kept(rita: User, dan: User, asha_card: PatientCard) -> None:
    entry = Representative(
        email=dan.email,
        kind="guardian",
        scope="everything",
        evidence="Jugement",
        starts_on=clock.today() + timedelta(days=2),
        ends_on=clock.today() + timedelta(days=4),
    )
    record_representation(actor=rita, patient_id=asha_card.id, entry=entry)
    for days, opens in ((0, False), (2, True), (4, True), (5, False)):
        with time_machine.travel(clock.now() + timedelta(days=days)):
            assert visible_patients(dan).filter(id=asha_card.id).exists() is opens, days


def test_who_has_no_account_gets_one_and_a_mail(rita: User, mila_card: PatientCard) -> None:
    with pytest.raises(Invalid) as refused:
        record_representation(actor=rita, patient_id=mila_card.id, entry=MOTHER)
    assert set(refused.value.errors) == {"full_name"}
    row = record_representation(actor=rita, patient_id=mila_card.id, entry=replace(MOTHER, full_name="Priya Rao"))
    (mail,) = send_mails()
    assert mail["To"] == "priya@example.org"
    assert not row.user.has_usable_password()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "cousin"}, "kind"),
        ({"scope": "all"}, "scope"),
        ({"kind": "curator"}, "scope"),
        ({"evidence": "  "}, "evidence"),
        ({"evidence": "x" * 301}, "evidence"),
        ({"ends_on": date(2001, 1, 1)}, "ends_on"),
        ({"email": "no-address", "full_name": "X"}, "email"),
    ],
)
def test_what_cannot_be_is_a_field_error(
    rita: User, priya: User, mila_card: PatientCard, change: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        record_representation(actor=rita, patient_id=mila_card.id, entry=replace(MOTHER, **change))  # type: ignore[arg-type]
    assert set(refused.value.errors) == {field}
    assert not Representation.objects.exists()


def test_a_parent_stands_for_no_adult(rita: User, priya: User, asha_card: PatientCard) -> None:
    with pytest.raises(Invalid) as refused:
        record_representation(actor=rita, patient_id=asha_card.id, entry=MOTHER)
    assert set(refused.value.errors) == {"kind"}


def test_a_parent_needs_a_birth_date_to_end_by(rita: User, priya: User, mila_card: PatientCard) -> None:
    Patient.objects.filter(id=mila_card.id).update(birth_date=None)
    with pytest.raises(Invalid):
        record_representation(actor=rita, patient_id=mila_card.id, entry=MOTHER)


def test_a_second_one_is_a_conflict(rita: User, mila_card: PatientCard, motherhood: Representation) -> None:
    with pytest.raises(Conflict):
        record_representation(actor=rita, patient_id=mila_card.id, entry=MOTHER)


def test_nobody_records_themselves(rita: User, mila_card: PatientCard) -> None:
    with pytest.raises(Refused):
        record_representation(actor=rita, patient_id=mila_card.id, entry=replace(MOTHER, email=rita.email))


@pytest.mark.parametrize("who", ["carol", "alice", "olga"])
def test_others_may_not_record_it(
    request: pytest.FixtureRequest, who: str, priya: User, mila_card: PatientCard
) -> None:
    with pytest.raises(Refused):
        record_representation(actor=request.getfixturevalue(who), patient_id=mila_card.id, entry=MOTHER)


def test_a_doctor_who_is_a_parent_too_treats_by_care(
    rita: User, dr_bose: User, bose_card: PractitionerCard, mila_card: PatientCard
) -> None:
    """Outside of any care the parent's right remains, and opens no writing."""
    record_representation(actor=rita, patient_id=mila_card.id, entry=replace(MOTHER, email=dr_bose.email))
    access_record(actor=dr_bose, patient_id=mila_card.id, purpose="self")
    with pytest.raises(Refused):
        access_record(actor=dr_bose, patient_id=mila_card.id, purpose="care", action="write")
    assert AccessEntry.objects.latest("at").right == rules.representative_right("parent")
