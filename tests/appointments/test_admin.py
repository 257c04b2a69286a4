from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from appointments import services
from appointments.models import Appointment, AppointmentType, Calendar
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients.interface import PatientCard, PractitionerCard
from patients.models import Practitioner
from tests.appointments.fixtures import WEEK, at, day_ahead, make_calendar
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

AGENDA = "/admin/appointments/appointment/agenda/"
LIST = "/admin/appointments/appointment/"


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    return services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))


def browser(user: User, *, csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user)
    return client


def day() -> dict[str, str]:
    return {"day": day_ahead().isoformat()}


def test_agenda_is_what_the_list_opens_with(booked: Appointment, rita: User) -> None:
    answer = browser(rita).get(LIST)
    assert (answer.status_code, answer["Location"]) == (302, f"{AGENDA}day/")


def test_agenda_shows_the_day_with_names_states_and_buttons(booked: Appointment, rita: User) -> None:
    answer = browser(rita).get(AGENDA, day())
    text = answer.content.decode()
    assert answer.status_code == 200
    for part in (
        "Asha Rao",
        "Dr Anil Bose",
        "09:00–09:30",
        "Building B, room 12",
        'data-status="booked"',
        'value="arrive"',
    ):
        assert part in text
    assert 'value="no-show"' not in text  # the visit has not begun
    assert AccessEntry.objects.filter(resource="agenda", actor_id=rita.id).count() == 1
    assert "Asha Rao" not in browser(rita).get(AGENDA).content.decode()


def test_agenda_names_each_navigation_once(booked: Appointment, rita: User) -> None:
    names = re.findall(r'<nav[^>]*aria-label="([^"]*)"', browser(rita).get(AGENDA, day()).content.decode())
    assert len(names) == len(set(names)) >= 2


def test_agenda_has_nothing_inline_that_the_policy_forbids(booked: Appointment, rita: User) -> None:
    text = browser(rita).get(AGENDA, day()).content.decode()
    main = text[text.index("data-agenda") :]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", main)
    assert not re.search(r"<script(?![^>]*\ssrc=)", main)


def test_step_is_taken_from_the_agenda(booked: Appointment, rita: User) -> None:
    client = browser(rita)
    page = f"{AGENDA}?day={day_ahead()}"
    form = {"step": "arrive", "version": "1", "back": page}
    answer = client.post(f"{LIST}{booked.id}/step/", form)
    assert answer["Location"] == f"{page}#visit-{booked.id}"
    assert Appointment.objects.get(id=booked.id).status == "arrived"
    answer = client.post(f"{LIST}{booked.id}/step/", form, follow=True)
    assert "messagelist" in answer.content.decode()
    assert Appointment.objects.get(id=booked.id).version == 2


def test_step_needs_the_forms_token(booked: Appointment, rita: User) -> None:
    form = {"step": "arrive", "version": "1"}
    assert browser(rita, csrf=True).post(f"{LIST}{booked.id}/step/", form).status_code == 403
    assert browser(rita).get(f"{LIST}{booked.id}/step/").status_code == 405


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"step": "fly", "version": "1"},
        {"step": "arrive", "version": "²"},
        {"step": "arrive", "version": "9" * 30},
    ],
)
def test_step_that_makes_no_sense_changes_nothing(booked: Appointment, rita: User, form: dict[str, str]) -> None:
    answer = browser(rita).post(f"{LIST}{booked.id}/step/", form, follow=True)
    assert answer.status_code == 200
    assert Appointment.objects.get(id=booked.id).version == 1


@pytest.mark.parametrize(
    "question", ["day=2026-02-30", "day=x", "day=9999-12-31", "day=0001-01-01", "practitioner=x", "day=&practitioner="]
)
def test_agenda_asked_nonsense_still_answers(rita: User, question: str) -> None:
    assert browser(rita).get(f"{AGENDA}?{question}").status_code == 200


