"""The course of a visit: its numbers, its steps back, and what a patient who misses visits is asked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import DatabaseError, OperationalError, connections
from django.test import Client
from pytest_django import Settings

from appointments import rules, services
from appointments.models import Appointment, AppointmentHistory
from appointments.no_shows import no_shows
from appointments.services import tickets
from appointments.triggers import GUARD
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from medisecure.kernel.outbox import pending
from medisecure.kernel.transactions import atomic
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, make_calendar
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

AGENDA = "/admin/appointments/appointment/agenda/"


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    """Asha sees Dr Bose at 09:00."""
    return services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))


@pytest.fixture
def second(dan: User, dan_card: PatientCard, bose_card: PractitionerCard, booked: Appointment) -> Appointment:
    """Dan comes after her."""
    return services.book(actor=dan, practitioner_id=bose_card.id, type_code="consultation", start=at("09:30"))


def browser(user: User) -> Client:
    client = Client()
    client.cookies["medisecure_language"] = "en"
    client.force_login(user)
    return client


def now_state(row: Appointment) -> tuple[str, int, bool]:
    found = Appointment.objects.get(id=row.id)
    return found.status, found.ticket, found.called_at is not None


# --- Rules ------------------------------------------------------------------------------------------------------------
def test_months_before_stays_in_the_month() -> None:
    at_noon = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert rules.months_before(at_noon, 1) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert rules.months_before(at_noon, 3) == datetime(2025, 12, 31, 12, tzinfo=UTC)
    assert rules.months_before(at_noon, 12) == datetime(2025, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(("missed", "limit", "asks"), [(0, 0, False), (9, 0, False), (2, 3, False), (3, 3, True)])
def test_confirmation_is_asked_from_the_limit_on(missed: int, limit: int, asks: bool) -> None:
    assert rules.asks_confirmation(missed, limit) is asks


# --- Numbers ----------------------------------------------------------------------------------------------------------
def test_each_arrival_gets_the_next_number_of_its_place(
    booked: Appointment, second: Appointment, rita: User, chen_card: PractitionerCard, dan_card: PatientCard
) -> None:
    make_calendar(chen_card.id, place="Ward 3")
    elsewhere = services.book(
        actor=rita, practitioner_id=chen_card.id, type_code="check", start=at("15:00"), patient_id=dan_card.id
    )
    numbers = [services.arrive(actor=rita, appointment_id=one.id).ticket for one in (booked, second, elsewhere)]
    assert numbers == [1, 2, 1]


def test_numbers_begin_again_each_day(booked: Appointment, second: Appointment, rita: User) -> None:
    assert services.arrive(actor=rita, appointment_id=booked.id).ticket == 1
    with time_machine.travel(datetime.now(UTC) + timedelta(days=1), tick=False):
        assert services.arrive(actor=rita, appointment_id=second.id).ticket == 1


def test_number_that_somebody_else_drew_is_drawn_again(
    booked: Appointment, second: Appointment, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = services.arrive(actor=rita, appointment_id=booked.id)
    draw = tickets.draw
    tries: list[int] = []

    def late(appointment: Appointment) -> dict[str, Any]:
        tries.append(1)
        return draw(appointment) | ({"ticket": first.ticket} if len(tries) == 1 else {})

    monkeypatch.setattr("appointments.services.course.tickets.draw", late)
    assert services.arrive(actor=rita, appointment_id=second.id).ticket == 2
    assert len(tries) == 2
    assert AccessEntry.objects.filter(action="arrive", resource_id=str(second.id)).count() == 1


# --- Calling in -------------------------------------------------------------------------------------------------------
def test_call_in_keeps_the_status_and_writes_the_door_down(booked: Appointment, rita: User) -> None:
    services.arrive(actor=rita, appointment_id=booked.id)
    found = services.call_in(actor=rita, appointment_id=booked.id, door="  Door   12 ")
    assert (found.status, found.door, found.ticket) == ("arrived", "Door 12", 1)
    step = AppointmentHistory.objects.filter(appointment_id=booked.id, action="call").get()
    assert (step.from_status, step.to_status, step.reason, step.actor_id) == ("arrived", "arrived", "Door 12", rita.id)
    assert AccessEntry.objects.filter(action="call", resource_id=str(booked.id), actor_id=rita.id).count() == 1


def test_only_who_waits_is_called(booked: Appointment, rita: User, alice: User, dan: User, asha: User) -> None:
    with pytest.raises(Conflict):
        services.call_in(actor=rita, appointment_id=booked.id)
    services.arrive(actor=rita, appointment_id=booked.id)
    for actor, expected in ((alice, Refused), (asha, Refused), (dan, NotFound)):
        with pytest.raises(expected):
            services.call_in(actor=actor, appointment_id=booked.id)
    with pytest.raises(Invalid) as refused:
        services.call_in(actor=rita, appointment_id=booked.id, door="x" * 41)
    assert list(refused.value.errors) == ["door"]
    with pytest.raises(Stale):
        services.call_in(actor=rita, appointment_id=booked.id, version=1)


# --- A step back ------------------------------------------------------------------------------------------------------
def test_arrival_is_taken_back_with_its_number(booked: Appointment, rita: User, dr_bose: User) -> None:
    services.arrive(actor=rita, appointment_id=booked.id)
    services.undo(actor=dr_bose, appointment_id=booked.id)
    assert now_state(booked) == ("booked", 0, False)
    steps = AppointmentHistory.objects.filter(appointment_id=booked.id)
    assert [(step.action, step.from_status, step.to_status) for step in steps] == [
        ("book", "", "booked"),
        ("arrive", "booked", "arrived"),
        ("undo", "arrived", "booked"),
    ]
    assert steps[2].actor_id == dr_bose.id
    assert AccessEntry.objects.filter(action="undo", resource_id=str(booked.id)).count() == 1
    assert services.arrive(actor=rita, appointment_id=booked.id).ticket == 1


def test_call_and_start_are_taken_back_one_by_one(booked: Appointment, rita: User) -> None:
    services.arrive(actor=rita, appointment_id=booked.id)
    services.call_in(actor=rita, appointment_id=booked.id, door="12")
    services.undo(actor=rita, appointment_id=booked.id)
    assert now_state(booked) == ("arrived", 1, False)
    services.start(actor=rita, appointment_id=booked.id)
    services.undo(actor=rita, appointment_id=booked.id)
    assert now_state(booked) == ("arrived", 1, False)


def test_billing_hears_of_a_completion_that_was_taken_back(booked: Appointment, rita: User) -> None:
    services.start(actor=rita, appointment_id=booked.id)
    services.undo(actor=rita, appointment_id=booked.id)
    services.start(actor=rita, appointment_id=booked.id)
    services.complete(actor=rita, appointment_id=booked.id)
    services.undo(actor=rita, appointment_id=booked.id)
    names = [row.name for row in pending(APPOINTMENTS)]
    assert names == ["appointment.booked", "appointment.completed", "appointment.reopened"]


def test_only_the_last_step_and_only_once(booked: Appointment, rita: User) -> None:
    with pytest.raises(Conflict):
        services.undo(actor=rita, appointment_id=booked.id)
    services.arrive(actor=rita, appointment_id=booked.id)
    services.undo(actor=rita, appointment_id=booked.id)
    with pytest.raises(Conflict):
        services.undo(actor=rita, appointment_id=booked.id)
    services.confirm(actor=rita, appointment_id=booked.id)
    services.move(actor=rita, appointment_id=booked.id, start=at("10:00"))
    with pytest.raises(Conflict):
        services.undo(actor=rita, appointment_id=booked.id)


def test_a_step_of_long_ago_stays(booked: Appointment, rita: User) -> None:
    services.arrive(actor=rita, appointment_id=booked.id)
    with time_machine.travel(datetime.now(UTC) + rules.UNDO_WITHIN + timedelta(seconds=1), tick=False):
        with pytest.raises(Conflict):
            services.undo(actor=rita, appointment_id=booked.id)
        assert 'value="undo"' not in browser(rita).get(AGENDA, {"day": at("09:00").date().isoformat()}).content.decode()


def test_undo_is_for_staff_who_see_the_visit(
    booked: Appointment, rita: User, asha: User, dan: User, alice: User
) -> None:
    services.arrive(actor=rita, appointment_id=booked.id)
    for actor, expected in ((asha, Refused), (alice, Refused), (dan, NotFound)):
        with pytest.raises(expected):
            services.undo(actor=actor, appointment_id=booked.id)
    assert now_state(booked)[0] == "arrived"


def test_completed_visit_that_is_taken_back_and_completed_again(booked: Appointment, rita: User) -> None:
    services.start(actor=rita, appointment_id=booked.id)
    services.complete(actor=rita, appointment_id=booked.id)
    services.undo(actor=rita, appointment_id=booked.id)
    assert now_state(booked)[0] == "in_progress"
    assert services.complete(actor=rita, appointment_id=booked.id).status == "completed"


def test_undo_button_says_what_it_did(booked: Appointment, rita: User) -> None:
    client, page = browser(rita), f"{AGENDA}?day={at('09:00').date()}"
    url = f"/admin/appointments/appointment/{booked.id}/step/"
    answer = client.post(url, {"step": "arrive.1", "back": page}, follow=True)
    assert "The number in the waiting room is 1." in answer.content.decode()
    assert re.search(r'value="undo(\.\d+)?"', answer.content.decode())
    answer = client.post(url, {"step": "undo", "version": "2", "back": page}, follow=True)
    assert "The visit is “Booked” again." in answer.content.decode()


def test_a_step_leads_back_to_pages_of_ours_only(booked: Appointment, rita: User) -> None:
    client, url = browser(rita), f"/admin/appointments/appointment/{booked.id}/step/"
    for elsewhere in ("https://evil.example/", "//evil.example/admin/", "javascript:1"):
        answer = client.post(url, {"step": "fly", "version": "1", "back": elsewhere})
        assert answer["Location"] == AGENDA, elsewhere


# --- Missed visits ----------------------------------------------------------------------------------------------------
def miss(patient: PatientCard, practitioner: PractitionerCard, *days: int) -> None:
    for day in days:
        services.seed_appointment(
            patient_id=patient.id,
            practitioner_id=practitioner.id,
            type_code="consultation",
            start=at("09:00", days=-day),
            status="no_show",
        )


def test_missed_visits_are_counted_within_the_months(
    asha_card: PatientCard, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID,
    settings: Settings,
) -> None:  # fmt: skip
    settings.NO_SHOW_MONTHS = 3
    miss(asha_card, bose_card, 5, 30, 120)
    assert no_shows([asha_card.id, dan_card.id]) == {asha_card.id: 2}
    assert no_shows([]) == {}


def test_booking_after_the_limit_needs_confirmation(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID, rita: User,
    settings: Settings,
) -> None:  # fmt: skip
    settings.NO_SHOW_LIMIT = 2
    miss(asha_card, bose_card, 5)
    values = {"practitioner_id": bose_card.id, "type_code": "consultation"}
    assert not services.book(actor=asha, start=at("09:00"), **values).awaits_confirmation  # type: ignore[arg-type]
    miss(asha_card, bose_card, 6)
    row = services.book(actor=asha, start=at("10:00"), **values)  # type: ignore[arg-type]
    assert Appointment.objects.get(id=row.id).awaits_confirmation
    text = browser(rita).get(AGENDA, {"day": at("09:00").date().isoformat()}).content.decode()
    assert "To be confirmed" in text
    assert "2 visits missed in 12 months" in text
    assert 'value="confirm"' in text
    page = browser(rita).get(f"/admin/appointments/appointment/{row.id}/change/").content.decode()
    assert "to be confirmed" in page
    assert "2 visits missed in 12 months" in page
    portal = browser(asha)
    assert "Please confirm that you will come" in portal.get(f"/appointments/{row.id}/").content.decode()
    answer = portal.post(f"/appointments/{row.id}/confirm/", {"version": "1"}, follow=True)
    assert "Thank you. We expect you." in answer.content.decode()
    assert not Appointment.objects.get(id=row.id).awaits_confirmation
    # A new time is a new question.
    assert services.move(actor=asha, appointment_id=row.id, start=at("11:00")).awaits_confirmation


def test_anothers_visit_is_not_confirmed(booked: Appointment, dan: User, dan_card: PatientCard) -> None:
    assert browser(dan).post(f"/appointments/{booked.id}/confirm/", {"version": "1"}).status_code == 404
    assert now_state(booked)[0] == "booked"


def test_patients_page_says_how_often_they_did_not_come(
    asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID, rita: User, carol: User
) -> None:
    page = f"/admin/patients/patient/{asha_card.id}/change/"
    assert "No visit missed in 12 months." in browser(rita).get(page).content.decode()
    miss(asha_card, bose_card, 1, 2, 3)
    text = browser(rita).get(page).content.decode()
    assert "3 visits missed in 12 months" in text
    assert "A new appointment must be confirmed by the patient." in text
    # Billing knows the person and nothing of their visits.
    assert "Attendance" not in browser(carol).get(page).content.decode()


def test_patients_page_stays_up_without_the_appointments(
    asha_card: PatientCard, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise OperationalError

    monkeypatch.setattr("appointments.panel.no_shows", away)
    answer = browser(rita).get(f"/admin/patients/patient/{asha_card.id}/change/")
    assert "The appointments cannot be read right now." in answer.content.decode()


# --- History ----------------------------------------------------------------------------------------------------------
@pytest.mark.skipif("connections['appointments'].vendor == 'mongodb'", reason="MongoDB has no triggers")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE appointment_history SET reason = 'x'",
        "DELETE FROM appointment_history",
        "INSERT OR REPLACE INTO appointment_history SELECT * FROM appointment_history",
    ],
)
def test_the_database_refuses_to_rewrite_history(booked: Appointment, statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        atomic(APPOINTMENTS),
        connections[APPOINTMENTS].cursor() as cursor,
    ):
        cursor.execute(statement)
    GUARD.remove()
    GUARD.install()
    assert AppointmentHistory.objects.filter(appointment_id=booked.id).count() == 1


def test_history_is_shown_with_who_when_and_why(booked: Appointment, rita: User) -> None:
    services.arrive(actor=rita, appointment_id=booked.id)
    services.call_in(actor=rita, appointment_id=booked.id, door="Door 12")
    services.undo(actor=rita, appointment_id=booked.id)
    text = browser(rita).get(f"/admin/appointments/appointment/{booked.id}/change/").content.decode()
    for part in ("Arrived — Rita Blanc", "Called in — Rita Blanc — Door 12", "Step taken back — Rita Blanc"):
        assert part in text
    assert "number 1" in text
