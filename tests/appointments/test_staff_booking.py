"""Staff book and move in the admin, and see what a change of hours, an absence or a room has stranded."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from appointments import services, stranded
from appointments.models import Appointment, Calendar, Leave, Resource
from appointments.services import add_leave, create_resource, create_type
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from patients.interface import PatientCard, PractitionerCard, register_practitioner
from tests.appointments.fixtures import WEEK, at, day_ahead, make_calendar
from tests.cast import ALL_DATABASES
from tests.support import deliver_events

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

BOOK = "/admin/appointments/appointment/book/"
STRANDED = "/admin/appointments/calendar/stranded/"


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    return services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    client.cookies["medisecure_language"] = "en"
    return client


def address(patient: PatientCard, practitioner: PractitionerCard | None = None, code: str = "consultation") -> str:
    who = practitioner.id if practitioner else ""
    return f"{BOOK}?patient={patient.id}&type={code}&practitioner={who}&day={day_ahead()}"


def buttons(answer: Any) -> list[str]:
    return re.findall(r'name="slot" value="([^"]+)"', answer.content.decode())


# --- book -------------------------------------------------------------------------------------------------------------
def test_receptionist_finds_the_patient_chooses_and_books(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    client = browser(rita)
    found = client.get(BOOK, {"q": "rao"}).content.decode()
    assert f"?patient={asha_card.id}" in found
    assert AccessEntry.objects.filter(action="search", actor_id=rita.id, purpose="appointments").count() == 1
    assert "Nobody was found" in client.get(BOOK, {"q": "zzzz"}).content.decode()
    page = client.get(BOOK, {"patient": str(asha_card.id)}).content.decode()
    assert "Asha Rao" in page
    assert "Ultrasound" in page, "staff book what patients may not"
    times = client.get(address(asha_card))
    assert buttons(times)[0] == f"{bose_card.id}|{clock.local(at('08:00'), 'Europe/Paris').isoformat()}"
    answer = client.post(address(asha_card), {"slot": buttons(times)[0], "note": "brings a letter"}, follow=True)
    row = Appointment.objects.get()
    assert (row.patient_id, row.start, row.staff_note, row.booked_by) == (
        asha_card.id, at("08:00"), "brings a letter", rita.id,
    )  # fmt: skip
    assert answer.redirect_chain == [(f"/admin/appointments/appointment/agenda/?day={day_ahead()}#visit-{row.id}", 302)]
    assert "Booked:" in answer.content.decode()


def test_taken_time_is_said_and_what_was_typed_stays(
    rita: User, booked: Appointment, dan_card: PatientCard, bose_card: PractitionerCard
) -> None:
    slot = f"{bose_card.id}|{at('09:00').isoformat()}"
    answer = browser(rita).post(address(dan_card, bose_card), {"slot": slot, "note": "brings a letter"})
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "This slot has just been taken" in text
    assert 'value="brings a letter"' in text
    assert "09:30" in text
    assert Appointment.objects.count() == 1


@pytest.mark.parametrize(
    "slot",
    [
        "",
        "x",
        "|",
        "no|2030-01-01T09:00:00+01:00",
        "{who}|tomorrow",
        "{who}|2030-01-01T09:00:00",
        "{who}|0001-01-01T00:00:00+14:00",
    ],
)
def test_button_that_was_tampered_with_books_nothing(
    slot: str, rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    answer = browser(rita).post(address(asha_card, bose_card), {"slot": slot.replace("{who}", str(bose_card.id))})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not Appointment.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        "type=nothing",
        "type=consultation&day=yesterday",
        "type=consultation&practitioner=x",
        "day=9999-12-31&type=check",
    ],
)
def test_made_up_address_is_answered_and_no_fault(
    query: str, rita: User, asha_card: PatientCard, calendar_id: UUID
) -> None:
    answer = browser(rita).get(f"{BOOK}?patient={asha_card.id}&{query}")
    assert answer.status_code == 200
    assert buttons(answer) == []


def test_doctor_overbooks_on_the_places_clock_with_a_reason(
    dr_bose: User, booked: Appointment, asha_card: PatientCard, bose_card: PractitionerCard
) -> None:
    deliver_events()
    client = browser(dr_bose)
    wall = f"{day_ahead()}T13:00"
    page = client.post(address(asha_card, bose_card), {"overbook": "1", "at": wall, "reason": ""})
    assert page.status_code == 422
    assert f'value="{wall}"' in page.content.decode(), "what was typed stays"
    nobody = client.post(address(asha_card), {"overbook": "1", "at": wall, "reason": "pain"})
    assert "choose with whom" in nobody.content.decode()
    assert (
        client.post(address(asha_card, bose_card), {"overbook": "1", "at": wall, "reason": "pain"}).status_code == 302
    )
    row = Appointment.objects.get(overbooked=True)
    assert (row.start, row.overbook_reason) == (at("13:00"), "pain")


def test_overbooking_in_the_gap_of_the_clocks_is_refused(
    dr_bose: User, booked: Appointment, asha_card: PatientCard, bose_card: PractitionerCard
) -> None:
    deliver_events()
    page = browser(dr_bose).post(
        address(asha_card, bose_card), {"overbook": "1", "at": "2027-03-28T02:30", "reason": "pain"}
    )
    assert page.status_code == 422
    assert "booking-error" in page.content.decode()


def test_who_may_not_book_for_others_gets_no_page(
    carol: User, nurse_chen: User, dr_bose: User, asha: User, rita: User, asha_card: PatientCard, booked: Appointment
) -> None:
    for actor in (carol, nurse_chen):
        assert browser(actor).get(BOOK).status_code == 403
        assert browser(actor).post(address(asha_card), {"slot": "x"}).status_code == 403
    assert browser(asha).get(BOOK).status_code in (302, 403)
    # Not in the doctor's care as long as the event has not arrived: out of sight.
    assert browser(dr_bose).get(address(asha_card)).status_code == 404
    assert "overbook" not in browser(rita).get(address(asha_card)).content.decode()


def test_patient_page_leads_to_booking(rita: User, carol: User, asha_card: PatientCard, booked: Appointment) -> None:
    url = f"/admin/patients/patient/{asha_card.id}/change/"
    text = browser(rita).get(url).content.decode()
    assert f"{BOOK}?patient={asha_card.id}" in text
    assert "Next appointment:" in text
    assert BOOK not in browser(carol).get(url).content.decode()


def test_queries_of_the_page_do_not_grow_with_practitioners(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    client = browser(rita)

    def queries() -> int:
        with (
            CaptureQueriesContext(connections["default"]) as one,
            CaptureQueriesContext(connections["appointments"]) as two,
        ):
            client.get(address(asha_card))
        return len(one) + len(two)

    queries()
    few = queries()
    for number in range(6):
        card = register_practitioner(actor=None, full_name=f"Dr {number}", specialty="x", specialty_label="X")
        make_calendar(card.id)
    queries()
    assert queries() == few


# --- move -------------------------------------------------------------------------------------------------------------
def test_receptionist_moves_a_visit(rita: User, booked: Appointment, bose_card: PractitionerCard) -> None:
    url = f"/admin/appointments/appointment/{booked.id}/move/"
    client = browser(rita)
    page = client.get(url)
    assert "Asha Rao" in page.content.decode()
    slot = next(value for value in buttons(page) if "T15:00" in value)
    assert client.post(url, {"slot": slot, "version": "9"}).status_code == 409
    answer = client.post(f"{url}?back={STRANDED}", {"slot": slot, "version": "1"})
    assert answer["Location"] == STRANDED
    booked.refresh_from_db()
    assert (booked.start, booked.version) == (at("15:00"), 2)
    assert client.post(f"{url}?back=//elsewhere.example/", {"slot": slot, "version": "2"}).status_code in (
        302,
        409,
        422,
    )


def test_way_back_leads_to_us_only(rita: User, booked: Appointment) -> None:
    url = f"/admin/appointments/appointment/{booked.id}/move/"
    for bad in ("//elsewhere.example/admin/", "https://elsewhere.example/admin/", "/book/"):
        assert browser(rita).get(url, {"back": bad}).context["back"] == ""
    assert browser(rita).get(url, {"back": STRANDED}).context["back"] == STRANDED


def test_move_out_of_sight_is_404(carol: User, dan: User, dr_bose: User, booked: Appointment) -> None:
    url = f"/admin/appointments/appointment/{booked.id}/move/"
    assert browser(carol).get(url).status_code == 403
    assert browser(dr_bose).get(url).status_code == 200
    assert browser(dr_bose).get(url.replace(str(booked.id), str(UUID(int=7)))).status_code == 404


# --- stranded ---------------------------------------------------------------------------------------------------------
def find() -> list[tuple[UUID, str]]:
    return [(one.appointment.id, one.why.value) for one in stranded.find(Appointment.objects.all(), limit=50)]


def test_visit_is_stranded_by_hours_leave_and_a_closed_calendar_and_no_longer_when_put_back(
    booked: Appointment, calendar_id: UUID, bose_card: PractitionerCard
) -> None:
    assert find() == []
    rows = Calendar.objects.filter(id=calendar_id)
    rows.update(weekly_rules=[rule | {"start": "10:00"} for rule in WEEK if rule["start"] == "08:00"])
    assert find() == [(booked.id, "closed")]
    # Off the grid is not out of hours: the patient need not care.
    rows.update(weekly_rules=WEEK, grid_minutes=240)
    assert find() == []
    rows.update(active=False)
    assert find() == [(booked.id, "closed")]
    rows.update(active=True)
    leave = add_leave(practitioner_id=bose_card.id, start=at("09:25"), end=at("12:00"))
    assert find() == [(booked.id, "leave")]
    Leave.objects.filter(id=leave).delete()
    rows.update(exceptions=[{"date": day_ahead().isoformat(), "hours": []}])
    assert find() == [(booked.id, "closed")]


def test_overbooked_visit_outside_the_hours_is_not_stranded_but_by_leave(
    dr_bose: User, booked: Appointment, asha_card: PatientCard, bose_card: PractitionerCard
) -> None:
    deliver_events()
    row = services.book(
        actor=dr_bose,
        practitioner_id=bose_card.id,
        type_code="check",
        start=at("13:00"),
        patient_id=asha_card.id,
        overbook_reason="pain",
    )
    assert find() == []
    add_leave(practitioner_id=bose_card.id, start=at("12:30"), end=at("14:00"))
    assert find() == [(row.id, "leave")]


def test_every_stranded_visit_is_found_across_batches(
    rita: User, asha_card: PatientCard, dan_card: PatientCard, bose_card: PractitionerCard, chen_card: PractitionerCard,
    calendar_id: UUID, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(stranded, "_BATCH", 2)
    make_calendar(chen_card.id)
    expected = []
    for wall in ("09:00", "10:00", "11:00"):
        for practitioner, patient in ((bose_card, asha_card), (chen_card, dan_card)):
            row = services.book(
                actor=rita, practitioner_id=practitioner.id, type_code="check", start=at(wall), patient_id=patient.id
            )
            expected.append(row.id)
    Calendar.objects.update(active=False)
    found = [one for one, _why in find()]
    assert sorted(found) == sorted(expected)
    assert len(stranded.find(Appointment.objects.all(), limit=4)) == 4


def test_saving_hours_that_strand_leads_to_the_list_and_to_moving(
    alice: User, rita: User, booked: Appointment, calendar_id: UUID, bose_card: PractitionerCard
) -> None:
    form = {
        "practitioner_id": str(bose_card.id),
        "place": "Building B, room 12",
        "zone": "Europe/Paris",
        "active": "on",
        "weekly_rules": json.dumps([rule for rule in WEEK if rule["start"] == "14:00"]),
        "exceptions": "[]",
        "type_codes": ["check", "consultation"],
        "holiday_country": "FR",
        "grid_minutes": "15",
        "valid_from": "2020-01-01",
        "lead_minutes": "60",
        "horizon_days": "90",
        "cancel_notice_hours": "24",
    }
    url = f"/admin/appointments/calendar/{calendar_id}/change/"
    answer = browser(alice).post(url, form)
    assert answer["Location"] == f"{STRANDED}?practitioner={bose_card.id}"
    # Administrators change calendars, the reception moves people.
    page = browser(alice).get(answer["Location"]).content.decode()
    assert "Asha Rao" in page
    assert f"{booked.id}/move/" not in page
    page = browser(rita).get(STRANDED).content.decode()
    assert (
        f"/admin/appointments/appointment/{booked.id}/move/?back=%2Fadmin%2Fappointments%2Fcalendar%2Fstranded%2F"
        in page
    )
    assert AccessEntry.objects.filter(resource_id="stranded").count() == 2
    services.move(actor=rita, appointment_id=booked.id, start=at("15:00"))
    assert "Every booked visit fits." in browser(rita).get(STRANDED).content.decode()
    assert browser(alice).post(url, form)["Location"] == "/admin/appointments/calendar/"


def test_leave_and_room_that_strand_lead_to_the_list(
    alice: User, rita: User, asha_card: PatientCard, booked: Appointment, bose_card: PractitionerCard
) -> None:
    client = browser(alice)
    start, end = (clock.local(at(wall), "Europe/Paris") for wall in ("08:00", "12:00"))
    leave = {
        "practitioner_id": str(bose_card.id),
        "start_0": f"{start:%Y-%m-%d}", "start_1": f"{start:%H:%M}",
        "end_0": f"{end:%Y-%m-%d}", "end_1": f"{end:%H:%M}",
        "reason": "holiday",
    }  # fmt: skip
    answer = client.post("/admin/appointments/leave/add/", leave)
    assert answer["Location"] == f"{STRANDED}?practitioner={bose_card.id}"
    room = create_resource(code="room", name="Room", place="Building B, room 12")
    create_type(code="scan", label_fr="S", label_en="S", duration_minutes=30, needs=["room"])
    Calendar.objects.update(type_codes=["scan"])
    services.book(
        actor=rita, practitioner_id=bose_card.id, type_code="scan", start=at("15:00"), patient_id=asha_card.id
    )
    form = {"name": "Room", "code": "room", "kind": "room", "place": "Building B, room 12"}
    answer = client.post(f"/admin/appointments/resource/{room}/change/", form)
    assert answer["Location"] == STRANDED
    assert not Resource.objects.get().active
    assert [why for _one, why in find()] == ["leave", "resource"]


def test_stranded_are_shown_to_who_sees_them(
    dr_bose: User, nurse_chen: User, carol: User, dan: User, booked: Appointment, calendar_id: UUID
) -> None:
    Calendar.objects.update(active=False)
    assert "Asha Rao" in browser(dr_bose).get(STRANDED).content.decode()
    assert "Asha Rao" in browser(nurse_chen).get(STRANDED).content.decode()
    assert browser(carol).get(STRANDED).status_code == 403
    assert browser(dan).get(STRANDED).status_code in (302, 403)
    assert browser(nurse_chen).get(STRANDED, {"practitioner": "x"}).status_code == 200


def test_past_and_cancelled_visits_are_never_stranded(rita: User, booked: Appointment, calendar_id: UUID) -> None:
    Calendar.objects.update(active=False)
    services.cancel(actor=rita, appointment_id=booked.id)
    assert find() == []
    Appointment.objects.update(status="booked", start=clock.now() - timedelta(hours=1))
    assert find() == []
