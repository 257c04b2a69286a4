"""Booking from the agenda: free times in day and week view, and the page they lead to."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import time_machine
from django.test import Client

from appointments import grid, services
from appointments.models import Appointment
from medisecure.accounts.models import User
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, day_ahead, make_calendar
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

DAY, WEEK = "/admin/appointments/appointment/agenda/day/", "/admin/appointments/appointment/agenda/week/"


def client_of(user: User) -> Client:
    client = Client()
    client.cookies["medisecure_language"] = "en"
    client.force_login(user)
    return client


def free(client: Client, path: str) -> list[str]:
    """The addresses of the free times on a page of the agenda."""
    text = client.get(path).content.decode().replace("&amp;", "&")
    return re.findall(r'href="([^"]+)" tabindex="-1" data-free', text)


def test_gaps_are_what_is_open_and_not_taken() -> None:
    opens = [(840, 1080), (480, 720)]
    assert grid.gaps(opens, []) == [(480, 720), (840, 1080)]
    assert grid.gaps(opens, [(500, 520), (510, 530), (700, 900)]) == [(480, 500), (530, 700), (900, 1080)]
    assert grid.gaps(opens, [(0, 1440)]) == []
    assert grid.gaps(opens, [(600, 600)], after=700) == [(700, 720), (840, 1080)]
    assert grid.gaps([(480, 720), (600, 800)], []) == [(480, 720), (720, 800)]
    assert grid.pieces([(485, 545)], 30) == [(485, 510), (510, 540), (540, 545)]


def test_free_time_leads_to_its_booking(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    services.book(
        actor=rita, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"), patient_id=asha_card.id
    )
    client, day = client_of(rita), day_ahead().isoformat()
    for path in (f"{DAY}?day={day}", f"{WEEK}?day={day}&practitioner={bose_card.id}"):
        links = [link for link in free(client, path) if f"day={day}" in link]
        walls = [parse_qs(urlsplit(link).query)["at"][0][11:16] for link in links]
        assert walls[:3] == ["08:00", "08:30", "09:30"], path
        assert len(walls) == 15
    link = links[2]
    page = client.get(link).content.decode()
    assert f"Dr Anil Bose, {day_ahead():%A %-d %B %Y} at 09:30" in page
    # What was clicked stays while the patient is looked for and chosen.
    found = client.get(link + "&q=Rao").content.decode().replace("&amp;", "&")
    chosen = re.search(rf'href="(\?patient={asha_card.id}[^"]*)"', found)
    assert chosen
    address = "/admin/appointments/appointment/book/" + chosen[1]
    assert "wanted" not in client.get(address).content.decode(), "the reason is still to be chosen"
    page = client.get(address + "&type=consultation").content.decode()
    wanted = re.search(r'name="slot" value="([^"]+)" class="button default booking-wanted"', page)
    assert wanted
    done = client.post(address + "&type=consultation", {"slot": wanted[1].replace("&#x27;", "'")})
    assert done.status_code == 302
    assert done["Location"].startswith(WEEK)
    assert Appointment.objects.filter(patient_id=asha_card.id, start=at("09:30")).exists()
    # The same time once more: it says so, with what is free.
    assert "cannot begin at 09:30" in client.get(address + "&type=consultation").content.decode()


def test_one_reason_needs_no_choice(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, types: None
) -> None:
    make_calendar(bose_card.id, type_codes=["check"])
    link = free(client_of(rita), f"{DAY}?day={day_ahead()}")[0]
    assert "booking-wanted" in client_of(rita).get(f"{link}&patient={asha_card.id}").content.decode()


def test_nothing_to_click_for_who_may_not_book_and_in_the_past(
    rita: User, nurse_chen: User, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    path = f"{DAY}?day={day_ahead()}"
    assert free(client_of(nurse_chen), path) == []
    assert "data-book" not in client_of(nurse_chen).get(path).content.decode()
    assert free(client_of(rita), f"{DAY}?day={day_ahead(-1)}") == []
    with time_machine.travel(at("10:10"), tick=False):
        client = client_of(rita)
        first = parse_qs(urlsplit(free(client, path)[0]).query)["at"][0]
        assert first[11:16] == "10:30"
        mark = re.search(r'data-mark="(\w+)"', client.get(path).content.decode())
        assert mark
        assert client.get(f"{path}&seen={mark[1]}").status_code == 204
    with time_machine.travel(at("10:10") + timedelta(minutes=30), tick=False):
        assert client.get(f"{path}&seen={mark[1]}").status_code == 200, "a free time has gone by"


@pytest.mark.parametrize("at_", ["x", "2026-03-29T02:30", "9999-12-31T23:59-23:00", "", "2026-03-03T09:30+99:00"])
def test_made_up_time_is_no_fault(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID, at_: str
) -> None:
    query = {"practitioner": str(bose_card.id), "day": "x", "at": at_, "patient": str(asha_card.id), "type": "check"}
    assert client_of(rita).get("/admin/appointments/appointment/book/", query).status_code == 200
