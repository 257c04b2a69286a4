"""Two files become one and two again: what moves in each database, who may, and that nothing is lost on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

import appointments.services.merging as visits
import billing.services.merging as drafts
from appointments.interface import book, cancel, move
from appointments.models import Appointment, OccupancyCell
from billing.interface import invoices_for_patient
from billing.models import Invoice
from billing.services import create_draft
from medisecure.accounts.interface import create_user
from medisecure.accounts.models import User
from medisecure.accounts.roles import Role
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock, outbox
from medisecure.kernel.databases import ALIASES
from medisecure.kernel.errors import Conflict, Invalid, Merged, NotFound, Refused
from medisecure.kernel.events import Event, consumers_of
from patients import moves
from patients.interface import (
    Contact,
    PatientCard,
    PractitionerCard,
    access_identity,
    follow,
    medical_record,
    patient_by_record_number,
    patient_card,
    patient_for_user,
    same_patient_ids,
    search_patients,
    update_contact,
)
from patients.models import Allergy, CareRelation, Condition, Merge, MergeMove, MergeStep, Patient
from patients.services import merge_preview, merging
from tests.appointments.fixtures import at, make_calendar
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES
from tests.patients.clinical import known, small_record, store
from tests.patients.merging import picture, second_file
from tests.patients.test_admin import page, signed_in
from tests.support import api, deliver_events, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture
def twin(asha_card: PatientCard) -> PatientCard:
    """A second file of Asha's."""
    return second_file()


def start(actor: User, survivor: PatientCard, loser: PatientCard, **changes: Any) -> Merge:
    values: dict[str, Any] = {"reason": "registered twice", **changes}
    merge = merging.merge_patients(actor=actor, survivor_id=survivor.id, loser_id=loser.id, **values)
    cache.clear()  # this test's transaction never commits, at which cards are dropped: see below for that
    return merge


def done(actor: User, survivor: PatientCard, loser: PatientCard, **changes: Any) -> Merge:
    merge = start(actor, survivor, loser, **changes)
    deliver_events()
    merge.refresh_from_db()
    assert merge.status == "done"
    return merge


def taken_back(actor: User, merge: Merge) -> None:
    merging.unmerge_patients(actor=actor, merge_id=merge.id, reason="two people after all")
    deliver_events()
    merge.refresh_from_db()
    assert merge.status == "undone"


@pytest.fixture
def lives(
    rita: User,
    carol: User,
    asha_card: PatientCard,
    twin: PatientCard,
    bose_card: PractitionerCard,
    calendar_id: UUID,
    price_list: None,
    issued: MakeInvoice,
    draft: MakeInvoice,
) -> None:
    """Both files have visits (two at the same time), a record, drafts and issued invoices."""
    for patient, wall in ((asha_card, "09:00"), (twin, "10:00"), (twin, "15:00")):
        book(
            actor=rita,
            practitioner_id=bose_card.id,
            type_code="consultation",
            start=at(wall),
            patient_id=patient.id,
        )
    store(small_record(known(twin.id)))
    for patient in (asha_card, twin):
        draft(patient_id=patient.id)
        issued(patient_id=patient.id)
    deliver_events()


