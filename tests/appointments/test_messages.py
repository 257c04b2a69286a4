from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest
import time_machine
from django.utils import translation
from icalendar import Calendar

from appointments import ics, services, tasks
from appointments.models import Appointment
from medisecure.accounts.models import User
from medisecure.kernel import outbox
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.events import Event, Value, consumers_of
from medisecure.kernel.ids import new_id
from medisecure.notifications.interface import notices_for
from patients.interface import PatientCard, PractitionerCard, may_read_record
from tests.appointments.fixtures import at, make_calendar
from tests.cast import ALL_DATABASES
from tests.support import deliver_events, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

#: A Tuesday in February, so that the days of the tests are known.
NOW = datetime(2026, 2, 24, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    """Tuesday 3 March 2026, 14:30 in Paris."""
    return services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("14:30"))


def calendar_part(mail: EmailMessage) -> EmailMessage:
    [part] = [one for one in mail.iter_attachments() if one.get_content_type() == "text/calendar"]
    assert isinstance(part, EmailMessage)
    return part


def ics_of(mail: EmailMessage) -> str:
    text: str = calendar_part(mail).get_payload(decode=True).decode()  # type: ignore[union-attr]
    return text


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


def test_confirmation_says_when_where_and_with_whom_in_the_patients_language(booked: Appointment, asha: User) -> None:
    deliver_events()
    [mail] = send_mails()
    assert mail["To"] == asha.email
    for text in (body(mail, "plain"), body(mail, "html")):
        assert "mardi 3 mars 2026" in text
        assert "14:30" in text
        assert "Dr Anil Bose" in text
        assert "Building B, room 12" in text
        assert "/appointments/" in text
        assert "Consultation" not in text
    assert "14:30" in mail["Subject"]
    assert [line.url for line in notices_for(asha.id)] == ["/appointments/"]


