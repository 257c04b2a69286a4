"""What a patient allows and forbids: recorded with who, when and how, and applied at the door."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from pytest_django import DjangoCaptureOnCommitCallbacks

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid, NotFound, Refused, Stale
from medisecure.kernel.ids import new_id
from patients.access import access_record, may_read_record, visible_patients
from patients.interface import PatientCard, PractitionerCard, patient_card
from patients.models import Consent, Representation, Unit, UnitMember
from patients.services import Choice, admit, open_emergency, record_consent, withdraw_consent
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def deny(card: PractitionerCard) -> Choice:
    return Choice("record-sharing", "deny", practitioner_id=card.id)


def test_an_objection_closes_the_door_even_in_care(
    asha: User, dr_bose: User, asha_card: PatientCard, bose_card: PractitionerCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    access_record(actor=dr_bose, patient_id=asha_card.id, purpose="care")
    row = record_consent(actor=asha, patient_id=asha_card.id, choice=deny(bose_card))
    with pytest.raises(NotFound):
        access_record(actor=dr_bose, patient_id=asha_card.id, purpose="care")
    assert not visible_patients(dr_bose).exists()
    withdraw_consent(actor=asha, consent_id=row.id)
    access_record(actor=dr_bose, patient_id=asha_card.id, purpose="care")


def test_an_objection_against_a_unit_concerns_who_works_there(
    asha: User,
    rita: User,
    dr_bose: User,
    nurse_chen: User,
    asha_card: PatientCard,
    bose_card: PractitionerCard,
    ward: Unit,
    chen_on_ward: UnitMember,
    in_care: CareOf,
) -> None:
    in_care(asha_card, bose_card)
    admit(actor=rita, patient_id=asha_card.id, unit_id=ward.id)
    record_consent(actor=asha, patient_id=asha_card.id, choice=Choice("record-sharing", "deny", unit_id=ward.id))
    assert not may_read_record(nurse_chen, asha_card.id)
    assert may_read_record(dr_bose, asha_card.id)


def test_an_emergency_passes_an_objection(
    asha: User, dr_bose: User, asha_card: PatientCard, bose_card: PractitionerCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    record_consent(actor=asha, patient_id=asha_card.id, choice=deny(bose_card))
    open_emergency(
        actor=dr_bose, patient_id=asha_card.id, reason_code="life-threatening", reason="Cardiac arrest in the lobby"
    )
    access_record(actor=dr_bose, patient_id=asha_card.id, purpose="emergency")
    assert AccessEntry.objects.latest("at").right == "break-glass"


def test_sharing_opens_the_record_to_the_named_one_until_its_last_day(
    asha: User, dr_bose: User, asha_card: PatientCard, bose_card: PractitionerCard
) -> None:
    choice = Choice("record-sharing", "permit", practitioner_id=bose_card.id, until=clock.today() + timedelta(days=3))
    record_consent(actor=asha, patient_id=asha_card.id, choice=choice)
    access_record(actor=dr_bose, patient_id=asha_card.id, purpose="care")
    assert AccessEntry.objects.latest("at").right == "consent"
    with time_machine.travel(clock.now() + timedelta(days=4)):
        assert not may_read_record(dr_bose, asha_card.id)


def test_a_new_answer_ends_the_one_before(asha: User, asha_card: PatientCard, bose_card: PractitionerCard) -> None:
    first = record_consent(actor=asha, patient_id=asha_card.id, choice=deny(bose_card))
    record_consent(
        actor=asha,
        patient_id=asha_card.id,
        choice=Choice("record-sharing", "permit", practitioner_id=bose_card.id),
    )
    first.refresh_from_db()
    assert first.withdrawn_at is not None
    assert Consent.objects.filter(withdrawn_at=None).count() == 1
    with pytest.raises(Stale):
        withdraw_consent(actor=asha, consent_id=first.id)


def test_no_mails_means_no_address_to_write_to(
    asha: User, asha_card: PatientCard, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    assert patient_card(asha_card.id).mail_address == asha.email
    with django_capture_on_commit_callbacks(execute=True):
        record_consent(actor=asha, patient_id=asha_card.id, choice=Choice("contact-mail", "deny"))
    assert patient_card(asha_card.id).mail_address == ""
    assert patient_card(asha_card.id).email == asha.email


def test_a_doctor_does_not_let_themselves_in(
    dr_bose: User, nurse_chen: User, asha_card: PatientCard, bose_card: PractitionerCard, in_care: CareOf
) -> None:
    choice = Choice("record-sharing", "permit", practitioner_id=bose_card.id, source="spoken")
    with pytest.raises(NotFound):
        record_consent(actor=dr_bose, patient_id=asha_card.id, choice=choice)
    in_care(asha_card, bose_card)
    with pytest.raises(Refused):
        record_consent(actor=dr_bose, patient_id=asha_card.id, choice=choice)


def test_staff_say_how_they_know(rita: User, asha_card: PatientCard, bose_card: PractitionerCard) -> None:
    for source, good in (("portal", False), ("", False), ("spoken", True)):
        choice = Choice("research", "deny", source=source)
        if good:
            assert record_consent(actor=rita, patient_id=asha_card.id, choice=choice).recorded_by == rita
        else:
            with pytest.raises(Invalid):
                record_consent(actor=rita, patient_id=asha_card.id, choice=choice)


@pytest.mark.parametrize(
    "choice",
    [
        Choice("weather", "deny"),
        Choice("research", "perhaps"),
        Choice("record-sharing", "deny"),
        Choice("record-sharing", "deny", practitioner_id=new_id()),
        Choice("record-sharing", "deny", unit_id=new_id()),
        Choice("record-sharing", "deny", unit_id=new_id(), practitioner_id=new_id()),
        Choice("research", "deny", practitioner_id=new_id()),
        Choice("research", "deny", evidence="x" * 301),
        Choice("research", "deny", source="letter"),
    ],
)
def test_what_cannot_be_is_refused(asha: User, asha_card: PatientCard, choice: Choice) -> None:
    with pytest.raises(Invalid):
        record_consent(actor=asha, patient_id=asha_card.id, choice=choice)
    assert not Consent.objects.exists()


def test_dan_has_no_say(
    dan: User, asha: User, dan_card: PatientCard, asha_card: PatientCard, bose_card: PractitionerCard
) -> None:
    row = record_consent(actor=asha, patient_id=asha_card.id, choice=deny(bose_card))
    with pytest.raises(NotFound):
        record_consent(actor=dan, patient_id=asha_card.id, choice=deny(bose_card))
    with pytest.raises(NotFound):
        withdraw_consent(actor=dan, consent_id=row.id)


def test_a_mother_chooses_for_her_child(
    priya: User, mila_card: PatientCard, motherhood: Representation, bose_card: PractitionerCard
) -> None:
    record_consent(actor=priya, patient_id=mila_card.id, choice=deny(bose_card))
    entry = AccessEntry.objects.get(resource="consent")
    assert (entry.actor_id, entry.right) == (priya.id, "representative:parent")