# --- What moves -------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("lives")
def test_everything_of_the_loser_is_the_survivors(
    rita: User, carol: User, dr_bose: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    merge = done(rita, asha_card, twin)
    assert Appointment.objects.filter(patient_id=asha_card.id).count() == 3
    assert not Appointment.objects.filter(patient_id=twin.id).exists()
    assert not OccupancyCell.objects.filter(key__startswith=f"patient:{twin.id}").exists()
    record, _kept = medical_record(actor=dr_bose, patient_id=asha_card.id, purpose="care")
    assert [row["display"] for row in record["conditions"]] == ["Hypertension"]
    assert Invoice.objects.filter(patient_id=asha_card.id, status="draft").count() == 2
    steps = {step.part: step.moved for step in merge.steps.all()}
    assert steps["appointments"] == 2
    assert steps["billing"] == 1
    assert steps["record"] == MergeMove.objects.filter(merge=merge).exclude(model="patients.Patient").count() > 10


@pytest.mark.usefixtures("lives")
def test_issued_invoices_stay_as_they_are_and_are_read_by_both_ids(
    rita: User, carol: User, asha: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    before = list(Invoice.objects.issued().order_by("id").values())
    done(rita, asha_card, twin)
    assert list(Invoice.objects.issued().order_by("id").values()) == before
    assert len(invoices_for_patient(actor=asha, patient_id=asha_card.id)) == 2
    assert len(invoices_for_patient(actor=carol, patient_id=asha_card.id)) == 4


@pytest.mark.usefixtures("lives")
def test_merge_then_unmerge_is_what_was_before(rita: User, asha_card: PatientCard, twin: PatientCard) -> None:
    before = picture(asha_card.id, twin.id)
    merge = done(rita, asha_card, twin, taken=["phone", "city", "family_name"])
    assert picture(asha_card.id, twin.id) != before
    taken_back(rita, merge)
    assert picture(asha_card.id, twin.id) == before


def test_details_are_taken_over_by_choice(rita: User, asha_card: PatientCard, twin: PatientCard) -> None:
    merge = done(rita, asha_card, twin, taken=["phone", "family_name"])
    patient = Patient.objects.get(id=asha_card.id)
    assert (patient.family_name, patient.phone, patient.city) == ("Roa", "06 39 98 00 01", "Lyon")
    assert [row.id for row in search_patients(rita, "roa")] == [asha_card.id]
    assert [row.id for row in search_patients(rita, "0639980001")] == [asha_card.id]
    taken_back(rita, merge)
    assert [row.id for row in search_patients(rita, "rao")] == [asha_card.id]


def test_a_detail_that_was_changed_since_stays(rita: User, asha_card: PatientCard, twin: PatientCard) -> None:
    merge = done(rita, asha_card, twin, taken=["city"])
    version = Patient.objects.get(id=asha_card.id).version
    update_contact(
        actor=rita, patient_id=asha_card.id, version=version, contact=Contact(city="Paris", email=asha_card.email)
    )
    taken_back(rita, merge)
    assert Patient.objects.get(id=asha_card.id).city == "Paris"
    assert MergeMove.objects.get(merge=merge, field="city").kept


@pytest.mark.usefixtures("lives")
def test_what_was_added_since_stays_with_the_survivor(
    rita: User, carol: User, bose_card: PractitionerCard, asha_card: PatientCard, twin: PatientCard
) -> None:
    merge = done(rita, asha_card, twin)
    visit = book(
        actor=rita,
        practitioner_id=bose_card.id,
        type_code="check",
        start=at("11:00"),
        patient_id=asha_card.id,
    )
    invoice = create_draft(actor=carol, patient_id=asha_card.id)
    deliver_events()
    taken_back(rita, merge)
    assert Appointment.objects.get(id=visit.id).patient_id == asha_card.id
    assert Invoice.objects.get(id=invoice.id).patient_id == asha_card.id
    assert Appointment.objects.filter(patient_id=twin.id).count() == 2


# --- Two at the same time ---------------------------------------------------------------------------------------------
def test_visits_at_the_same_time_both_stay_and_are_named(
    rita: User,
    asha_card: PatientCard,
    twin: PatientCard,
    bose_card: PractitionerCard,
    chen_card: PractitionerCard,
    calendar_id: UUID,
) -> None:
    make_calendar(chen_card.id)
    for patient, practitioner in ((asha_card, bose_card), (twin, chen_card)):
        book(
            actor=rita,
            practitioner_id=practitioner.id,
            type_code="consultation",
            start=at("09:00"),
            patient_id=patient.id,
        )
    deliver_events()
    before = picture(asha_card.id, twin.id)
    preview = merge_preview.preview(actor=rita, survivor_id=asha_card.id, loser_id=twin.id)
    assert any("09:00" in text for part in preview.parts for text in part.conflicts)
    merge = done(rita, asha_card, twin)
    assert Appointment.objects.filter(patient_id=asha_card.id, status="booked").count() == 2
    assert merge.steps.get(part="appointments", undo=False).kept == 1
    taken_back(rita, merge)
    assert picture(asha_card.id, twin.id) == before


def test_a_visit_that_went_without_time_can_be_moved_and_cancelled(
    rita: User,
    asha_card: PatientCard,
    twin: PatientCard,
    bose_card: PractitionerCard,
    chen_card: PractitionerCard,
    calendar_id: UUID,
) -> None:
    make_calendar(chen_card.id)
    ids = [
        book(
            actor=rita,
            practitioner_id=practitioner.id,
            type_code="consultation",
            start=at("09:00"),
            patient_id=patient.id,
        ).id
        for patient, practitioner in ((asha_card, bose_card), (twin, chen_card))
    ]
    merge = done(rita, asha_card, twin)
    move(actor=rita, appointment_id=ids[1], start=at("16:00"))
    cancel(actor=rita, appointment_id=ids[0])
    taken_back(rita, merge)
    assert Appointment.objects.get(id=ids[1]).patient_id == twin.id
    keys = OccupancyCell.objects.filter(appointment_id=ids[1]).values_list("key", flat=True)
    assert sum(key.startswith(f"patient:{twin.id}") for key in keys) == 6


# --- The old file -----------------------------------------------------------------------------------------------------
def test_the_old_number_and_the_old_id_lead_to_the_new_file(
    client: Client, rita: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    done(rita, asha_card, twin)
    assert [row.id for row in search_patients(rita, twin.record_number)] == [asha_card.id]
    assert patient_by_record_number(twin.record_number) == asha_card.id
    assert patient_card(twin.id).id == asha_card.id
    assert [row.id for row in search_patients(rita, "asha")] == [asha_card.id]
    answer = api(rita).get(f"/api/patients/{twin.id}")
    assert answer.status_code == 301
    assert answer["Location"] == f"/api/patients/{asha_card.id}"
    assert answer.json()["merged_into"] == str(asha_card.id)
    response = signed_in(client, rita).get(page(twin.id), follow=True)
    assert response.redirect_chain[0][0] == page(asha_card.id)
    assert "fusionné" in response.content.decode()


def test_who_may_not_see_the_new_file_is_not_led_to_it(
    dan: User, dan_card: PatientCard, rita: User, dr_bose: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    done(rita, asha_card, twin)
    for outsider in (dan, dr_bose):
        problem(api(outsider).get(f"/api/patients/{twin.id}"), 404, "not-found")


def test_nobody_writes_on_the_old_file_from_the_first_moment(
    rita: User, carol: User, asha_card: PatientCard, twin: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    start(rita, asha_card, twin)
    with pytest.raises(Merged):
        update_contact(actor=rita, patient_id=twin.id, version=2, contact=Contact(city="Nice"))
    with pytest.raises(Merged):
        book(actor=rita, practitioner_id=bose_card.id, type_code="check", start=at("09:00"), patient_id=twin.id)
    with pytest.raises(Merged):
        create_draft(actor=carol, patient_id=twin.id)
    with pytest.raises(Merged) as caught:
        access_identity(actor=rita, patient_id=twin.id, purpose="identity")
    assert caught.value.into == asha_card.id


def test_a_second_merge_points_the_first_one_on_and_both_are_taken_back_in_turn(
    rita: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    third = second_file(family_name="Raao", city="Vaulx")
    before = picture(asha_card.id, twin.id, third.id)
    first = done(rita, twin, third)
    second = done(rita, asha_card, twin)
    assert follow(third.id) == asha_card.id
    assert same_patient_ids(third.id) == {asha_card.id, twin.id, third.id}
    with pytest.raises(Conflict):
        merging.unmerge_patients(actor=rita, merge_id=first.id, reason="x")
    taken_back(rita, second)
    assert follow(third.id) == twin.id
    taken_back(rita, first)
    assert picture(asha_card.id, twin.id, third.id) == before


def test_an_import_of_the_old_file_goes_into_the_new_one(rita: User, asha_card: PatientCard, twin: PatientCard) -> None:
    source_id = known(twin.id)
    done(rita, asha_card, twin)
    store(small_record(source_id))
    assert Condition.objects.filter(patient_id=asha_card.id).count() == 2
    assert not Condition.objects.filter(patient_id=twin.id).exists()


# --- Accounts ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def twin_user(db: None) -> User:
    return create_user(email="asha2@example.org", full_name="Asha Roa", role=Role.PATIENT, password=None)


@pytest.mark.parametrize(("choice", "kept"), [("survivor", 0), ("loser", 1), ("none", None)])
def test_one_account_is_kept_and_the_other_closed(
    rita: User, asha: User, asha_card: PatientCard, twin_user: User, choice: str, kept: int | None
) -> None:
    loser = second_file(user_id=twin_user.id)
    before = picture(asha_card.id, loser.id)
    merge = done(rita, asha_card, loser, account=choice)
    users = [asha.id, twin_user.id]
    for place, user_id in enumerate(users):
        assert patient_for_user(user_id) == (asha_card.id if place == kept else None)
        assert User.objects.get(id=user_id).is_active == (place == kept)
    taken_back(rita, merge)
    assert picture(asha_card.id, loser.id) == before


def test_the_only_account_signs_in_as_the_survivor(rita: User, dan_card: PatientCard, dan: User) -> None:
    survivor = second_file()
    merge = done(rita, survivor, dan_card)
    assert patient_for_user(dan.id) == survivor.id
    assert api(dan).get("/api/patients/me").json()["id"] == str(survivor.id)
    taken_back(rita, merge)
    assert patient_for_user(dan.id) == dan_card.id


def test_an_account_that_somebody_works_with_is_not_closed(rita: User, asha_card: PatientCard, dr_bose: User) -> None:
    loser = second_file(user_id=dr_bose.id)
    done(rita, asha_card, loser)
    dr_bose.refresh_from_db()
    assert dr_bose.is_active
    assert patient_for_user(dr_bose.id) is None


# --- The log ----------------------------------------------------------------------------------------------------------
def test_both_files_have_their_entries_and_the_patient_sees_those_of_both(
    client: Client, rita: User, asha: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    access_identity(actor=rita, patient_id=twin.id, purpose="identity")
    rows = list(AccessEntry.objects.order_by("id").values())
    merge = done(rita, asha_card, twin)
    taken_back(rita, merge)
    for patient_id in (asha_card.id, twin.id):
        actions = AccessEntry.objects.filter(patient_id=patient_id, actor_id=rita.id).values_list("action", flat=True)
        assert {"merge", "unmerge"} <= set(actions)
    assert list(AccessEntry.objects.order_by("id").values())[: len(rows)] == rows


def test_who_opened_my_record_shows_both_files(
    client: Client, rita: User, asha: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    access_identity(actor=rita, patient_id=twin.id, purpose="portal access")
    signed_in(client, asha)
    assert "Accès au portail" not in client.get(reverse("access")).content.decode()
    done(rita, asha_card, twin)
    signed_in(client, asha)
    assert "Accès au portail" in client.get(reverse("access")).content.decode()


# --- Who may, and what cannot be --------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ["dan", "dr_bose", "nurse_chen", "carol", "olga"])
def test_others_do_not_merge(
    request: pytest.FixtureRequest, rita: User, who: str, asha_card: PatientCard, twin: PatientCard
) -> None:
    actor: User = request.getfixturevalue(who)
    with pytest.raises(Refused):
        start(actor, asha_card, twin)
    merge = done(rita, asha_card, twin)
    with pytest.raises(Refused):
        merging.unmerge_patients(actor=actor, merge_id=merge.id, reason="x")


def test_the_administrator_merges(alice: User, asha_card: PatientCard, twin: PatientCard) -> None:
    done(alice, asha_card, twin)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"taken": ["record_number"]}, "taken"),
        ({"taken": ["user"]}, "taken"),
        ({"account": "mine"}, "account"),
    ],
)
def test_bad_input_names_its_field(
    rita: User, asha_card: PatientCard, twin: PatientCard, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        start(rita, asha_card, twin, **changes)
    assert list(caught.value.errors) == [field]
    assert not Merge.objects.exists()


def test_a_file_is_not_merged_into_itself_nor_twice(rita: User, asha_card: PatientCard, twin: PatientCard) -> None:
    with pytest.raises(Invalid):
        start(rita, asha_card, asha_card)
    start(rita, asha_card, twin)
    with pytest.raises(Merged):
        start(rita, asha_card, twin)
    with pytest.raises(Merged):
        start(rita, twin, asha_card)
    third = second_file()
    with pytest.raises(Conflict):  # asha's file is still receiving what was the twin's
        start(rita, third, asha_card)


def test_a_merge_under_way_is_not_taken_back_and_none_twice(
    rita: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    merge = start(rita, asha_card, twin)
    with pytest.raises(Conflict):
        merging.unmerge_patients(actor=rita, merge_id=merge.id, reason="x")
    deliver_events()
    taken_back(rita, merge)
    with pytest.raises(Conflict):
        merging.unmerge_patients(actor=rita, merge_id=merge.id, reason="x")


def test_there_is_no_such_merge_or_patient(rita: User, asha_card: PatientCard, twin: PatientCard) -> None:
    with pytest.raises(NotFound):
        merging.unmerge_patients(actor=rita, merge_id=asha_card.id, reason="x")
    with pytest.raises(NotFound):
        merging.merge_patients(actor=rita, survivor_id=asha_card.id, loser_id=rita.id, reason="x")


# --- Interrupted ------------------------------------------------------------------------------------------------------
def pending() -> list[tuple[str, Any, Any]]:
    """What the worker has to do: (database, event row, consumer)."""
    return [
        (alias, row, consumer)
        for alias in ALIASES
        for row in outbox.pending(alias)
        for consumer in consumers_of(row.name)
    ]


def deliver(steps: int) -> int:
    """Give events to consumers, one by one, and stop after so many, as if the worker was killed there: an event of
    which not all consumers had it stays unpublished. Returns how many were given."""
    given = 0
    while True:
        todo = [
            (alias, row, consumer)
            for alias, row, consumer in pending()
            if not outbox.inbox(consumer.database).objects.filter(event_id=row.id, consumer=consumer.name).exists()
        ]
        if not todo or given == steps:
            return given
        _alias, row, consumer = todo[0]
        outbox.consume(consumer, Event(UUID(str(row.id)), row.name, row.payload))
        given += 1


@pytest.mark.usefixtures("lives")
@pytest.mark.parametrize("steps", range(5))
def test_killed_between_any_two_steps_it_goes_on(
    rita: User, asha_card: PatientCard, twin: PatientCard, steps: int
) -> None:
    before = picture(asha_card.id, twin.id)
    merge = start(rita, asha_card, twin)
    deliver(steps)
    deliver_events()
    after = picture(asha_card.id, twin.id)
    merge.refresh_from_db()
    assert merge.status == "done"
    assert not any(one for name, one in after.items() if name.endswith(f" of {twin.id}") and "merged_into" not in name)
    merging.unmerge_patients(actor=rita, merge_id=merge.id, reason="x")
    deliver(steps)
    deliver_events()
    assert picture(asha_card.id, twin.id) == before


@pytest.mark.usefixtures("lives")
@pytest.mark.parametrize("part", ["appointments", "billing"])
def test_killed_in_the_middle_of_a_part_nothing_of_it_is_there(
    rita: User, asha_card: PatientCard, twin: PatientCard, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = {"appointments": visits, "billing": drafts}[part]
    start(rita, asha_card, twin)
    before = picture(asha_card.id, twin.id)
    answer = module._answer

    def die(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_answer", die)
    name = f"{module.__name__.split('.')[0]}.tasks"
    step = next(one for one in pending() if one[2].handle.__module__ == name and one[1].name == "patient.merge_started")
    with pytest.raises(KeyboardInterrupt):
        outbox.consume(step[2], Event(UUID(str(step[1].id)), step[1].name, step[1].payload))
    assert picture(asha_card.id, twin.id) == before
    monkeypatch.setattr(module, "_answer", answer)
    deliver_events()
    assert Merge.objects.get().status == "done"


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now() + timedelta(minutes=2)
    monkeypatch.setattr(clock, "now", lambda: now)


def lose_events() -> None:
    """The broker lost what it had, or gave up on it."""
    for alias in ALIASES:
        outbox.outbox(alias).objects.filter(published_at=None).update(published_at=clock.now())


@pytest.mark.usefixtures("lives")
def test_an_order_that_got_lost_is_given_again(
    rita: User, asha_card: PatientCard, twin: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = start(rita, asha_card, twin)
    lose_events()
    assert merging.resume() == 0  # it has its minute
    later(monkeypatch)
    assert merging.resume() == 1
    deliver_events()
    merge.refresh_from_db()
    assert merge.status == "done"


@pytest.mark.usefixtures("lives")
def test_a_second_look_picks_up_what_was_being_written(
    rita: User, asha_card: PatientCard, twin: PatientCard, bose_card: PractitionerCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that had passed the door before the merge write on the old id after it."""
    before = picture(asha_card.id, twin.id)
    merge = done(rita, asha_card, twin)
    Allergy.objects.create(patient_id=twin.id, display="late")
    late = Appointment.objects.filter(patient_id=asha_card.id).order_by("-start")[0]
    Appointment.objects.filter(id=late.id).update(patient_id=twin.id)
    Invoice.objects.create(patient_id=twin.id)
    later(monkeypatch)
    assert merging.resume() == 1
    deliver_events()
    assert merging.resume() == 0
    assert Allergy.objects.get(display="late").patient_id == asha_card.id
    assert Appointment.objects.get(id=late.id).patient_id == asha_card.id
    assert not Invoice.objects.filter(patient_id=twin.id, status="draft").exists()
    taken_back(rita, merge)
    assert Allergy.objects.get(display="late").patient_id == twin.id
    after = picture(asha_card.id, twin.id)
    assert after["visits"] == before["visits"]


def test_a_late_event_of_the_old_file_opens_care_of_the_new_one(
    rita: User, asha_card: PatientCard, twin: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    visit = book(actor=rita, practitioner_id=bose_card.id, type_code="check", start=at("09:00"), patient_id=twin.id)
    merge = start(rita, asha_card, twin)
    deliver_events()
    assert CareRelation.objects.get(reference=visit.id).patient_id == asha_card.id
    taken_back(rita, merge)
    assert CareRelation.objects.get(reference=visit.id).patient_id == twin.id


@pytest.mark.usefixtures("lives")
def test_an_order_to_merge_that_comes_after_it_was_taken_back_does_nothing(
    rita: User, asha_card: PatientCard, twin: PatientCard
) -> None:
    before = picture(asha_card.id, twin.id)
    merge = start(rita, asha_card, twin)
    orders = [(row, consumer) for _alias, row, consumer in pending() if row.name == "patient.merge_started"]
    deliver_events()
    merge.refresh_from_db()
    taken_back(rita, merge)
    for row, consumer in orders:
        # The same order under another id: the inbox does not know it.
        outbox.consume(consumer, Event(merge.id, row.name, row.payload))
    deliver_events()
    assert picture(asha_card.id, twin.id) == before


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_cards_of_both_are_dropped_at_the_commit(rita: User, asha_card: PatientCard) -> None:
    twin = second_file()
    third = second_file(family_name="Raao")
    for card in (asha_card, twin, third):
        patient_card(card.id)
    merging.merge_patients(actor=rita, survivor_id=twin.id, loser_id=third.id, reason="x")
    assert patient_card(third.id).id == twin.id
    deliver_events()
    merge = merging.merge_patients(actor=rita, survivor_id=asha_card.id, loser_id=twin.id, reason="x", taken=["city"])
    assert {patient_card(card.id).id for card in (asha_card, twin, third)} == {asha_card.id}
    assert patient_card(third.id).address_lines == ("Bron",)
    deliver_events()
    merging.unmerge_patients(actor=rita, merge_id=merge.id, reason="x")
    deliver_events()
    assert patient_card(third.id).id == twin.id
    assert patient_card(asha_card.id).address_lines == ("Lyon",)


# --- Every table ------------------------------------------------------------------------------------------------------
def test_every_table_that_refers_to_a_patient_is_moved_or_is_on_the_list() -> None:
    labels = {model._meta.label for model, _field in moves.references()}
    assert {"patients.Condition", "patients.CareRelation", "documents.Document", "patients.Patient"} <= labels
    assert not labels & moves.NOT_MOVED.keys()
    for model, _field in moves.references():
        assert model._meta.pk.get_internal_type() == "UUIDField", model


def test_every_table_elsewhere_that_names_a_patient_is_dealt_with() -> None:
    """A new one has to be moved by its part, or to be named here with the reason why not."""
    moved = {"appointments.Appointment", "billing.Invoice", *(model._meta.label for model in visits.POINTERS)}
    # Money and papers stay with the invoices that they are about, and are read by all ids of a person.
    moved |= {f"billing.{name}" for name in ("Payment", "Checkout", "Paper", "Reminder")}
    for app in ("appointments", "billing"):
        for model in apps.get_app_config(app).get_models():
            if any(field.name == "patient_id" for field in model._meta.concrete_fields):
                assert model._meta.label in moved


def test_a_second_row_where_there_can_be_one_stays(
    rita: User, asha_card: PatientCard, twin: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record's own row is one for each patient: were it not on the list, it would stay all the same."""
    monkeypatch.delitem(moves.NOT_MOVED, "patients.MedicalRecord")
    merge = done(rita, asha_card, twin)
    assert MergeStep.objects.get(merge=merge, part="record").kept == 1


@pytest.mark.usefixtures("lives")
def test_the_preview_counts_what_moves(rita: User, asha_card: PatientCard, twin: PatientCard) -> None:
    preview = merge_preview.preview(actor=rita, survivor_id=asha_card.id, loser_id=twin.id)
    numbers = {str(count.label): count.number for part in preview.parts for count in (*part.moves, *part.stays)}
    assert numbers["Rendez-vous à venir"] == 2
    assert numbers["Brouillons de factures"] == 1
    assert numbers["Factures et avoirs émis"] == 1
    assert numbers["Observations"] == 7
    assert {trait.name for trait in preview.traits} >= {"family_name", "phone", "city"}