def test_agenda_is_narrowed_by_role(
    booked: Appointment, dr_bose: User, nurse_chen: User, chen_card: PractitionerCard, carol: User, asha: User,
    alice: User, olga: User,
) -> None:  # fmt: skip
    assert "Asha Rao" in browser(dr_bose).get(AGENDA, day()).content.decode()
    assert "Asha Rao" in browser(nurse_chen).get(AGENDA, day()).content.decode()
    # An administrator sees it and has no button.
    assert 'value="arrive"' not in browser(alice).get(AGENDA, day()).content.decode()
    Appointment.objects.filter(id=booked.id).update(practitioner_id=chen_card.id)
    assert "Asha Rao" not in browser(dr_bose).get(AGENDA, day()).content.decode()
    assert browser(dr_bose).get(f"{LIST}{booked.id}/change/").status_code in (302, 404)
    for outsider in (carol, olga):
        assert browser(outsider).get(AGENDA, day()).status_code == 403
    assert browser(asha).get(AGENDA, day()).status_code == 302  # to the sign-in


def test_outsider_cannot_take_a_step(booked: Appointment, dan: User, carol: User) -> None:
    for actor in (dan, carol):
        browser(actor).post(f"{LIST}{booked.id}/step/", {"step": "arrive", "version": "1"})
    assert Appointment.objects.get(id=booked.id).version == 1


def test_no_show_asks_before(booked: Appointment, rita: User) -> None:
    with time_machine.travel(booked.start + timedelta(minutes=30)):
        client = browser(rita)
        text = client.get(AGENDA).content.decode()
        assert re.search(r'value="no-show"[^>]*data-confirm="[^"]+"', text)
        client.post(f"{LIST}{booked.id}/step/", {"step": "no-show", "version": "1"})
        assert Appointment.objects.get(id=booked.id).status == "no_show"


def test_list_filters_and_has_no_way_to_change_or_delete(booked: Appointment, rita: User) -> None:
    client = browser(rita)
    year = {"start__year": at("09:00").year}
    for question in (
        {"o": "-1"},
        {"status__exact": "booked"},
        {"overbooked__exact": "0"},
        year,
        {"place": booked.place},
    ):
        text = client.get(LIST, question).content.decode()
        assert "Asha Rao" in text, question
    assert "delete_selected" not in text
    page = client.get(f"{LIST}{booked.id}/change/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Asha Rao" in text
    assert 'name="_save"' not in text
    assert client.post(f"{LIST}{booked.id}/change/", {}).status_code == 403
    assert client.post(f"{LIST}{booked.id}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(f"{LIST}not-an-id/change/").status_code in (302, 404)


def test_superuser_deletes_no_appointment_either(booked: Appointment) -> None:
    root = User.objects.create_superuser("root@example.org", "x", full_name="Root")
    assert browser(root).post(f"{LIST}{booked.id}/delete/", {"post": "yes"}).status_code == 403


def calendar_form(practitioner: PractitionerCard, **changes: object) -> dict[str, object]:
    return {
        "practitioner_id": str(practitioner.id),
        "place": "Ward 3",
        "zone": "Europe/Paris",
        "active": "on",
        "weekly_rules": json.dumps(WEEK),
        "exceptions": "[]",
        "type_codes": ["check"],
        "holiday_country": "FR",
        "grid_minutes": "15",
        "valid_from": "2026-01-01",
        "lead_minutes": "60",
        "horizon_days": "90",
        "cancel_notice_hours": "24",
    } | changes


def test_administrator_makes_and_edits_a_calendar(alice: User, types: None, bose_card: PractitionerCard) -> None:
    client = browser(alice)
    answer = client.post("/admin/appointments/calendar/add/", calendar_form(bose_card))
    assert answer.status_code == 302, answer.content.decode()
    row = Calendar.objects.get()
    assert (row.practitioner_id, row.weekly_rules, row.exceptions, row.type_codes) == (
        bose_card.id,
        WEEK,
        [],
        ["check"],
    )
    url = f"/admin/appointments/calendar/{row.id}/change/"
    text = client.get(url).content.decode()
    assert "08:00" in text
    assert client.post(url, calendar_form(bose_card, place="Ward 4", exceptions="")).status_code == 302
    assert Calendar.objects.get().place == "Ward 4"
    assert "Dr Anil Bose" in client.get("/admin/appointments/calendar/").content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("weekly_rules", "[{", ""),
        ("weekly_rules", "{}", ""),
        ("weekly_rules", '[{"weekday": 9, "start": "08:00", "end": "09:00"}]', "0 "),
        ("weekly_rules", '[{"weekday": 1, "start": "8", "end": "09:00"}]', "08:30"),
        ("exceptions", '[{"date": "1 May", "hours": []}]', "2026-05-01"),
        ("zone", "Paris", "Europe/Paris"),
        ("type_codes", ["nothing"], "nothing"),
        ("practitioner_id", "x", ""),
        ("grid_minutes", "7", ""),
        ("holiday_country", "XX", "FR"),
        ("holiday_subdivision", "Bretagne", "974"),
    ],
)
def test_calendar_with_a_mistake_comes_back_with_words(
    alice: User, types: None, bose_card: PractitionerCard, field: str, value: object, said: str
) -> None:
    answer = browser(alice).post("/admin/appointments/calendar/add/", calendar_form(bose_card, **{field: value}))
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field]
    assert said in " ".join(errors[field])
    assert not Calendar.objects.exists()


