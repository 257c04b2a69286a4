"""Break-glass: with a reason, for a while, told and reviewed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from pytest_django.fixtures import Settings

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from medisecure.notifications.models import Notice
from patients.access import access_record, may_read_record, visible_patients
from patients.interface import Identity, PatientCard, PractitionerCard, register_patient
from patients.models import EmergencyAccess, Patient
from patients.services import (
    end_emergency,
    find_for_emergency,
    open_emergency,
    review_emergency,
    tell_due_patients,
)
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf
from tests.support import send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

REASON = "Found unconscious in the waiting room"


def open_it(actor: User, patient: PatientCard, **values: Any) -> EmergencyAccess:
    return open_emergency(
        **{
            "actor": actor,
            "patient_id": patient.id,
            "reason_code": "life-threatening",
            "reason": REASON,
            **values,
        }
    )


def mail_text(mail: EmailMessage) -> str:
    """Everything in it that is text, decoded."""
    parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return "\n".join([str(mail["Subject"]), *map(str, parts)])


def test_it_opens_the_record_and_every_entry_says_by_what(dr_bose: User, asha_card: PatientCard) -> None:
    open_it(dr_bose, asha_card)
    access_record(actor=dr_bose, patient_id=asha_card.id, purpose="emergency")
    access_record(actor=dr_bose, patient_id=asha_card.id, purpose="emergency", action="write")
    entries = AccessEntry.objects.filter(actor_id=dr_bose.id)
    assert {entry.right for entry in entries} == {"break-glass"}
    assert visible_patients(dr_bose).get().id == asha_card.id


def test_it_ends_by_itself(dr_bose: User, asha_card: PatientCard, settings: Settings) -> None:
    settings.ACCESS = replace(settings.ACCESS, emergency_hours=2)
    open_it(dr_bose, asha_card)
    with time_machine.travel(clock.now() + timedelta(minutes=119)):
        assert may_read_record(dr_bose, asha_card.id)
    with time_machine.travel(clock.now() + timedelta(minutes=121)):
        assert not may_read_record(dr_bose, asha_card.id)
        assert not visible_patients(dr_bose).exists()


def test_it_can_be_ended_now(dr_bose: User, asha_card: PatientCard) -> None:
    open_it(dr_bose, asha_card)
    end_emergency(actor=dr_bose, patient_id=asha_card.id)
    with pytest.raises(NotFound):
        access_record(actor=dr_bose, patient_id=asha_card.id, purpose="emergency")
    with pytest.raises(NotFound):
        end_emergency(actor=dr_bose, patient_id=asha_card.id)


def test_it_opens_one_record_to_one_person(
    dr_bose: User, nurse_chen: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    open_it(dr_bose, asha_card)
    assert not may_read_record(nurse_chen, asha_card.id)
    assert not may_read_record(dr_bose, dan_card.id)


def test_two_clicks_are_one_access(dr_bose: User, asha_card: PatientCard) -> None:
    assert open_it(dr_bose, asha_card).id == open_it(dr_bose, asha_card).id
    assert EmergencyAccess.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "." * 200}, "reason"),
        ({"reason": "urgenturgenturgent"}, "reason"),
        ({"reason": "a b " * 300}, "reason"),
        ({"reason_code": "curiosity"}, "reason_code"),
    ],
)
def test_without_a_reason_nothing_opens(
    dr_bose: User, asha_card: PatientCard, values: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        open_it(dr_bose, asha_card, **values)
    assert set(refused.value.errors) == {field}
    assert not EmergencyAccess.objects.exists()


@pytest.mark.parametrize(
    ("who", "error"), [("rita", Refused), ("carol", Refused), ("alice", Refused), ("olga", Refused), ("dan", NotFound)]
)
def test_others_cannot(
    request: pytest.FixtureRequest, who: str, error: type[Exception], asha_card: PatientCard
) -> None:
    with pytest.raises(error):
        open_it(request.getfixturevalue(who), asha_card)


def test_who_treats_the_patient_needs_none(
    dr_bose: User, asha_card: PatientCard, bose_card: PractitionerCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    with pytest.raises(Conflict):
        open_it(dr_bose, asha_card)


def test_the_privacy_officer_and_the_patient_are_told_without_a_name(
    olga: User, asha: User, dr_bose: User, asha_card: PatientCard
) -> None:
    row = open_it(dr_bose, asha_card)
    notices = {notice.user_id: notice for notice in Notice.objects.all()}
    assert notices[olga.id].kind == "emergency-to-review"
    assert notices[olga.id].url.endswith(f"/{row.id}/change/")
    assert notices[asha.id].kind == "emergency-opened"
    mails = {mail["To"]: mail for mail in send_mails()}
    officers = mail_text(mails[olga.email])
    assert "Rao" not in officers
    assert asha_card.record_number not in officers
    assert "Anil Bose" in officers
    assert REASON not in officers
    assert REASON not in mail_text(mails[asha.email])


def test_the_patient_is_told_after_the_delay_and_once(
    asha: User, dr_bose: User, asha_card: PatientCard, settings: Settings
) -> None:
    settings.ACCESS = replace(settings.ACCESS, patient_notice_hours=24)
    open_it(dr_bose, asha_card)
    assert tell_due_patients() == 0
    assert not Notice.objects.filter(user_id=asha.id).exists()
    with time_machine.travel(clock.now() + timedelta(hours=25)):
        assert tell_due_patients() == 1
        assert tell_due_patients() == 0
    assert Notice.objects.filter(user_id=asha.id, kind="emergency-opened").count() == 1


def test_many_a_day_warn_and_too_many_are_refused(olga: User, dr_bose: User, settings: Settings) -> None:
    settings.ACCESS = replace(settings.ACCESS, daily_alert=2, daily_limit=3)
    cards = [
        register_patient(
            actor=None, identity=Identity(family_name=f"Un{n}", given_names="Zoé", birth_date=date(1990, 1, 1))
        )
        for n in range(4)
    ]
    rows = [open_it(dr_bose, card) for card in cards[:3]]
    assert [row.over_alert for row in rows] == [False, True, True]
    assert Notice.objects.filter(user_id=olga.id, kind="emergency-many").count() == 2
    with pytest.raises(Conflict):
        open_it(dr_bose, cards[3])
    with time_machine.travel(clock.now() + timedelta(days=1)):
        open_it(dr_bose, cards[3])


# --- Finding ----------------------------------------------------------------------------------------------------------
ASHA: dict[str, Any] = {"birth_date": date(1980, 5, 2)}


@pytest.mark.parametrize("names", [("rao", "ÀSHA"), ("Rao", "Asha Maria")])
def test_found_by_two_things_on_a_paper(dr_bose: User, asha_card: PatientCard, names: tuple[str, str]) -> None:
    assert find_for_emergency(actor=dr_bose, record_number=asha_card.record_number, **ASHA) == asha_card.id
    family, given = names
    assert find_for_emergency(actor=dr_bose, family_name=family, given_name=given, **ASHA) == asha_card.id
    assert set(AccessEntry.objects.filter(actor_id=dr_bose.id).values_list("action", "patient_id")) == {
        ("search", asha_card.id)
    }


def test_not_found_by_one(dr_bose: User, asha_card: PatientCard) -> None:
    number = asha_card.record_number
    tries: list[dict[str, Any]] = [
        {"record_number": number, "birth_date": None},
        {"record_number": number, "birth_date": date(1980, 5, 3)},
        {"record_number": "P123", **ASHA},
        {"family_name": "Rao", **ASHA},
        {"family_name": "Ra", "given_name": "Asha", **ASHA},
        {"family_name": "Rao", "given_name": "A", **ASHA},
        {"family_name": "Rao", "given_name": "Asha", "birth_date": None},
        {"birth_date": None},
    ]
    for values in tries:
        with pytest.raises(Invalid):
            find_for_emergency(actor=dr_bose, **values)
    assert not AccessEntry.objects.filter(actor_id=dr_bose.id, patient_id=asha_card.id).exists()


def test_who_has_no_known_birth_date_is_found_without_one(dr_bose: User, asha_card: PatientCard) -> None:
    Patient.objects.filter(id=asha_card.id).update(birth_date=None)
    number = asha_card.record_number
    assert find_for_emergency(actor=dr_bose, record_number=number, birth_date=None) == asha_card.id


def test_two_of_one_name_need_the_number(dr_bose: User, asha_card: PatientCard) -> None:
    register_patient(actor=None, identity=Identity(family_name="Rao", given_names="Asha", birth_date=date(1980, 5, 2)))
    with pytest.raises(Invalid):
        find_for_emergency(actor=dr_bose, family_name="Rao", given_name="Asha", **ASHA)


def test_reception_and_dan_do_not_search_so(rita: User, dan: User, asha_card: PatientCard) -> None:
    for actor in (rita, dan):
        with pytest.raises(Refused):
            find_for_emergency(actor=actor, record_number=asha_card.record_number, **ASHA)


# --- Review -----------------------------------------------------------------------------------------------------------
def test_the_privacy_officer_judges_once(olga: User, dr_bose: User, asha_card: PatientCard) -> None:
    row = open_it(dr_bose, asha_card)
    with pytest.raises(Invalid):
        review_emergency(actor=olga, emergency_id=row.id, verdict="unjustified", comment=" ")
    judged = review_emergency(actor=olga, emergency_id=row.id, verdict="unjustified", comment="No visit that day.")
    assert (judged.review, judged.reviewed_by) == ("unjustified", olga)
    with pytest.raises(Stale):
        review_emergency(actor=olga, emergency_id=row.id, verdict="justified", comment="")
    judged.refresh_from_db()
    assert judged.review == "unjustified"


@pytest.mark.parametrize("who", ["dr_bose", "rita", "alice", "dan"])
def test_nobody_else_judges(request: pytest.FixtureRequest, who: str, dr_bose: User, asha_card: PatientCard) -> None:
    row = open_it(dr_bose, asha_card)
    with pytest.raises(NotFound):
        review_emergency(
            actor=request.getfixturevalue(who), emergency_id=row.id, verdict="justified", comment="Fine by me."
        )
