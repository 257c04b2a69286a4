"""Calendars by a secret address, and the same visit through API, mail and calendar on the days the clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from django.utils import translation
from icalendar import Calendar
from pytest_django import DjangoAssertNumQueries

from appointments import ics, services
from appointments.models import Appointment, CalendarFeed
from appointments.services import feeds
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Refused
from patients.interface import PatientCard, PractitionerCard
from tests.appointments import strict_ics
from tests.appointments.fixtures import at, make_calendar
from tests.appointments.test_messages import body, ics_of
from tests.cast import ALL_DATABASES
from tests.portal.conftest import browser
from tests.portal.pages import Page, faults
from tests.support import api, deliver_events, problem, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

NOW = datetime(2026, 2, 24, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    """Tuesday 3 March 2026, 14:30 in Paris."""
    return services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("14:30"))


def path_of(user: User, owner: str = "patient") -> str:
    made = api(user).post("/api/calendar-feed", {"owner": owner}, format="json")
    assert made.status_code == 201, made.content
    url: str = made.json()["url"]
    return url[url.index("/calendar/") :]


def fetch(path: str) -> str:
    response = Client().get(path)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    text: str = response.content.decode()
    return text


# --- What it says -----------------------------------------------------------------------------------------------------
def test_feed_has_time_and_place_and_no_other_word(booked: Appointment, asha: User, dr_bose: User) -> None:
    for text, summary in ((fetch(path_of(asha)), "Rendez-vous"), (fetch(path_of(dr_bose, "practitioner")), "Visite")):
        _calendar, [event] = strict_ics.read(text)
        assert event["SUMMARY"] == summary
        assert event["LOCATION"] == "Building B\\, room 12"
        assert (event["DTSTART"], event["DTEND"]) == ("20260303T133000Z", "20260303T140000Z")
        for word in ("onsultation", "ardiolog", "Asha", "Rao", "Bose", "example.org", str(booked.patient_id)):
            assert word not in text
        [parsed] = Calendar.from_ical(text).walk("VEVENT")
        assert parsed["DTSTART"].dt == booked.start


def test_cancelled_and_moved_visits_are_the_same_entry(booked: Appointment, asha: User) -> None:
    path = path_of(asha)
    services.move(actor=asha, appointment_id=booked.id, start=at("16:00"))
    _calendar, [event] = strict_ics.read(fetch(path))
    assert (event["UID"], event["SEQUENCE"], event["DTSTART"]) == (ics.uid(booked), "1", "20260303T150000Z")
    services.cancel(actor=asha, appointment_id=booked.id)
    _calendar, [event] = strict_ics.read(fetch(path))
    assert (event["UID"], event["SEQUENCE"], event["STATUS"]) == (ics.uid(booked), "2", "CANCELLED")
    assert event["TRANSP"] == "TRANSPARENT"


def test_feed_shows_its_window_and_only_its_owner(
    booked: Appointment, asha: User, dan: User, dan_card: PatientCard
) -> None:
    path = path_of(asha)
    assert strict_ics.read(fetch(path_of(dan)))[1] == []
    for days, shown in ((-180, 0), (-179, 1), (29, 1), (31, 0)):
        with time_machine.travel(booked.start.replace(hour=12) + timedelta(days=days), tick=False):
            assert len(strict_ics.read(fetch(path))[1]) == shown, days


def test_feed_has_a_bound(booked: Appointment, asha: User, monkeypatch: pytest.MonkeyPatch) -> None:
    services.book(actor=asha, practitioner_id=booked.practitioner_id, type_code="check", start=at("09:00"))
    monkeypatch.setattr(feeds, "MOST", 1)
    [event] = strict_ics.read(fetch(path_of(asha)))[1]
    assert event["DTSTART"] == "20260303T080000Z"


def test_odd_places_are_folded_and_escaped(booked: Appointment, asha: User) -> None:
    place = "Clinique de l’Été; bâtiment Élisabeth, couloir du fond \\ à gauche, très très loin, porte n° 3"
    Appointment.objects.filter(id=booked.id).update(place=place)
    text = fetch(path_of(asha))
    _calendar, [event] = strict_ics.read(text)
    assert event["LOCATION"] == place.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    [parsed] = Calendar.from_ical(text).walk("VEVENT")
    assert str(parsed["LOCATION"]) == place


@pytest.mark.parametrize("method", [ics.REQUEST, ics.CANCEL])
def test_file_of_a_mail_passes_the_strict_reader(booked: Appointment, method: str) -> None:
    booked.place = "Ü" * 100 + ";,\\"
    calendar, [event] = strict_ics.read(ics.invitation(booked, method=method, attendee="a" * 60 + "@example.org"))
    assert calendar["METHOD"] == method
    assert event["STATUS"] == ("CANCELLED" if method == ics.CANCEL else "CONFIRMED")


def test_strict_reader_refuses_what_is_wrong(booked: Appointment) -> None:
    good = ics.invitation(booked, method=ics.REQUEST, attendee="a@example.org")
    for wrong in (
        good.replace("\r\n", "\n"),
        good.replace("SUMMARY:", "SUMMARY:" + "x" * 80),
        good.replace("SEQUENCE:0\r\n", ""),
        good.replace("DTSTART:2026", "DTSTART;TZID=Europe/Paris:2026").replace("133000Z", "133000"),
        good.replace("room 12", "room, 12"),
        good.replace("\r\nEND:VEVENT", ""),
    ):
        with pytest.raises(AssertionError):
            strict_ics.read(wrong)


# --- Who may read, and how often --------------------------------------------------------------------------------------
def test_address_is_kept_as_a_hash_and_told_once(booked: Appointment, asha: User) -> None:
    path = path_of(asha)
    token = path.removeprefix("/calendar/").removesuffix(".ics")
    [row] = CalendarFeed.objects.all()
    assert token not in str({name: getattr(row, name) for name in ("token_hash", "open_key", "id", "owner_id")})
    seen = api(asha).get("/api/calendar-feed")
    assert seen.json().keys() == {"owner", "owner_id", "created_at", "read_at"}
    assert token not in seen.content.decode()


def test_new_address_closes_the_old_one_and_closing_closes(booked: Appointment, asha: User) -> None:
    old, new = path_of(asha), path_of(asha)
    assert Client().get(old).status_code == 404
    assert Client().get(new).status_code == 200
    for _ in range(2):
        assert api(asha).post("/api/calendar-feed/close", {}, format="json").status_code == 204
    assert Client().get(new).status_code == 404
    assert api(asha).get("/api/calendar-feed").status_code == 204
    assert Client().get(path_of(asha)).status_code == 200


def test_address_of_who_is_not_here_any_more_is_gone(booked: Appointment, asha: User) -> None:
    from patients.models import Patient

    path = path_of(asha)
    Patient.objects.filter(id=booked.patient_id).update(active=False)
    assert Client().get(path).status_code == 404


def test_guessed_addresses_are_not_there_and_counted(booked: Appointment, asha: User) -> None:
    path = path_of(asha)
    for wrong in ("/calendar/x.ics", path.replace(".ics", "x.ics"), path.upper().replace(".ICS", ".ics")):
        assert Client().get(wrong).status_code == 404
    codes = [Client().get("/calendar/x.ics", REMOTE_ADDR="192.0.2.9").status_code for _ in range(301)]
    assert codes[-2:] == [404, 429]
    assert Client().post(path).status_code == 405


def test_who_is_no_practitioner_has_no_such_calendar(asha: User, asha_card: PatientCard, rita: User) -> None:
    problem(api(asha).post("/api/calendar-feed", {"owner": "practitioner"}, format="json"), 403, "refused")
    problem(api(rita).post("/api/calendar-feed", {}, format="json"), 403, "refused")
    assert "owner" in problem(api(asha).get("/api/calendar-feed", {"owner": "x"}), 422, "invalid")["errors"]
    assert api().post("/api/calendar-feed").status_code == 401
    with pytest.raises(Refused):
        feeds.close_any(actor=rita, feed_id=asha_card.id)


def test_reader_that_has_the_text_gets_304_until_it_changes(booked: Appointment, asha: User) -> None:
    path, client = path_of(asha), Client()
    first = client.get(path)
    assert first["Cache-Control"] == "private, no-cache"
    etag, modified = first["ETag"], first["Last-Modified"]
    with time_machine.travel(NOW + timedelta(hours=3), tick=False):
        for header in ({"if-none-match": etag}, {"if-modified-since": modified}):
            answer = client.get(path, headers=header)
            assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", etag)
        assert AccessEntry.objects.filter(right="feed").count() == 1
        services.move(actor=asha, appointment_id=booked.id, start=at("16:00"))
        for header in ({"if-none-match": etag}, {"if-modified-since": modified}):
            answer = client.get(path, headers=header)
            assert answer.status_code == 200
            assert answer["ETag"] != etag
    # The window has moved: who asks by date only must not miss what has come into it.
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        assert client.get(path, headers={"if-modified-since": answer["Last-Modified"]}).status_code == 200


def test_each_reading_is_in_the_access_log(booked: Appointment, asha: User, dr_bose: User) -> None:
    mine, his = path_of(asha), path_of(dr_bose, "practitioner")
    fetch(mine)
    fetch(his)
    entries = AccessEntry.objects.filter(resource="calendar-feed").order_by("id")
    assert [(one.action, one.patient_id, one.purpose, one.right) for one in entries] == [
        ("create", booked.patient_id, "self", "self"),
        ("create", None, "appointments", "self"),
        ("export", booked.patient_id, "self", "feed"),
        ("export", None, "appointments", "feed"),
    ]
    assert all(one.address for one in entries if one.right == "feed")
    assert CalendarFeed.objects.get(owner="patient").read_at == NOW


def test_queries_do_not_grow_with_the_visits(
    booked: Appointment, asha: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    path = path_of(asha)
    fetch(path)
    with django_assert_num_queries(3, using=APPOINTMENTS):
        fetch(path)
    for wall in ("08:00", "08:30", "09:00"):
        services.book(actor=asha, practitioner_id=booked.practitioner_id, type_code="check", start=at(wall))
    with django_assert_num_queries(3, using=APPOINTMENTS):
        fetch(path)


# --- Pages ------------------------------------------------------------------------------------------------------------
def test_patient_makes_renews_and_closes_in_the_portal(asha: User, booked: Appointment) -> None:
    as_asha = browser(asha)
    page = Page(as_asha.get("/calendar/"))
    assert faults(page) == []
    response = as_asha.post("/calendar/", {"do": "make"})
    url = response.context["url"]
    assert "no-store" in response["Cache-Control"]
    assert url in Page(response).text
    assert faults(Page(response)) == []
    path = url[url.index("/calendar/") :]
    assert "SUMMARY:Appointment" in fetch(path)
    assert url not in Page(as_asha.get("/calendar/")).text
    assert "no longer works" in Page(as_asha.post("/calendar/", {"do": "close"}, follow=True)).text
    assert Client().get(path).status_code == 404
    assert "was not complete" in Page(as_asha.post("/calendar/", {"do": "x"}, follow=True)).text


def test_practitioner_makes_theirs_in_the_admin_and_the_administration_closes_it(
    dr_bose: User, alice: User, rita: User, booked: Appointment
) -> None:
    mine = "/admin/appointments/calendarfeed/mine/"
    for user in (dr_bose, alice, rita):
        User.objects.filter(id=user.id).update(language="en")
        user.refresh_from_db()
    response = browser(dr_bose).post(mine, {"do": "make"})
    url = response.context["url"]
    assert Page(response).refused == []
    path = url[url.index("/calendar/") :]
    assert "SUMMARY:Visit" in fetch(path)
    assert "belongs to no practitioner" in Page(browser(rita).get(mine)).text
    listing = "/admin/appointments/calendarfeed/"
    assert browser(dr_bose).get(listing).status_code == 403
    page = Page(browser(alice).get(listing))
    assert "Dr Anil Bose" in page.text
    [row] = CalendarFeed.objects.all()
    browser(alice).post(listing, {"action": "close", "_selected_action": [str(row.id)]})
    assert Client().get(path).status_code == 404


# --- The days on which the clocks change ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("zone", "wall", "utc", "said"),
    [
        ("Europe/Paris", "2026-03-29T09:00:00+02:00", "20260329T070000Z", "dimanche 29 mars 2026 à 09:00"),
        ("Europe/Paris", "2026-10-25T09:00:00+01:00", "20261025T080000Z", "dimanche 25 octobre 2026 à 09:00"),
        # Sydney goes forward on 4 October, and back on 5 April.
        ("Australia/Sydney", "2026-10-04T09:00:00+11:00", "20261003T220000Z", "dimanche 4 octobre 2026 à 09:00"),
        ("Australia/Sydney", "2026-04-05T09:00:00+10:00", "20260404T230000Z", "dimanche 5 avril 2026 à 09:00"),
    ],
)
def test_one_visit_has_one_time_through_api_mail_and_calendar(
    asha: User, asha_card: PatientCard, chen_card: PractitionerCard, types: None,
    zone: str, wall: str, utc: str, said: str,
) -> None:  # fmt: skip
    make_calendar(chen_card.id, zone=zone, horizon_days=300)
    day = wall[:10]
    asked = {"practitioner": str(chen_card.id), "type": "check", "from": day, "to": day}
    slots = api(asha).get("/api/slots", asked).json()["results"]
    # Nine on the wall is offered, and it is the instant of that day's offset.
    assert wall in [slot["local_start"] for slot in slots]
    made = api(asha).post(
        "/api/appointments", {"practitioner_id": str(chen_card.id), "type": "check", "start": wall}, format="json"
    )
    assert made.status_code == 201, made.content
    answer = made.json()
    assert strict_ics.instant(utc) == datetime.fromisoformat(answer["start"])
    assert answer["local_start"] == wall
    deliver_events()
    [mail] = send_mails()
    assert said in body(mail, "plain")
    assert said in mail["Subject"]
    _calendar, [invited] = strict_ics.read(ics_of(mail))
    with time_machine.travel(strict_ics.instant(utc) - timedelta(days=20), tick=False):
        path = path_of(asha)
        _calendar, [fed] = strict_ics.read(fetch(path))
    for event in (invited, fed):
        assert (event["DTSTART"], event["UID"]) == (utc, f"{answer['id']}@medisecure")
        assert strict_ics.instant(event["DTSTART"]).astimezone(ZoneInfo(zone)).hour == 9
    with time_machine.travel(strict_ics.instant(utc) - timedelta(hours=48), tick=False), translation.override("fr"):
        from appointments.tasks import remind

        assert remind() == 1
        deliver_events()
        [reminder] = send_mails()
        assert said in reminder["Subject"]