def test_types_and_leave_in_the_admin(alice: User, rita: User, types: None, bose_card: PractitionerCard) -> None:
    client = browser(alice)
    form = {
        "code": "tele",
        "label_fr": "Vidéo",
        "label_en": "Video",
        "duration_minutes": "17",
        "buffer_before": "0",
        "buffer_after": "0",
        "mode": "video",
        "active": "on",
    }
    answer = client.post("/admin/appointments/appointmenttype/add/", form)
    assert list(answer.context["adminform"].form.errors) == ["duration_minutes"]
    assert client.post("/admin/appointments/appointmenttype/add/", form | {"duration_minutes": "20"}).status_code == 302
    assert AppointmentType.objects.filter(code="tele").exists()
    assert client.get("/admin/appointments/appointmenttype/").status_code == 200
    leave = {
        "practitioner_id": str(bose_card.id),
        "start_0": "2026-08-01",
        "start_1": "08:00",
        "end_0": "2026-07-31",
        "end_1": "08:00",
        "reason": "holiday",
    }
    answer = client.post("/admin/appointments/leave/add/", leave)
    assert list(answer.context["adminform"].form.errors) == ["end"]
    assert client.post("/admin/appointments/leave/add/", leave | {"end_0": "2026-08-15"}).status_code == 302
    assert client.get("/admin/appointments/leave/").status_code == 200
    # The reception sees them and changes nothing.
    assert browser(rita).get("/admin/appointments/leave/").status_code == 200
    assert browser(rita).post("/admin/appointments/leave/add/", leave).status_code == 403


def test_queries_do_not_grow_with_visits(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    client = browser(rita)

    def queries(task: Callable[[], object]) -> int:
        here, there = CaptureQueriesContext(connections["appointments"]), CaptureQueriesContext(connections["default"])
        with here, there:
            task()
        return len(here) + len(there)

    def book(wall: str) -> None:
        services.book(
            actor=rita, practitioner_id=bose_card.id, type_code="check", start=at(wall), patient_id=asha_card.id
        )

    def both() -> tuple[int, int]:
        return (
            queries(lambda: client.get(AGENDA, day())),
            queries(lambda: client.get(LIST, {"o": "-1"})),
        )

    book("08:00")
    both()
    few = both()
    for wall in ("08:15", "08:30", "08:45", "09:00", "09:15"):
        book(wall)
    assert both() == few


def test_practitioner_filter(booked: Appointment, rita: User, chen_card: PractitionerCard) -> None:
    make_calendar(chen_card.id)
    client = browser(rita)
    shown = client.get(AGENDA, day() | {"practitioner": str(booked.practitioner_id)}).content.decode()
    hidden = client.get(AGENDA, day() | {"practitioner": str(chen_card.id)}).content.decode()
    assert "Asha Rao" in shown
    assert "Asha Rao" not in hidden


def test_calendar_of_a_practitioner_who_left_can_still_be_edited(
    alice: User, types: None, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    Practitioner.objects.filter(id=bose_card.id).update(active=False)
    url = f"/admin/appointments/calendar/{calendar_id}/change/"
    form = calendar_form(bose_card)
    del form["active"]
    assert browser(alice).post(url, form).status_code == 302
    assert not Calendar.objects.get().active


def test_receptionist_reads_a_calendar_and_changes_nothing(
    rita: User, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    url = f"/admin/appointments/calendar/{calendar_id}/change/"
    assert browser(rita).get(url).status_code == 200
    assert browser(rita).post(url, calendar_form(bose_card)).status_code == 403
