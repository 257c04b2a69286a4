"""Day and week view of the agenda: where things stand, who may see them, and what a refresh costs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments import grid, services
from appointments.models import Appointment, Calendar
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients.interface import PatientCard, PractitionerCard, register_practitioner
from tests.appointments.fixtures import at, day_ahead, make_calendar
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

DAY = "/admin/appointments/appointment/agenda/day/"
WEEK = "/admin/appointments/appointment/agenda/week/"
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    return services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))


def browser(user: User) -> Client:
    client = Client()
    client.cookies["medisecure_language"] = "en"
    client.force_login(user)
    return client


def shown(client: Client, url: str, **question: str) -> str:
    answer = client.get(url, {"day": day_ahead().isoformat(), **question})
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


# --- Where things stand -----------------------------------------------------------------------------------------------
spans = st.lists(
    st.tuples(st.integers(0, 280), st.integers(1, 24)).map(lambda pair: (pair[0] * 5, (pair[0] + pair[1]) * 5)),
    max_size=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spans)
def test_what_overlaps_stands_side_by_side(ranges: list[tuple[int, int]]) -> None:
    found = grid.lanes(ranges)
    assert len(found) == len(ranges)
    for lane, of in found:
        assert 0 <= lane < of
    for one, other in combinations(range(len(ranges)), 2):
        if ranges[one][0] < ranges[other][1] and ranges[other][0] < ranges[one][1]:
            assert found[one][0] != found[other][0]
            assert found[one][1] == found[other][1], "both know how many share the width"
    # Never more lanes than overlap somewhere in the group.
    if ranges:
        most = max(sum(start <= at < end for start, end in ranges) for at, _end in ranges)
        assert max(of for _lane, of in found) <= most


def test_what_follows_without_a_gap_has_the_whole_width() -> None:
    assert grid.lanes([(540, 570), (570, 600)]) == [(0, 1), (0, 1)]
    assert grid.lanes([(540, 600), (540, 570), (570, 600), (600, 615)]) == [(0, 2), (1, 2), (1, 2), (0, 1)]


def test_hours_hold_everything_and_an_empty_day_has_the_usual_ones() -> None:
    assert grid.hours([]) == (8, 18)
    assert grid.hours([(515, 720), (840, 1085)]) == (8, 19)
    assert grid.hours([(0, 1440)]) == (0, 24)


def test_minutes_are_those_of_the_wall_clock() -> None:
    summer = date(2026, 3, 29)
    assert grid.minutes(datetime(2026, 3, 29, 7, tzinfo=UTC), datetime(2026, 3, 29, 8, tzinfo=UTC), summer, PARIS) == (
        540,
        600,
    )
    # From the evening before to the evening after: cut to the day.
    assert grid.minutes(datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC), summer, PARIS) == (
        0,
        1440,
    )
    assert grid.minutes(
        datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 3, 28, tzinfo=UTC), summer, PARIS
    ) is None  # fmt: skip
    # 02:45 to 02:15, in the hour that comes twice.
    twice = grid.minutes(
        datetime(2026, 10, 25, 0, 45, tzinfo=UTC), datetime(2026, 10, 25, 1, 15, tzinfo=UTC), date(2026, 10, 25), PARIS
    )
    assert twice == (165, 170)


# --- Pages ------------------------------------------------------------------------------------------------------------
def test_day_view_places_the_visit_in_its_practitioners_column(booked: Appointment, rita: User) -> None:
    text = shown(browser(rita), DAY)
    for part in (
        "Asha Rao",
        "Dr Anil Bose",
        "Consultation",
        'data-status="booked"',
        f'value="arrive.{booked.version}"',
    ):
        assert part in text
    assert re.search(rf'id="visit-{booked.id}"[^>]* data-h="9" data-m="0" data-l="0" data-k="6"', text)
    # Open from 08:00 to 12:00 and from 14:00 to 18:00.
    assert 'grid-open" aria-hidden="true" data-h="8" data-m="0" data-l="4" data-k="0"' in text
    assert 'grid-open" aria-hidden="true" data-h="14" data-m="0" data-l="4" data-k="0"' in text
    assert 'data-from="8" data-hours="10"' in text


def test_leave_is_shaded_and_said(booked: Appointment, bose_card: PractitionerCard, rita: User) -> None:
    assert "grid-leave" not in shown(browser(rita), DAY)
    services.add_leave(practitioner_id=bose_card.id, start=at("14:00"), end=at("16:00"))
    text = shown(browser(rita), DAY)
    assert re.search(r'grid-leave" data-h="14" data-m="0" data-l="2" data-k="0">Absent<', text)


def test_overbooked_visits_stand_side_by_side(
    booked: Appointment, dr_bose: User, dan_card: PatientCard, bose_card: PractitionerCard, rita: User,
    in_care: Callable[..., None],
) -> None:  # fmt: skip
    in_care(dan_card, bose_card)
    services.book(
        actor=dr_bose, practitioner_id=bose_card.id, type_code="consultation", start=at("09:15"),
        patient_id=dan_card.id, overbook_reason="urgent",
    )  # fmt: skip
    text = shown(browser(rita), DAY)
    assert text.count('data-of="2"') == 2
    assert 'data-lane="0" data-of="2"' in text
    assert 'data-lane="1" data-of="2"' in text
    assert "Overbooked" in text


def test_who_neither_receives_nor_is_expected_has_no_column(
    booked: Appointment, chen_card: PractitionerCard, rita: User
) -> None:
    make_calendar(chen_card.id, weekly_rules=[{"weekday": 0, "start": "08:00", "end": "09:00"}])
    columns = shown(browser(rita), DAY).count("data-column")
    assert columns == (2 if day_ahead().weekday() == 0 else 1)


def test_week_view_has_a_column_a_day_and_names_whose(booked: Appointment, rita: User) -> None:
    text = shown(browser(rita), WEEK)
    assert text.count("data-column") == 7  # Dr Bose receives every day
    assert "Dr Anil Bose" in text
    assert f'id="visit-{booked.id}"' in text
    Calendar.objects.update(
        weekly_rules=[{"weekday": 0, "start": "08:00", "end": "12:00"}], practitioner_id=booked.practitioner_id
    )
    other = day_ahead(70).isoformat()
    assert browser(rita).get(WEEK, {"day": other}).content.decode().count("data-column") == 5


def test_week_of_nobody_says_so(rita: User, types: None) -> None:
    assert "Nobody has an open calendar here." in shown(browser(rita), WEEK)
    assert "Nobody receives patients and nobody is expected." in shown(browser(rita), DAY)


def test_place_and_practitioner_stay_in_every_address(
    booked: Appointment, rita: User, chen_card: PractitionerCard
) -> None:
    make_calendar(chen_card.id, place="Ward 3")
    text = shown(browser(rita), DAY, place="Ward 3", practitioner=str(chen_card.id))
    assert "Asha Rao" not in text
    query = f"day={day_ahead() + timedelta(days=1)}&amp;practitioner={chen_card.id}&amp;place=Ward+3"
    assert f'href="?{query}"' in text
    assert f'href="{WEEK}?day={day_ahead()}&amp;practitioner={chen_card.id}&amp;place=Ward+3"' in text
    assert '<option value="Ward 3" selected>' in text


def test_a_step_from_the_day_view_comes_back_to_it(booked: Appointment, rita: User) -> None:
    client = browser(rita)
    back = re.search(r'name="back" value="([^"]+)"', shown(client, DAY, seen="x"))
    assert back
    assert "seen" not in back[1]
    answer = client.post(
        f"/admin/appointments/appointment/{booked.id}/step/",
        {"step": "arrive.1", "back": back[1].replace("&amp;", "&")},
    )
    assert answer["Location"] == f"{DAY}?day={day_ahead()}#visit-{booked.id}"


@pytest.mark.parametrize("url", [DAY, WEEK])
def test_views_are_narrowed_by_role(
    url: str, booked: Appointment, dr_bose: User, nurse_chen: User, chen_card: PractitionerCard, carol: User,
    olga: User, asha: User, alice: User,
) -> None:  # fmt: skip
    make_calendar(chen_card.id, place="Ward 3")
    who = {"practitioner": str(booked.practitioner_id)}
    assert "Asha Rao" in shown(browser(dr_bose), url)
    assert "Asha Rao" in shown(browser(nurse_chen), url, **who)
    text = shown(browser(alice), url, **who)
    assert "Asha Rao" in text
    assert 'name="step"' not in text
    Appointment.objects.filter(id=booked.id).update(practitioner_id=chen_card.id)
    text = shown(browser(dr_bose), url, practitioner=str(chen_card.id))
    assert "Asha Rao" not in text
    assert "Chen" not in text.split("data-mark-now")[1]
    for outsider in (carol, olga):
        assert browser(outsider).get(url).status_code == 403
    assert browser(asha).get(url).status_code == 302


def test_each_page_is_written_down_with_the_days_it_shows(booked: Appointment, rita: User) -> None:
    shown(browser(rita), DAY)
    shown(browser(rita), WEEK)
    monday = day_ahead() - timedelta(days=day_ahead().weekday())
    entries = AccessEntry.objects.filter(resource="agenda", actor_id=rita.id).order_by("id")
    assert [entry.resource_id for entry in entries] == [
        day_ahead().isoformat(),
        f"{monday}/{monday + timedelta(days=6)}",
    ]


@pytest.mark.parametrize("url", [DAY, WEEK])
def test_a_refresh_without_news_discloses_and_writes_nothing(url: str, booked: Appointment, rita: User) -> None:
    client = browser(rita)
    mark = re.search(r'data-mark="(\w+)"', shown(client, url))
    assert mark
    entries = AccessEntry.objects.count()
    question = {"day": day_ahead().isoformat(), "seen": mark[1]}
    assert client.get(url, question).status_code == 204
    assert AccessEntry.objects.count() == entries
    services.arrive(actor=rita, appointment_id=booked.id)
    part = client.get(url, question)
    assert part.status_code == 200
    assert 'data-status="arrived"' in part.content.decode()
    assert "<html" not in part.content.decode()
    assert AccessEntry.objects.filter(resource="agenda").count() == 2


@pytest.mark.parametrize(
    "question",
    [
        "day=2026-02-30",
        "day=9999-12-31",
        "practitioner=x",
        "place=" + "x" * 900,
        "seen=",
        "day=2026-10-25",
        "day=2026-03-29",
    ],
)
@pytest.mark.parametrize("url", [DAY, WEEK])
def test_views_asked_nonsense_still_answer(url: str, question: str, booked: Appointment, rita: User) -> None:
    assert browser(rita).get(f"{url}?{question}").status_code == 200


@pytest.mark.parametrize("url", [DAY, WEEK])
def test_nothing_inline_that_the_policy_forbids(url: str, booked: Appointment, rita: User) -> None:
    text = shown(browser(rita), url)
    main = text[text.index("data-agenda") :]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", main)
    assert not re.search(r"<script(?![^>]*\ssrc=)", main)


def test_queries_do_not_grow_with_practitioners_and_visits(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID, alice: User
) -> None:
    client = browser(rita)

    def queries(url: str) -> int:
        here, there = CaptureQueriesContext(connections["appointments"]), CaptureQueriesContext(connections["default"])
        with here, there:
            shown(client, url)
        return len(here) + len(there)

    def book(practitioner_id: UUID, wall: str) -> None:
        services.book(
            actor=rita, practitioner_id=practitioner_id, type_code="check", start=at(wall), patient_id=asha_card.id
        )

    book(bose_card.id, "08:00")
    for url in (DAY, WEEK):
        shown(client, url)
    few = [queries(url) for url in (DAY, WEEK)]
    for number, wall in enumerate(("08:15", "08:30", "08:45", "09:00")):
        card = register_practitioner(
            actor=alice, full_name=f"Dr Number {number}", specialty="general", specialty_label="General"
        )
        make_calendar(card.id)
        book(card.id, wall)
        book(bose_card.id, f"1{4 + number % 3}:{15 * (number // 3):02d}")
    assert [queries(url) for url in (DAY, WEEK)] == few
