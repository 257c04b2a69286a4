"""Erasure: asked for, decided category by category within the law, carried out to its end even after a crash."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from appointments.interface import book
from appointments.models import Appointment, OccupancyCell
from billing.models import Invoice
from documents.models import Document
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock, objects
from medisecure.kernel.errors import Invalid, NotFound, Refused, Stale
from medisecure.notifications.interface import notices_for, notify_user
from patients import erasing
from patients.access import access_identity, access_record
from patients.erasing import Answer, holders, jobs
from patients.erasing.requests import ErasureUnderWay, facts_of
from patients.interface import PatientCard, PractitionerCard, search_patients
from patients.models import (
    Allergy,
    CareRelation,
    DataProtection,
    Encounter,
    ErasureDecision,
    ErasureRequest,
    Observation,
    Patient,
)
from patients.rules.rights import Category
from tests.appointments.fixtures import at
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, AddDocument
from tests.support import send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

LONG_AGO = datetime(2001, 5, 1, 9, tzinfo=UTC)


def answers(officer: User, request_id: UUID, **changes: str) -> dict[str, Answer]:
    """What is proposed, and where something else is wanted, that with a reason."""
    _row, _facts, proposed = erasing.propose(actor=officer, request_id=request_id)
    return {
        one.category.value: Answer(changes.get(one.category.value, one.allowed[0].value), "A reason.")
        for one in proposed
    }


def decided(officer: User, patient: PatientCard, asker: User, **changes: str) -> ErasureRequest:
    request_id = erasing.request_erasure(actor=asker, patient_id=patient.id, words="Everything, please.")
    erasing.decide_erasure(actor=officer, request_id=request_id, answers=answers(officer, request_id, **changes))
    return ErasureRequest.objects.get(id=request_id)


@pytest.fixture
def old_record(asha_card: PatientCard) -> PatientCard:
    """A record whose time is over: its last visit was in 2001."""
    encounter = Encounter.objects.create(patient_id=asha_card.id, started_at=LONG_AGO, ended_at=LONG_AGO)
    Observation.objects.create(patient_id=asha_card.id, encounter=encounter, display="Weight")
    Allergy.objects.create(patient_id=asha_card.id, encounter=encounter, display="Penicillin")
    Patient.objects.filter(id=asha_card.id).update(created_at=LONG_AGO)
    return asha_card


def test_the_patient_asks_and_the_officer_is_given_a_month(asha: User, asha_card: PatientCard) -> None:
    request_id = erasing.request_erasure(actor=asha, patient_id=asha_card.id, words="  My data.  ")
    row = ErasureRequest.objects.get(id=request_id)
    assert (row.status, row.words, row.language) == ("open", "My data.", "fr")
    assert 27 < (row.due_on - clock.today()).days < 32
    assert AccessEntry.objects.filter(patient_id=asha_card.id, action="ask-erasure", right="self").exists()
    with pytest.raises(ErasureUnderWay):
        erasing.request_erasure(actor=asha, patient_id=asha_card.id)
    erasing.withdraw_erasure(actor=asha, request_id=request_id)
    erasing.request_erasure(actor=asha, patient_id=asha_card.id)


def test_others_can_neither_ask_decide_withdraw_nor_read(
    asha: User, dan: User, dan_card: PatientCard, asha_card: PatientCard, rita: User, olga: User
) -> None:
    with pytest.raises(NotFound):
        erasing.request_erasure(actor=dan, patient_id=asha_card.id)
    with pytest.raises(Refused):
        erasing.request_erasure(actor=rita, patient_id=asha_card.id)
    request_id = erasing.request_erasure(actor=asha, patient_id=asha_card.id)
    for person in (dan, rita, asha):
        with pytest.raises(Refused):
            erasing.propose(actor=person, request_id=request_id)
    with pytest.raises(NotFound):
        erasing.withdraw_erasure(actor=dan, request_id=request_id)
    erasing.decide_erasure(actor=olga, request_id=request_id, answers=answers(olga, request_id))
    erasing.run_erasure(request_id)
    with pytest.raises(NotFound):
        erasing.letter_url(actor=dan, request_id=request_id)


def test_what_the_law_keeps_cannot_be_decided_otherwise(olga: User, asha: User, asha_card: PatientCard) -> None:
    Encounter.objects.create(patient_id=asha_card.id, started_at=clock.now(), ended_at=clock.now())
    request_id = erasing.request_erasure(actor=asha, patient_id=asha_card.id)
    wrong = answers(olga, request_id, record="erase", identity="erase")
    with pytest.raises(Invalid) as refused:
        erasing.decide_erasure(actor=olga, request_id=request_id, answers=wrong)
    assert set(refused.value.errors) == {"record", "identity"}
    without_reason = answers(olga, request_id) | {"record": Answer("keep")}
    with pytest.raises(Invalid):
        erasing.decide_erasure(actor=olga, request_id=request_id, answers=without_reason)
    with pytest.raises(Invalid):
        erasing.decide_erasure(actor=olga, request_id=request_id, answers={})
    assert ErasureDecision.objects.count() == 0
    assert ErasureRequest.objects.get().status == "open"


def test_two_officers_decide_once(olga: User, asha: User, asha_card: PatientCard) -> None:
    row = decided(olga, asha_card, asha)
    with pytest.raises(Stale):
        erasing.decide_erasure(actor=olga, request_id=row.id, answers=answers(olga, row.id))
    with pytest.raises(Stale):
        erasing.withdraw_erasure(actor=asha, request_id=row.id)


def test_a_record_that_must_be_kept_is_locked_away_and_the_rest_is_erased(
    olga: User,
    asha: User,
    rita: User,
    dr_bose: User,
    asha_card: PatientCard,
    add_document: AddDocument,
    issued: MakeInvoice,
) -> None:
    document = add_document(PDF, "ECG", "report")
    invoice = issued()
    Encounter.objects.create(patient_id=asha_card.id, started_at=clock.now(), ended_at=clock.now())
    notify_user(dedupe_key="x", user_id=asha.id, kind="document-added")
    assert [row.id for row in search_patients(rita, "rao")] == [asha_card.id]
    row = decided(olga, asha_card, asha)
    assert erasing.run_erasure(row.id)
    assert not erasing.run_erasure(row.id)

    patient = Patient.objects.get(id=asha_card.id)
    assert (patient.phone, patient.email, patient.city, patient.user_id) == ("", "", "", None)
    assert patient.family_name == "Rao"
    asha.refresh_from_db()
    assert (asha.is_active, asha.full_name, asha.has_usable_password()) == (False, "—", False)
    assert "asha" not in asha.email
    assert [line for line in notices_for(asha.id) if "document" in line.sentence] == []
    assert Document.objects.filter(id=document.id).exists()
    assert Invoice.objects.filter(id=invoice.id).exists()
    # Out of search and out of sight of who treated her; the officer still finds the record.
    assert list(search_patients(rita, "rao")) == []
    for person in (rita, dr_bose):
        with pytest.raises(NotFound):
            access_identity(actor=person, patient_id=asha_card.id, purpose="identity")
    with pytest.raises(NotFound):
        access_record(actor=dr_bose, patient_id=asha_card.id, purpose="care")
    access_identity(actor=olga, patient_id=asha_card.id, purpose="oversight")
    assert [found.id for found in search_patients(olga, "rao")] == [asha_card.id]
    entries = AccessEntry.objects.filter(patient_id=asha_card.id, purpose="right of erasure")
    assert {"erase", "lock-away"} <= set(entries.values_list("action", flat=True))
    assert ErasureDecision.objects.filter(request=row, done_at=None).count() == 0
    # And back, when treatment goes on.
    erasing.lift_restriction(actor=olga, patient_id=asha_card.id)
    assert [found.id for found in search_patients(rita, "rao")] == [asha_card.id]


def test_a_record_whose_time_is_over_goes_whole(
    olga: User, asha: User, old_record: PatientCard, add_document: AddDocument
) -> None:
    document = add_document(PDF, "ECG", "report")
    CareRelation.objects.filter(patient_id=old_record.id).delete()
    row = decided(olga, old_record, asha)
    assert erasing.run_erasure(row.id)
    for model in (Allergy, Encounter, Observation, Document):
        assert not model._default_manager.filter(patient_id=old_record.id).exists(), model
    assert not objects.Bucket(document.bucket).exists(document.key)
    patient = Patient.objects.get(id=old_record.id)
    assert (patient.family_name, patient.given_names, patient.birth_date, patient.search_text) == ("—", "", None, "")
    assert (patient.record_number, patient.active) == (old_record.record_number, False)
    assert holders.counts(old_record.id)[Category.RECORD] == 0
    assert list(search_patients(olga, "rao")) == []
    assert AccessEntry.objects.filter(patient_id=old_record.id).count() > 5, "the log stays"


def test_visits_of_the_other_database_go_with_their_cells(
    olga: User,
    asha: User,
    dan: User,
    dan_card: PatientCard,
    old_record: PatientCard,
    bose_card: PractitionerCard,
    calendar_id: UUID,
) -> None:
    book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))
    theirs = book(actor=dan, practitioner_id=bose_card.id, type_code="consultation", start=at("10:00"))
    row = decided(olga, old_record, asha)
    assert erasing.run_erasure(row.id)
    assert list(Appointment.objects.values_list("id", flat=True)) == [theirs.id]
    assert set(OccupancyCell.objects.values_list("appointment_id", flat=True)) == {theirs.id}


def test_a_crash_in_the_middle_resumes_where_it_was(
    olga: User, asha: User, old_record: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = decided(olga, old_record, asha)
    original: Callable[[UUID], int] = holders._OWN[0].erase

    class Killed(BaseException):
        pass

    def die(decision: ErasureDecision, real: Any = jobs._carry_out) -> None:
        if decision.category == Category.CONTACT:
            raise Killed
        real(decision)

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_carry_out", die)
        with pytest.raises(Killed):
            erasing.run_erasure(row.id)
    assert not Allergy.objects.exists()
    assert Patient.objects.get(id=old_record.id).phone
    assert erasing.pending_erasures() == [row.id]
    assert erasing.run_erasure(row.id)
    assert not Patient.objects.get(id=old_record.id).phone
    assert erasing.pending_erasures() == []
    assert original(old_record.id) == 0, "erasing twice erases nothing more"
    assert ErasureDecision.objects.get(request=row, category="record").rows == 3


def test_the_letter_names_each_part_and_is_made_before_anything_goes(
    olga: User, asha: User, old_record: PatientCard
) -> None:
    send_mails()
    row = decided(olga, old_record, asha)
    assert erasing.run_erasure(row.id)
    row.refresh_from_db()
    with objects.documents().open(row.letter_key) as file:
        assert file.read().startswith(b"%PDF-")
    assert erasing.letter_url(actor=olga, request_id=row.id).startswith("http")
    (mail,) = send_mails()
    assert mail["To"] == "rao@example.org"
    assert "Penicillin" not in mail.as_string()
    (line,) = erasing.requests_of(old_record.id)
    assert {item.category for item in line.decisions} == {category.value for category in Category}
    assert all(item.ground for item in line.decisions)


def test_nothing_is_erased_under_a_legal_hold(olga: User, rita: User, asha: User, old_record: PatientCard) -> None:
    with pytest.raises(Refused):
        erasing.set_legal_hold(actor=rita, patient_id=old_record.id, held=True, reason="Case 12")
    with pytest.raises(Invalid):
        erasing.set_legal_hold(actor=olga, patient_id=old_record.id, held=True, reason="  ")
    erasing.set_legal_hold(actor=olga, patient_id=old_record.id, held=True, reason="Case 12")
    assert DataProtection.objects.get().hold_reason == "Case 12"
    assert facts_of(old_record.id).legal_hold
    request_id = erasing.request_erasure(actor=asha, patient_id=old_record.id)
    with pytest.raises(Invalid):
        erasing.decide_erasure(actor=olga, request_id=request_id, answers=answers(olga, request_id, record="erase"))
    erasing.set_legal_hold(actor=olga, patient_id=old_record.id, held=False)
    erasing.decide_erasure(actor=olga, request_id=request_id, answers=answers(olga, request_id))


def test_who_works_here_keeps_their_account(olga: User, asha: User, asha_card: PatientCard) -> None:
    User.objects.filter(id=asha.id).update(is_staff=True)
    row = decided(olga, asha_card, asha)
    assert erasing.run_erasure(row.id)
    asha.refresh_from_db()
    assert asha.is_active
    assert Patient.objects.get(id=asha_card.id).user_id is None