def test_confirmation_in_english(
    dan: User, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    services.book(actor=dan, practitioner_id=bose_card.id, type_code="consultation", start=at("14:30"))
    deliver_events()
    [mail] = send_mails()
    assert mail["Subject"] == "Your appointment on Tuesday 3 March 2026 at 14:30"
    assert "Hello Dan Moreau," in body(mail, "plain")
    assert "&#x27;" not in body(mail, "plain")


def test_event_that_comes_twice_makes_one_mail(booked: Appointment) -> None:
    [row] = outbox.pending(APPOINTMENTS)
    event = Event(UUID(str(row.id)), row.name, json.loads(json.dumps(row.payload)))
    for _ in range(2):
        for found in consumers_of(row.name):
            outbox.consume(found, event)
    # And once more past the inbox: the key of the mail itself holds too.
    tasks.mail_booked(event)
    assert len(send_mails()) == 1


def test_late_confirmation_of_a_cancelled_visit_is_not_sent(booked: Appointment, asha: User) -> None:
    services.cancel(actor=asha, appointment_id=booked.id)
    rows = list(outbox.pending(APPOINTMENTS))
    assert [row.name for row in rows] == ["appointment.booked", "appointment.cancelled"]
    for row in reversed(rows):
        for found in consumers_of(row.name):
            outbox.consume(found, Event(UUID(str(row.id)), row.name, row.payload))
    [mail] = send_mails()
    assert "METHOD:CANCEL" in ics_of(mail)


def test_late_confirmation_of_a_moved_visit_is_not_sent(booked: Appointment, asha: User) -> None:
    services.move(actor=asha, appointment_id=booked.id, start=at("16:00"))
    deliver_events()
    [mail] = send_mails()
    assert "16:00" in body(mail, "plain")
    assert "14:30" not in body(mail, "plain")


def test_nothing_is_announced_once_it_is_over(booked: Appointment) -> None:
    with time_machine.travel(NOW + timedelta(days=30)):
        deliver_events()
        assert send_mails() == []


def test_moved_and_cancelled_mails_follow_the_same_entry(booked: Appointment, asha: User) -> None:
    found = []
    deliver_events()
    found += send_mails()
    services.move(actor=asha, appointment_id=booked.id, start=at("16:00"))
    deliver_events()
    found += send_mails()
    services.cancel(actor=asha, appointment_id=booked.id)
    deliver_events()
    found += send_mails()
    entries = [Calendar.from_ical(ics_of(mail)) for mail in found]
    events = [entry.walk("VEVENT")[0] for entry in entries]
    assert [str(entry["METHOD"]) for entry in entries] == ["REQUEST", "REQUEST", "CANCEL"]
    assert [event["SEQUENCE"] for event in events] == [0, 1, 2]
    assert {str(event["UID"]) for event in events} == {f"{booked.id}@medisecure"}
    assert [str(event["STATUS"]) for event in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert [part.get_param("method") for part in map(calendar_part, found)] == ["REQUEST", "REQUEST", "CANCEL"]


def test_calendar_file_keeps_to_the_standard(booked: Appointment) -> None:
    booked.place = (
        "Clinique de l'Été, bâtiment Élisabeth; couloir du fond, très loin à gauche après l'ascenseur, porte 3"
    )
    text = ics.invitation(booked, method=ics.REQUEST, attendee="a" * 60 + "@example.org")
    assert text.endswith("END:VCALENDAR\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    entry = Calendar.from_ical(text)
    [event] = entry.walk("VEVENT")
    assert event["DTSTART"].dt == booked.start
    assert event["DTEND"].dt == booked.end
    assert "DTSTART:20260303T133000Z" in text
    assert str(event["LOCATION"]) == booked.place
    assert {"UID", "DTSTAMP", "SEQUENCE", "ORGANIZER", "ATTENDEE", "SUMMARY"} <= set(event)
    assert "onsultation" not in text
    assert "Bose" not in text


@pytest.mark.parametrize(
    ("instant", "zone", "expected"),
    [
        (datetime(2026, 3, 28, 8, tzinfo=UTC), "Europe/Paris", "samedi 28 mars 2026|09:00"),
        (datetime(2026, 3, 29, 7, tzinfo=UTC), "Europe/Paris", "dimanche 29 mars 2026|09:00"),
        (datetime(2026, 10, 25, 8, tzinfo=UTC), "Europe/Paris", "dimanche 25 octobre 2026|09:00"),
        (datetime(2026, 10, 3, 22, tzinfo=UTC), "Australia/Sydney", "dimanche 4 octobre 2026|09:00"),
    ],
)
def test_mail_says_the_time_on_the_places_clock(instant: datetime, zone: str, expected: str) -> None:
    with translation.override("fr"):
        text = tasks.when(instant, zone)
    assert all(part in text for part in expected.split("|"))


def test_both_clock_changes_from_slot_to_calendar_file(
    asha: User, asha_card: PatientCard, chen_card: PractitionerCard, types: None
) -> None:
    make_calendar(chen_card.id, horizon_days=300)
    for day, utc in (("2026-03-29", "20260329T070000Z"), ("2026-10-25", "20261025T080000Z")):
        start = datetime.fromisoformat(f"{day}T09:00:00+0{2 if '03-' in day else 1}:00")
        services.book(actor=asha, practitioner_id=chen_card.id, type_code="check", start=start)
        deliver_events()
        [mail] = send_mails()
        assert f"DTSTART:{utc}" in ics_of(mail)
        assert "09:00" in body(mail, "plain")


def test_patient_without_an_address_gets_a_notice_only(
    booked: Appointment, asha: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from patients import addressees, interface

    card = interface.patient_card(booked.patient_id)
    monkeypatch.setattr(addressees, "patient_card", lambda _id: replace(card, email=""))
    deliver_events()
    assert send_mails() == []
    assert len(notices_for(asha.id)) == 1


def test_visit_opens_the_record_to_its_practitioner_and_cancelling_closes_it(
    booked: Appointment, asha: User, dr_bose: User
) -> None:
    assert not may_read_record(dr_bose, booked.patient_id)
    deliver_events()
    with time_machine.travel(booked.start):
        assert may_read_record(dr_bose, booked.patient_id)
    services.cancel(actor=asha, appointment_id=booked.id)
    deliver_events()
    with time_machine.travel(booked.start):
        assert not may_read_record(dr_bose, booked.patient_id)


def test_event_of_a_vanished_appointment_does_nothing() -> None:
    payload: dict[str, Value] = {"appointment_id": str(new_id()), "sequence": 0}
    tasks.mail_booked(Event(new_id(), "appointment.booked", payload))
    assert send_mails() == []
