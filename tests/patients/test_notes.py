"""Clinical notes: nothing typed is lost, nothing signed changes, nobody overwrites what they have not seen."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.cache import record_scope, remember
from medisecure.kernel.errors import Conflict, DomainError, Invalid, NotFound, Refused
from medisecure.kernel.ids import new_id
from patients import notes, services
from patients.interface import PatientCard, PractitionerCard
from patients.models import ClinicalNote, Encounter, MedicalRecord, NoteDraft, NoteVersion
from patients.rules import notes as rules
from patients.services import NoteConflict, NoteHead, NoteState
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

#: Right-to-left, letters made of several characters, blanks at both ends, an emoji of four code points.
AWKWARD = "  שלום e\u0301tait \u202bعربي\u202c \tà jeun 👩🏽‍⚕️ \n\nfin  "


def draft(actor: User, patient_id: UUID, text: str = "Tousse depuis trois jours.", **head: object) -> NoteState:
    return services.save_draft(
        actor=actor,
        patient_id=patient_id,
        note_id=new_id(),
        version=0,
        text=text,
        head=NoteHead(**head),  # type: ignore[arg-type]
    )


def signed(actor: User, patient_id: UUID, text: str = "Tousse depuis trois jours.", **head: object) -> NoteState:
    made = draft(actor, patient_id, text, **head)
    return services.sign_note(actor=actor, patient_id=patient_id, note_id=made.id, version=1, text=text)


def read(actor: User, patient_id: UUID, note_id: UUID) -> notes.NoteView:
    return notes.open_note(actor=actor, patient_id=patient_id, note_id=note_id)


# --- Drafts -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", [AWKWARD, "x" * 100_000, "", "Zażółć\n" * 1000])
def test_a_draft_is_kept_character_by_character(dr_bose: User, care: UUID, text: str) -> None:
    made = draft(dr_bose, care, text)
    assert read(dr_bose, care, made.id).draft == text
    services.sign_note(actor=dr_bose, patient_id=care, note_id=made.id, version=1, text=text or "x")
    assert NoteVersion.objects.get().text == (text or "x")


def test_a_line_end_is_one_character_whatever_the_browser_sends(dr_bose: User, care: UUID) -> None:
    assert read(dr_bose, care, draft(dr_bose, care, "a\r\nb\rc").id).draft == "a\nb\nc"


@pytest.mark.parametrize("text", ["a\0b", "\ud83d", "x" * (rules.LONGEST_NOTE + 1), "é" * 5_000_000])
def test_what_cannot_be_stored_is_refused_with_the_field(dr_bose: User, care: UUID, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        draft(dr_bose, care, text)
    assert list(caught.value.errors) == ["text"]
    assert not ClinicalNote.objects.exists()


def test_the_same_save_twice_is_one_note_and_one_version(dr_bose: User, care: UUID) -> None:
    note_id = new_id()
    for _time in range(2):
        state = services.save_draft(actor=dr_bose, patient_id=care, note_id=note_id, version=0, text="one")
        assert state.version == 1
    for _time in range(2):
        state = services.save_draft(actor=dr_bose, patient_id=care, note_id=note_id, version=1, text="one two")
        assert state.version == 2
    assert ClinicalNote.objects.count() == 1


def test_a_colleagues_save_is_answered_with_their_text_and_nothing_is_overwritten(
    dr_bose: User, nurse_chen: User, care: UUID
) -> None:
    made = draft(dr_bose, care, "begun by Bose")
    services.save_draft(actor=nurse_chen, patient_id=care, note_id=made.id, version=1, text="and Chen")
    with pytest.raises(NoteConflict) as caught:
        services.save_draft(actor=dr_bose, patient_id=care, note_id=made.id, version=1, text="begun by Bose, more")
    assert (caught.value.text, caught.value.version, caught.value.saved_name) == ("and Chen", 2, nurse_chen.full_name)
    assert ClinicalNote.objects.get().draft == "and Chen"


def test_another_tab_of_the_same_person_is_a_conflict_too(dr_bose: User, care: UUID) -> None:
    made = draft(dr_bose, care, "one")
    services.save_draft(
        actor=dr_bose, patient_id=care, note_id=made.id, version=1, text="one, left tab", page_id=new_id()
    )
    with pytest.raises(NoteConflict):
        services.save_draft(actor=dr_bose, patient_id=care, note_id=made.id, version=1, text="right", page_id=new_id())


def test_a_save_whose_answer_was_lost_is_no_conflict_with_itself(dr_bose: User, care: UUID) -> None:
    note_id, page_id = new_id(), new_id()
    for text in ("first", "first, more", "first, more, still no answer"):
        services.save_draft(actor=dr_bose, patient_id=care, note_id=note_id, version=0, text=text, page_id=page_id)
    assert ClinicalNote.objects.get().draft == "first, more, still no answer"


def test_a_colleagues_draft_that_gives_way_is_kept(dr_bose: User, nurse_chen: User, care: UUID) -> None:
    made = draft(dr_bose, care, "Bose's words")
    services.save_draft(actor=nurse_chen, patient_id=care, note_id=made.id, version=1, text="Chen's words")
    assert [found.text for found in read(dr_bose, care, made.id).earlier_drafts] == ["Bose's words"]


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_of_two_who_save_at_once_one_wins_and_the_other_gets_the_text(
    dr_bose: User, nurse_chen: User, care: UUID
) -> None:
    made = draft(dr_bose, care, "before")
    start, results = threading.Barrier(2), []

    def save(actor: User) -> None:
        start.wait()
        try:
            services.save_draft(actor=actor, patient_id=care, note_id=made.id, version=1, text=actor.full_name)
            results.append("saved")
        except NoteConflict as conflict:
            results.append(conflict.text)
        finally:
            connection.close()

    threads = [threading.Thread(target=save, args=(actor,)) for actor in (dr_bose, nurse_chen)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = ClinicalNote.objects.get().draft
    assert sorted(results, key=lambda text: text != "saved") == ["saved", kept]


# --- Who --------------------------------------------------------------------------------------------------------------
def test_dan_and_a_doctor_who_does_not_treat_them_find_nothing(
    dan: User, dr_bose: User, nurse_chen: User, bose_card: PractitionerCard, care: UUID, dan_card: PatientCard
) -> None:
    made = signed(dr_bose, care)
    with pytest.raises(NotFound):
        read(dan, care, made.id)
    with pytest.raises(NotFound):
        draft(dr_bose, dan_card.id)
    # A note of Asha's under Dan's address: not even whoever may read both finds it there.
    for attempt in (
        lambda: notes.note_view(nurse_chen, dan_card.id, made.id),
        lambda: services.save_draft(actor=nurse_chen, patient_id=dan_card.id, note_id=made.id, version=2, text="x"),
    ):
        with pytest.raises(NotFound):
            attempt()


@pytest.mark.parametrize("who", ["rita", "carol", "alice", "olga", "asha"])
def test_nobody_else_writes(request: pytest.FixtureRequest, who: str, care: UUID) -> None:
    with pytest.raises(Refused):
        draft(request.getfixturevalue(who), care)
    assert not ClinicalNote.objects.exists()


def test_a_note_of_one_patient_is_not_written_under_another(
    dr_bose: User, bose_card: PractitionerCard, care: UUID, dan_card: PatientCard, in_care: CareOf
) -> None:
    in_care(dan_card, bose_card)
    made = draft(dr_bose, care)
    for version in (0, 1):
        with pytest.raises(NotFound):
            services.save_draft(actor=dr_bose, patient_id=dan_card.id, note_id=made.id, version=version, text="Dan's")
    assert ClinicalNote.objects.get().draft == "Tousse depuis trois jours."


def test_the_patient_reads_signed_notes_of_their_kinds_only(asha: User, dr_bose: User, care: UUID) -> None:
    letter = signed(dr_bose, care, "Cher confrère", kind="letter")
    hidden = [
        signed(dr_bose, care, "Équipe", kind="nursing"),
        draft(dr_bose, care, "Brouillon", kind="letter"),
    ]
    gone = signed(dr_bose, care, "Erreur", kind="letter")
    services.withdraw_note(actor=dr_bose, patient_id=care, note_id=gone.id, version=2, reason="Autre patient")
    found = notes.notes_of(actor=asha, patient_id=care, wanted=notes.NoteFilter(), purpose="self")
    assert [row.id for row in found] == [letter.id]
    services.save_draft(actor=dr_bose, patient_id=care, note_id=letter.id, version=2, text="Cher confrère, ajout")
    view = read(asha, care, letter.id)
    assert (view.text, view.draft, view.earlier_drafts) == ("Cher confrère", None, ())
    for state in (*hidden, gone):
        with pytest.raises(NotFound):
            read(asha, care, state.id)


# --- Signatures -------------------------------------------------------------------------------------------------------
def test_signing_freezes_the_text_and_the_record_gets_a_new_version(
    dr_bose: User, care: UUID, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    before = MedicalRecord.objects.get(patient_id=care).version
    remember(record_scope(care), 60, lambda: "old copy")
    with django_capture_on_commit_callbacks(execute=True):
        made = signed(dr_bose, care)
    view = read(dr_bose, care, made.id)
    assert (view.line.status, view.draft, [found.number for found in view.versions]) == ("final", None, [1])
    assert view.versions[0].signed_name == dr_bose.full_name
    assert MedicalRecord.objects.get(patient_id=care).version == before + 1
    assert remember(record_scope(care), 60, lambda: "new copy")[0] == "new copy"


def test_only_the_author_signs(dr_bose: User, nurse_chen: User, care: UUID) -> None:
    made = draft(dr_bose, care)
    with pytest.raises(Conflict):
        services.sign_note(actor=nurse_chen, patient_id=care, note_id=made.id, version=1, text="x")
    assert not NoteVersion.objects.exists()


def test_an_empty_note_is_not_signed(dr_bose: User, care: UUID) -> None:
    with pytest.raises(Invalid):
        services.sign_note(actor=dr_bose, patient_id=care, note_id=new_id(), version=0, text=" \n ")


def test_pressing_sign_twice_signs_once(dr_bose: User, care: UUID) -> None:
    note_id = new_id()
    for _time in range(2):
        services.sign_note(actor=dr_bose, patient_id=care, note_id=note_id, version=0, text="Une fois.")
    assert NoteVersion.objects.count() == 1


def test_an_amendment_is_a_new_version_with_its_reason_and_the_old_stays(dr_bose: User, care: UUID) -> None:
    made = signed(dr_bose, care, "38,2 °C")
    started = services.save_draft(actor=dr_bose, patient_id=care, note_id=made.id, version=2, text="39,2 °C")
    assert read(dr_bose, care, made.id).text == "38,2 °C", "until it is signed the old text counts"
    arguments = {"actor": dr_bose, "patient_id": care, "note_id": made.id, "version": started.version}
    with pytest.raises(Invalid) as caught:
        services.sign_note(**arguments, text="39,2 °C")  # type: ignore[arg-type]
    assert list(caught.value.errors) == ["reason"]
    services.sign_note(**arguments, text="39,2 °C", reason="Faute de frappe")  # type: ignore[arg-type]
    view = read(dr_bose, care, made.id)
    assert view.line.status == "amended"
    assert [(found.number, found.text, found.reason) for found in view.versions] == [
        (2, "39,2 °C", "Faute de frappe"),
        (1, "38,2 °C", ""),
    ]


def test_nobody_amends_anothers_note_and_what_it_is_about_stays(dr_bose: User, nurse_chen: User, care: UUID) -> None:
    made = signed(dr_bose, care, kind="letter")
    with pytest.raises(Conflict):
        services.save_draft(actor=nurse_chen, patient_id=care, note_id=made.id, version=2, text="hers")
    services.save_draft(
        actor=dr_bose, patient_id=care, note_id=made.id, version=2, text="his", head=NoteHead(kind="nursing")
    )
    assert ClinicalNote.objects.get().kind == "letter"


def test_an_amendment_that_is_dropped_stays_with_the_drafts(dr_bose: User, care: UUID) -> None:
    made = signed(dr_bose, care, "as signed")
    started = services.save_draft(actor=dr_bose, patient_id=care, note_id=made.id, version=2, text="half a thought")
    services.drop_amendment(actor=dr_bose, patient_id=care, note_id=made.id, version=started.version)
    view = read(dr_bose, care, made.id)
    assert (view.draft, view.text, [found.text for found in view.earlier_drafts]) == (
        None,
        "as signed",
        ["half a thought"],
    )


def test_a_withdrawn_note_is_still_there_with_the_reason(dr_bose: User, nurse_chen: User, care: UUID) -> None:
    made = signed(nurse_chen, care, "of somebody else")
    services.withdraw_note(actor=dr_bose, patient_id=care, note_id=made.id, version=2, reason="Mauvais patient")
    view = read(nurse_chen, care, made.id)
    assert (view.line.status, view.text, view.versions[0].reason) == (
        "entered-in-error",
        "of somebody else",
        "Mauvais patient",
    )
    with pytest.raises(DomainError):
        services.save_draft(actor=nurse_chen, patient_id=care, note_id=made.id, version=3, text="again")


def test_a_nurse_does_not_withdraw_a_doctors_note_and_nobody_without_a_reason(
    dr_bose: User, nurse_chen: User, care: UUID
) -> None:
    made = signed(dr_bose, care)
    with pytest.raises(Conflict):
        services.withdraw_note(actor=nurse_chen, patient_id=care, note_id=made.id, version=2, reason="x")
    with pytest.raises(Invalid):
        services.withdraw_note(actor=dr_bose, patient_id=care, note_id=made.id, version=2, reason="  ")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE note_versions SET text = 'other'",
        "DELETE FROM note_versions",
        "UPDATE note_drafts SET text = 'other'",
        "UPDATE clinical_notes SET status = 'preliminary'",
        "UPDATE clinical_notes SET kind = 'nursing'",
        "UPDATE clinical_notes SET occurred_at = created_at",
        "DELETE FROM clinical_notes",
    ],
)
def test_the_database_itself_refuses_to_change_what_was_signed(
    dr_bose: User, nurse_chen: User, care: UUID, statement: str
) -> None:
    made = draft(dr_bose, care, "first", occurred_at=clock.now() - timedelta(days=1))
    services.save_draft(actor=nurse_chen, patient_id=care, note_id=made.id, version=1, text="second")
    services.sign_note(actor=dr_bose, patient_id=care, note_id=made.id, version=2, text="second")
    with pytest.raises(DatabaseError, match="signed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert NoteVersion.objects.get().text == "second"
    assert NoteDraft.objects.get().text == "first"


def test_a_merge_may_move_a_signed_note_to_the_patient_who_stays(
    dr_bose: User, care: UUID, dan_card: PatientCard
) -> None:
    made = signed(dr_bose, care)
    assert ClinicalNote.objects.filter(id=made.id).update(patient_id=dan_card.id) == 1


# --- Dates, search, log -----------------------------------------------------------------------------------------------
def test_the_date_of_care_is_possible(dr_bose: User, care: UUID) -> None:
    for at in (clock.now() + timedelta(days=1), clock.now().replace(year=1979)):
        with pytest.raises(Invalid) as caught:
            draft(dr_bose, care, occurred_at=at)
        assert list(caught.value.errors) == ["occurred_at"]


def test_an_encounter_of_another_patient_is_none(dr_bose: User, care: UUID, dan_card: PatientCard) -> None:
    other = Encounter.objects.create(patient_id=dan_card.id)
    with pytest.raises(Invalid) as caught:
        draft(dr_bose, care, encounter_id=other.id)
    assert list(caught.value.errors) == ["encounter_id"]


def test_notes_are_found_by_words_kind_author_and_date(dr_bose: User, nurse_chen: User, care: UUID) -> None:
    now = clock.now()
    old = signed(dr_bose, care, "Dyspnée d'effort", kind="letter", occurred_at=now - timedelta(days=400))
    new = signed(nurse_chen, care, "Pansement propre", kind="nursing")
    open_draft = draft(dr_bose, care, "Dyspnée au repos")

    def found(**wanted: object) -> set[UUID]:
        rows = notes.notes_of(
            actor=dr_bose,
            patient_id=care,
            wanted=notes.NoteFilter(**wanted),  # type: ignore[arg-type]
        )
        return {notes.note_line(row).id for row in rows}

    assert found() == {old.id, new.id, open_draft.id}
    assert found(words="DYSPNEE") == {old.id, open_draft.id}
    assert found(words="dysp effort") == {old.id}
    assert found(kind="nursing") == {new.id}
    assert found(author_id=nurse_chen.id) == {new.id}
    assert found(until=(now - timedelta(days=300)).date()) == {old.id}
    assert found(since=(now - timedelta(days=300)).date()) == {new.id, open_draft.id}
    assert found(words="yspnée") == set(), "words are found from their beginning"


def test_each_read_and_write_is_in_the_log_and_no_text_is(dr_bose: User, care: UUID) -> None:
    made = signed(dr_bose, care, "Secret")
    read(dr_bose, care, made.id)
    entries = AccessEntry.objects.filter(patient_id=care, actor_id=dr_bose.id).order_by("id")
    assert [(entry.action, entry.resource, entry.resource_id) for entry in entries] == [
        ("write", "note", str(made.id)),
        ("write", "note", str(made.id)),
        ("view", "note", str(made.id)),
    ]


def test_an_attempt_that_ends_in_a_conflict_is_in_the_log(dr_bose: User, care: UUID) -> None:
    made = draft(dr_bose, care)
    before = AccessEntry.objects.count()
    with pytest.raises(NoteConflict):
        services.save_draft(actor=dr_bose, patient_id=care, note_id=made.id, version=7, text="x")
    assert AccessEntry.objects.count() == before + 1
