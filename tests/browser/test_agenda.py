"""The agenda's day and week in a real browser: by keyboard alone, refreshed by itself, on a telephone and on paper."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest

from appointments import services
from appointments.models import Appointment
from medisecure.accounts.models import User
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, day_ahead, make_calendar
from tests.browser.tab import DESKTOP, PHONE, NewTab
from tests.cast import ALL_DATABASES

pytestmark = [pytest.mark.browser, pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)]

PAGES = "/admin/appointments/appointment"
DAY, WEEK, LIST = f"{PAGES}/agenda/day/", f"{PAGES}/agenda/week/", f"{PAGES}/agenda/"
PLACE = "Building B, room 12"


@pytest.fixture
def full_day(
    asha_card: PatientCard,
    dan_card: PatientCard,
    bose_card: PractitionerCard,
    chen_card: PractitionerCard,
    calendar_id: UUID,
    rita: User,
) -> list[Appointment]:
    """Dr Bose at 09:00 and 10:00, Nurse Chen at 10:30, all a week ahead."""
    make_calendar(chen_card.id, place="Ward 3")
    return [
        services.book(
            actor=rita, practitioner_id=practitioner.id, type_code=code, start=at(wall), patient_id=patient.id
        )
        for practitioner, code, wall, patient in (
            (bose_card, "consultation", "09:00", asha_card),
            (bose_card, "check", "10:00", dan_card),
            (chen_card, "consultation", "10:30", asha_card),
        )
    ]


def question(**more: str) -> str:
    return "?" + "&".join(f"{name}={value}" for name, value in ({"day": day_ahead().isoformat()} | more).items())


def focused(page: Any) -> str:
    text: str = page.evaluate("document.activeElement.innerText")
    return text


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_page_of_the_agenda(
    language: str,
    width: int,
    new_tab: NewTab,
    rita: User,
    full_day: list[Appointment],
    alice: User,
) -> None:
    services.arrive(actor=rita, appointment_id=full_day[0].id)
    services.arrive(actor=rita, appointment_id=full_day[1].id)
    services.call_in(actor=rita, appointment_id=full_day[1].id, door="12")
    _screen, token = services.open_screen(actor=alice, place=PLACE, label="Lift")
    tab = new_tab(language, width)
    tab.visit(f"/screen/{token}/")
    tab.sign_in(rita)
    for path in (DAY, WEEK, LIST):
        tab.visit(path + question())
        tab.visit(path + question(place="nowhere"))
    tab.visit(f"{PAGES}/waiting/?place={PLACE}")
    tab.visit(f"{PAGES}/waiting/")
    assert tab.faults == []


def test_dark_agenda_has_contrast_too(new_tab: NewTab, rita: User, full_day: list[Appointment]) -> None:
    services.arrive(actor=rita, appointment_id=full_day[0].id)
    tab = new_tab(scheme="dark")
    tab.sign_in(rita)
    for path in (DAY, WEEK, LIST, f"{PAGES}/waiting/?place={PLACE}"):
        tab.visit(path + ("" if "?" in path else question()))
    assert tab.faults == []


#: Which column has the focus, counted from 0.
COLUMN = "[...document.querySelectorAll('[data-column]')].indexOf(document.activeElement.closest('[data-column]'))"


def test_a_day_by_keyboard_alone(new_tab: NewTab, rita: User, full_day: list[Appointment]) -> None:
    tab = new_tab()
    tab.sign_in(rita)
    tab.open(DAY + question())
    page, press = tab.page, tab.page.keyboard.press
    press("j")
    assert "Asha Rao" in focused(page)
    assert "09:00" in focused(page)
    press("ArrowDown")  # the next stop is a free time
    assert focused(page).split() == ["Book", "09:30"]
    press("Enter")
    page.wait_for_url("**/book/**")
    assert "09:30" in page.url or "T09%3A30" in page.url
    page.go_back()
    page.wait_for_selector("[data-grid]")
    page.evaluate("document.activeElement.blur()")
    press("j")
    press("j")
    assert "Dan Moreau" in focused(page)
    before = page.evaluate(COLUMN)
    press("ArrowRight")  # the next column's nearest in time, not the next day
    assert page.evaluate(COLUMN) != before
    assert day_ahead().isoformat() in page.url
    page.evaluate("document.activeElement.blur()")
    press("j")
    assert "09:00" in focused(page)
    # A step is one key, and the focus comes back to its visit.
    press("n")
    page.wait_for_selector(f"#visit-{full_day[0].id}[data-status=arrived]")
    assert Appointment.objects.get(id=full_day[0].id).status == "arrived"
    page.wait_for_selector(".grid-visit:focus-within")
    assert "Asha Rao" in focused(page)
    tab.check("after a step")
    press("Enter")
    page.wait_for_url(f"**/{full_day[0].id}/change/**")
    page.go_back()
    page.wait_for_selector("[data-grid]")
    page.evaluate("document.activeElement.blur()")
    press("w")
    page.wait_for_url("**/agenda/week/**")
    assert day_ahead().isoformat() in page.url
    press("ArrowRight")
    page.wait_for_url(lambda url: day_ahead().isoformat() not in url)
    press("t")
    page.wait_for_selector(".agenda-days [aria-current]")
    press("l")
    page.wait_for_url(re.compile(r"/agenda/\?"))
    assert tab.faults == []


def test_letter_keys_can_be_switched_off(new_tab: NewTab, rita: User, full_day: list[Appointment]) -> None:
    tab = new_tab()
    tab.sign_in(rita)
    tab.open(DAY + question())
    page = tab.page
    page.click(".agenda-keys summary")
    page.uncheck("[data-letter-keys]")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("w")
    page.keyboard.press("j")
    assert "/agenda/day/" in page.url
    assert page.evaluate("document.activeElement === document.body")
    tab.open(DAY + question())
    assert not page.is_checked("[data-letter-keys]")


def test_the_day_refreshes_itself_and_keeps_focus_and_scroll(
    new_tab: NewTab,
    rita: User,
    full_day: list[Appointment],
) -> None:
    tab = new_tab()
    tab.sign_in(rita)
    tab.open(DAY + question())
    page = tab.page
    page.focus(f"#visit-{full_day[1].id} [data-visit]")
    page.evaluate("document.querySelector('[data-grid]').scrollTop = 60")
    services.arrive(actor=rita, appointment_id=full_day[0].id)
    # What the timer does, at once.
    page.evaluate("document.querySelector('[data-refresh-now]').click()")
    page.wait_for_selector(f"#visit-{full_day[0].id}[data-status=arrived]")
    assert "Dan Moreau" in focused(page)
    assert page.evaluate("document.querySelector('[data-grid]').scrollTop") == 60
    assert "Updated at" in page.inner_text("[data-refreshed]")
    # Nobody answers: the page says so, and says when it is over.
    page.route("**/agenda/day/**", lambda route: route.abort())
    page.evaluate("document.querySelector('[data-refresh-now]').click()")
    page.wait_for_selector("[data-refreshed].is-failed")
    assert "Not updated since" in page.inner_text("[data-refreshed]")
    page.unroute("**/agenda/day/**")
    page.evaluate("document.querySelector('[data-refresh-now]').click()")
    page.wait_for_selector("[data-refreshed]:not(.is-failed)")
    # Signed out elsewhere: not a dead page that looks alive.
    page.context.clear_cookies()
    page.evaluate("document.querySelector('[data-refresh-now]').click()")
    page.wait_for_selector("[data-refreshed].is-failed")
    assert "sign in again" in page.inner_text("[data-refreshed]")


def test_a_door_being_typed_survives_the_refresh(
    new_tab: NewTab,
    rita: User,
    full_day: list[Appointment],
) -> None:
    services.arrive(actor=rita, appointment_id=full_day[0].id)
    tab = new_tab()
    tab.sign_in(rita)
    tab.open(f"{PAGES}/waiting/?place={PLACE}")
    page, field = tab.page, f"[name='door-{full_day[0].id}']"
    page.fill(field, "Door 9")
    services.arrive(actor=rita, appointment_id=full_day[1].id)
    page.evaluate("document.querySelector('[data-refresh-now]').click()")
    page.wait_for_timeout(300)
    assert page.input_value(field) == "Door 9"
    page.click(f"#visit-{full_day[0].id} button[value^='call.']")
    page.wait_for_selector("text=Number 1 is being called.")
    assert Appointment.objects.get(id=full_day[0].id).door == "Door 9"


def test_the_screen_calls_and_says_when_it_is_cut_off(
    new_tab: NewTab,
    rita: User,
    alice: User,
    full_day: list[Appointment],
) -> None:
    screen, token = services.open_screen(actor=alice, place=PLACE, label="Lift")
    tab = new_tab()
    tab.open(f"/screen/{token}/")
    page = tab.page
    services.arrive(actor=rita, appointment_id=full_day[0].id)
    services.call_in(actor=rita, appointment_id=full_day[0].id, door="Door 12")
    page.wait_for_selector(".newest .number", timeout=12_000)
    assert page.inner_text(".newest .number") == "1"
    assert page.inner_text(".newest .door") == "Door 12"
    tab.check("screen")
    # Read from five metres: about a sixth of the wall's height at least.
    assert page.evaluate("document.querySelector('.newest .number').getBoundingClientRect().height") > 844 / 6
    assert not page.is_visible("[data-lost]")
    services.revoke_screen(actor=alice, screen_id=screen.id)
    page.wait_for_selector("[data-lost]", state="visible", timeout=25_000)
    assert page.locator(".number").count() == 0
    assert tab.faults == []


def test_on_a_telephone_and_on_paper_the_day_is_a_list(
    new_tab: NewTab,
    rita: User,
    full_day: list[Appointment],
) -> None:
    tab = new_tab(width=PHONE)
    tab.sign_in(rita)
    tab.open(DAY + question())
    page = tab.page
    static = "getComputedStyle(document.querySelector('.grid-visit')).position"
    assert page.evaluate(static) == "static"
    assert page.is_visible(f"#visit-{full_day[0].id} button[value^='arrive.']")
    page.set_viewport_size({"width": DESKTOP, "height": 844})
    assert page.evaluate(static) == "absolute"
    page.emulate_media(media="print")
    assert page.evaluate(static) == "static"
    assert not page.is_visible(".agenda-bar")
    wide = "document.querySelector('.grid').getBoundingClientRect().width / window.innerWidth"
    assert page.evaluate(wide) > 0.95, "the room of the navigation is used on paper"
    assert page.is_visible("text=Asha Rao")
