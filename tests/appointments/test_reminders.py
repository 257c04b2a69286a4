"""Reminders: once, in time or not at all, on the place's clock and in the patient's language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from django.utils import translation
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from appointments import reminder_rules, services, tasks
from appointments.models import Appointment, Reminder
from appointments.services import reminders
from medisecure.accounts.models import User
from medisecure.kernel import outbox
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.events import Event, consumers_of
from medisecure.notifications.interface import notices_for
from medisecure.notifications.models import Message
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, make_calendar
from tests.appointments.test_messages import body
from tests.cast import ALL_DATABASES
from tests.support import deliver_events, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

NOW = datetime(2026, 2, 24, 9, tzinfo=UTC)
#: What `at("14:30")` is, seen from NOW.
START = datetime(2026, 3, 3, 13, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    """Tuesday 3 March 2026, 14:30 in Paris; the confirmation has been sent."""
    row = services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("14:30"))
    deliver_events()
    send_mails()
    return row


def look(before: timedelta) -> list[str]:
    """What the sweep and the worker send when they run so long before the visit: subjects."""
    with time_machine.travel(START - before, tick=False):
        tasks.remind()
        deliver_events()
        return [mail["Subject"] for mail in send_mails()]


def test_reminders_come_48_and_2_hours_before(booked: Appointment, asha: User) -> None:
    found = [hours for hours in range(60, -1, -1) if look(timedelta(hours=hours))]
    assert found == [48, 2]
    with translation.override("fr"):
        assert [line.sentence for line in notices_for(asha.id)][:2] == ["Vous avez bientôt un rendez-vous."] * 2


def test_each_is_sent_once_however_often_one_looks(booked: Appointment) -> None:
    with time_machine.travel(START - timedelta(hours=2), tick=False):
        assert [tasks.remind() for _ in range(3)] == [1, 0, 0]
        rows = list(outbox.pending(APPOINTMENTS))
        for _ in range(2):
            for row in rows:
                event = Event(UUID(str(row.id)), row.name, row.payload)
                for found in consumers_of(row.name):
                    outbox.consume(found, event)
                tasks.mail_reminder(event)
        assert len(send_mails()) == 1
        assert send_mails() == []


def test_mail_is_in_the_patients_language_and_on_the_places_clock(
    dan: User, dan_card: PatientCard, chen_card: PractitionerCard, types: None
) -> None:
    make_calendar(chen_card.id, zone="Australia/Sydney", place="Harbour clinic")
    start = datetime(2026, 3, 2, 22, tzinfo=UTC)  # 09:00 on Tuesday 3 March in Sydney
    services.book(actor=dan, practitioner_id=chen_card.id, type_code="consultation", start=start)
    deliver_events()
    send_mails()
    with time_machine.travel(start - timedelta(hours=48), tick=False):
        tasks.remind()
        deliver_events()
        [mail] = send_mails()
    assert mail["Subject"] == "Reminder: your appointment on Tuesday 3 March 2026 at 09:00"
    for text in (body(mail, "plain"), body(mail, "html")):
        assert "Tuesday 3 March 2026 at 09:00" in text
        assert "Harbour clinic" in text
        assert re.search(r"http\S+/visit/[\w:-]+/", text)
        assert "onsultation" not in text


def test_none_for_what_was_booked_inside_the_hours(booked: Appointment, dan: User, dan_card: PatientCard) -> None:
    with time_machine.travel(START - timedelta(hours=10), tick=False):
        late = services.book(
            actor=dan, practitioner_id=booked.practitioner_id, type_code="check", start=at("15:30", days=0)
        )
        deliver_events()
        send_mails()
        assert tasks.remind() == 0
    with time_machine.travel(START + timedelta(hours=1) - timedelta(hours=2), tick=False):
        tasks.remind()
        assert list(Reminder.objects.values_list("appointment_id", "hours")) == [(late.id, 2)]


def test_none_for_what_moved_into_the_hours_but_again_after_a_later_move(booked: Appointment, rita: User) -> None:
    assert len(look(timedelta(hours=48))) == 1
    with time_machine.travel(START - timedelta(hours=47), tick=False):
        services.move(actor=rita, appointment_id=booked.id, start=START + timedelta(minutes=30))
        deliver_events()
        send_mails()
        assert tasks.remind() == 0
        services.move(actor=rita, appointment_id=booked.id, start=START + timedelta(days=3))
        deliver_events()
        send_mails()
    with time_machine.travel(START + timedelta(days=1), tick=False):
        assert tasks.remind() == 1


@pytest.mark.parametrize("hours", [48, 2])
def test_none_for_a_cancelled_visit(booked: Appointment, rita: User, hours: int) -> None:
    services.cancel(actor=rita, appointment_id=booked.id)
    deliver_events()
    send_mails()
    assert look(timedelta(hours=hours)) == []


def test_reminder_that_waited_in_the_queue_is_dropped_when_the_visit_was_cancelled(
    booked: Appointment, rita: User
) -> None:
    with time_machine.travel(START - timedelta(hours=48), tick=False):
        tasks.remind()
        assert outbox.pending(APPOINTMENTS).count() == 1
        services.cancel(actor=rita, appointment_id=booked.id)
        deliver_events()
        assert ["Annulation" in mail["Subject"] for mail in send_mails()] == [True]


def test_reminder_that_waited_too_long_is_not_sent(booked: Appointment) -> None:
    with time_machine.travel(START - timedelta(hours=48), tick=False):
        assert tasks.remind() == 1
    with time_machine.travel(START - timedelta(hours=24), tick=False):
        deliver_events()
        assert send_mails() == []


def test_look_that_was_away_for_a_day_sends_nothing_stale(booked: Appointment) -> None:
    assert look(timedelta(hours=24)) == []
    assert look(timedelta(hours=43)) != []
    assert look(timedelta(minutes=80)) == []


def test_after_an_outage_only_the_later_of_two_is_sent(booked: Appointment, settings: Settings) -> None:
    settings.REMINDER_HOURS = [23, 24]
    assert len(look(timedelta(hours=22))) == 1
    assert list(Reminder.objects.values_list("hours", flat=True)) == [23]


def test_none_to_a_closed_file(booked: Appointment, asha: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from patients import addressees, interface

    card = interface.patient_card(booked.patient_id)
    monkeypatch.setattr(addressees, "patient_card", lambda _id: replace(card, active=False))
    before = len(notices_for(asha.id))
    assert look(timedelta(hours=2)) == []
    assert len(notices_for(asha.id)) == before


def test_hours_are_a_setting(booked: Appointment, settings: Settings) -> None:
    settings.REMINDER_HOURS = [72]
    assert [hours for hours in range(80, -1, -1) if look(timedelta(hours=hours))] == [72]
    settings.REMINDER_HOURS = []
    assert look(timedelta(hours=2)) == []


def test_queries_do_not_grow_with_the_visits(
    rita: User, calendar_id: UUID, bose_card: PractitionerCard, asha_card: PatientCard, dan_card: PatientCard,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    """Visits that were reminded of cost nothing more: three queries for a window of any size up to a batch."""
    for number, wall in enumerate(("09:00", "09:30", "10:00", "10:30", "11:00")):
        services.book(
            actor=rita, practitioner_id=bose_card.id, type_code="consultation", start=at(wall),
            patient_id=(asha_card, dan_card)[number % 2].id,
        )  # fmt: skip
    with time_machine.travel(at("11:00") - timedelta(hours=48), tick=False):
        assert tasks.remind() == 5
        # Two windows: the one of 2 hours is empty; of the other the batch, its marks, its steps, and the empty end.
        with django_assert_num_queries(5, using=APPOINTMENTS):
            assert tasks.remind() == 0


def test_visits_are_read_in_batches(
    rita: User, calendar_id: UUID, bose_card: PractitionerCard, asha_card: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "BATCH", 2)
    for wall in ("09:00", "09:30", "10:00", "10:30", "11:00"):
        services.book(
            actor=rita, practitioner_id=bose_card.id, type_code="consultation", start=at(wall), patient_id=asha_card.id
        )
    with time_machine.travel(at("11:00") - timedelta(hours=48), tick=False):
        assert tasks.remind() == 5


def test_old_marks_are_forgotten(booked: Appointment) -> None:
    look(timedelta(hours=2))
    assert tasks.forget_old() == 0
    with time_machine.travel(START + timedelta(days=100), tick=False):
        assert tasks.forget_old() == 1


def test_window_ends_where_a_reminder_is_stale() -> None:
    assert reminder_rules.grace(48) == timedelta(hours=6)
    assert reminder_rules.grace(2) == timedelta(minutes=30)


# --- The order of mails about one visit -----------------------------------------------------------------------------
def test_confirmation_that_waits_is_dropped_once_the_visit_is_cancelled(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    """The race at the commit: the mail is promised, then the visit is cancelled, then the mail would leave."""
    row = services.book(actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("09:00"))
    deliver_events()
    services.cancel(actor=asha, appointment_id=row.id)
    deliver_events()
    [mail] = send_mails()
    assert "Annulation" in mail["Subject"]
    assert sorted(Message.objects.values_list("status", flat=True)) == ["dropped", "sent"]
    assert not Message.objects.get(status="dropped").text


def test_cancellation_waits_for_the_confirmation_that_is_on_its_way(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    row = services.book(actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("09:00"))
    deliver_events()
    first = Message.objects.get()
    # A worker has asked whether it is still true, and hands it over now.
    Message.objects.filter(id=first.id).update(status="sending", due_at=NOW + timedelta(minutes=2))
    services.cancel(actor=asha, appointment_id=row.id)
    deliver_events()
    assert send_mails() == []
    Message.objects.filter(id=first.id).update(status="sent")
    with time_machine.travel(NOW + timedelta(seconds=5), tick=False):
        [mail] = send_mails()
    assert "Annulation" in mail["Subject"]
    assert Message.objects.get(status="sent", template="appointment_cancelled").attempts == 1
