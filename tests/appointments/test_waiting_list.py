"""The waiting list: a free time goes to the best match, is kept while it is offered, and is taken by one answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import IntegrityError, connections
from pytest_django import DjangoAssertNumQueries

from appointments import places, services, tasks
from appointments.models import (
    Appointment,
    AppointmentHistory,
    AppointmentType,
    OccupancyCell,
    WaitingEntry,
    WaitingOffer,
    WaitingStep,
)
from appointments.services import waiting
from appointments.services.waiting import entries
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import outbox
from medisecure.kernel.append_only import AppendOnly
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import (
    Conflict,
    Invalid,
    NotFound,
    OfferOver,
    PatientBusy,
    Refused,
    SlotTaken,
    TooLate,
)
from medisecure.notifications.interface import notices_for
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, day_ahead, make_calendar
from tests.appointments.test_messages import body
from tests.cast import ALL_DATABASES
from tests.support import deliver_events, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

#: Tuesday 24 February 2026, 10:00 in Paris.
NOW = datetime(2026, 2, 24, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def the_offer(entry: WaitingEntry) -> WaitingOffer:
    return WaitingOffer.objects.get(entry_id=entry.id, status="open")


def journal(entry: WaitingEntry) -> list[str]:
    return list(WaitingStep.objects.filter(entry_id=entry.id).values_list("action", flat=True))


def fresh(entry: WaitingEntry) -> WaitingEntry:
    return WaitingEntry.objects.get(id=entry.id)


def held(offer: WaitingOffer) -> int:
    return OccupancyCell.objects.filter(appointment_id=offer.id).count()


# --- Offers -----------------------------------------------------------------------------------------------------------
def test_nothing_is_offered_while_nothing_is_free(waiting_dan: WaitingEntry) -> None:
    assert waiting.run() == 0


def test_freed_time_is_offered_kept_and_taken_by_one_yes(
    waiting_dan: WaitingEntry, full: list[Appointment], dans: Appointment, rita: User, dan: User
) -> None:
    services.cancel(actor=rita, appointment_id=full[2].id)
    assert waiting.run() == 1
    assert waiting.run() == 0
    offer = the_offer(waiting_dan)
    assert (offer.start, offer.expires) == (full[2].start, NOW + timedelta(hours=2))
    assert held(offer) == 6
    row = waiting.accept(actor=dan, offer_id=offer.id)
    assert (row.id, row.start, row.sequence, row.status) == (dans.id, full[2].start, 1, "confirmed")
    assert fresh(waiting_dan).status == "fulfilled"
    assert journal(waiting_dan) == ["ask", "offer", "accept"]
    assert held(offer) == 0
    # What the visit had is free again, what it has now is its own.
    assert set(OccupancyCell.objects.filter(appointment_id=dans.id).values_list("expires", flat=True)) == {None}
    assert OccupancyCell.objects.filter(appointment_id=dans.id).count() == 12
    assert not OccupancyCell.objects.filter(key__contains=f"{dans.start:%Y%m%dT}").exists()
    [step] = AppointmentHistory.objects.filter(appointment_id=dans.id, action="move")
    assert (step.reason, step.actor_id) == ("waiting-list", dan.id)
    deliver_events()
    assert "Your appointment is now on" in [mail["Subject"] for mail in send_mails() if mail["To"] == dan.email][-1]


def test_consumer_of_a_cancellation_looks_at_once(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(tasks, "look_at_waiting_list", lambda: asked.append(1))
    monkeypatch.setattr(tasks, "on_commit", lambda _alias, func, robust: func())
    services.cancel(actor=rita, appointment_id=full[0].id)
    deliver_events()
    assert asked == [1]


def test_mail_and_notice_say_until_when_in_the_patients_language(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User
) -> None:
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    assert [row.name for row in outbox.pending(APPOINTMENTS)] == ["appointment.cancelled", "waiting.offered"]
    deliver_events()
    [mail] = [mail for mail in send_mails() if mail["To"] == dan.email]
    assert mail["Subject"] == "An earlier appointment is free: Friday 27 February 2026 at 09:00"
    for text in (body(mail, "plain"), body(mail, "html")):
        assert "We keep this time for you until 12:00" in text
        assert "onsultation" not in text
        assert re.search(r"http\S+/offer/[\w:-]+/", text)
    assert notices_for(dan.id)[0].url == "/waiting/"


def test_offer_that_is_over_is_announced_no_more(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User
) -> None:
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    with time_machine.travel(NOW + timedelta(hours=2), tick=False):
        deliver_events()
        assert [mail for mail in send_mails() if mail["To"] == dan.email] == []


def test_kept_time_is_free_for_nobody_else(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, asha: User, asha_card: PatientCard
) -> None:
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    freed = full[2].start
    kind = places.find_type(rita, "consultation")
    calendars = places.calendars_for([full[2].practitioner_id], "consultation")
    slots = places.free_slots(calendars, kind, first=day_ahead(1), last=day_ahead(20), staff=True)
    assert freed not in [slot.start for slot in slots]
    with pytest.raises(SlotTaken):
        services.book(actor=asha, practitioner_id=full[2].practitioner_id, type_code="consultation", start=freed)
    with time_machine.travel(NOW + timedelta(hours=3), tick=False):
        waiting.run()
        services.book(actor=asha, practitioner_id=full[2].practitioner_id, type_code="consultation", start=freed)


def test_line_is_served_by_priority_then_by_who_asked_first(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User
) -> None:
    """Asha stands behind Dan with a later visit, until she is urgent."""
    behind = waiting.ask(actor=rita, appointment_id=full[4].id, priority=2)
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        first = waiting.ask(actor=rita, appointment_id=full[3].id)
    services.cancel(actor=rita, appointment_id=full[0].id)
    services.cancel(actor=rita, appointment_id=full[1].id)
    assert waiting.run() == 2
    assert the_offer(behind).start == full[0].start
    assert the_offer(waiting_dan).start == full[1].start
    assert not WaitingOffer.objects.filter(entry_id=first.id).exists()


def test_declined_time_goes_to_the_next_and_never_back(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User
) -> None:
    second = waiting.ask(actor=rita, appointment_id=full[4].id)
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    waiting.decline(actor=dan, offer_id=the_offer(waiting_dan).id)
    assert waiting.run() == 1
    assert the_offer(second).start == full[2].start
    assert fresh(waiting_dan).status == "waiting"
    waiting.decline(actor=rita, offer_id=the_offer(second).id)
    assert waiting.run() == 0
    assert journal(waiting_dan) == ["ask", "offer", "decline"]


def test_offer_without_an_answer_goes_to_the_next(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User
) -> None:
    second = waiting.ask(actor=rita, appointment_id=full[4].id)
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    offer = the_offer(waiting_dan)
    with time_machine.travel(offer.expires, tick=False):
        with pytest.raises(OfferOver):
            waiting.accept(actor=dan, offer_id=offer.id)
        assert waiting.run() == 1
        assert the_offer(second).start == full[2].start
        with pytest.raises(OfferOver):
            waiting.accept(actor=dan, offer_id=offer.id)
    assert journal(waiting_dan) == ["ask", "offer", "expire"]


def test_after_three_offers_without_a_yes_the_patient_is_asked_no_more_until_they_say_so(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User
) -> None:
    for visit in full[:4]:
        services.cancel(actor=rita, appointment_id=visit.id)
    for _ in range(3):
        assert waiting.run() == 1
        waiting.decline(actor=dan, offer_id=the_offer(waiting_dan).id)
    assert fresh(waiting_dan).status == "paused"
    assert waiting.run() == 0
    waiting.resume(actor=dan, entry_id=waiting_dan.id)
    assert waiting.run() == 1
    assert journal(waiting_dan)[-4:] == ["decline", "pause", "resume", "offer"]


# --- Nobody is offered what they cannot take --------------------------------------------------------------------------
def free_one(full: list[Appointment], rita: User, day: int = 3) -> None:
    services.cancel(actor=rita, appointment_id=full[day - 1].id)


def test_not_outside_the_days_and_times_that_were_named(
    dans: Appointment, full: list[Appointment], dan: User, rita: User
) -> None:
    windows = [{"weekday": 4, "start": "09:30", "end": "18:00"}, {"weekday": 3, "start": "08:00", "end": "18:00"}]
    waiting.ask(actor=dan, appointment_id=dans.id, windows=windows, first=day_ahead(2), last=day_ahead(3))
    free_one(full, rita, 1)  # a Wednesday, before the first day
    free_one(full, rita, 3)  # a Friday, at nine
    free_one(full, rita, 4)  # a Saturday
    assert waiting.run() == 0
    free_one(full, rita, 2)  # a Thursday
    assert waiting.run() == 1


def test_not_when_the_patient_is_elsewhere(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User, chen_card: PractitionerCard
) -> None:
    make_calendar(chen_card.id)
    other = services.book(
        actor=dan, practitioner_id=chen_card.id, type_code="consultation", start=full[2].start + timedelta(minutes=15)
    )
    free_one(full, rita)
    assert waiting.run() == 0
    services.cancel(actor=dan, appointment_id=other.id)
    assert waiting.run() == 1


def test_not_when_their_own_visit_may_no_longer_be_moved(
    waiting_dan: WaitingEntry, full: list[Appointment], dans: Appointment, rita: User
) -> None:
    free_one(full, rita, 5)
    with time_machine.travel(dans.start - timedelta(hours=23), tick=False):
        assert waiting.run() == 0
    with time_machine.travel(dans.start - timedelta(hours=43), tick=False):
        assert waiting.run() == 1


def test_not_later_than_the_visit_is_now(waiting_dan: WaitingEntry) -> None:
    """Every day after the sixth is free."""
    assert waiting.run() == 0


def test_not_at_night_and_shorter_when_near(waiting_dan: WaitingEntry, full: list[Appointment], rita: User) -> None:
    free_one(full, rita)
    with time_machine.travel(full[2].start.replace(hour=3), tick=False):
        assert waiting.run() == 0
    # 08:00 on the place's clock: an hour before, there is nobody who could answer in time.
    with time_machine.travel(full[2].start - timedelta(minutes=60), tick=False):
        assert waiting.run() == 0


def test_offer_of_a_near_time_ends_before_the_calendars_lead(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, one_a_day: UUID
) -> None:
    from appointments.models import Calendar

    Calendar.objects.filter(id=one_a_day).update(lead_minutes=22 * 60)
    free_one(full, rita, 1)
    assert waiting.run() == 1
    assert the_offer(waiting_dan).expires == full[0].start - timedelta(hours=22)


def test_offer_of_a_near_time_ends_before_the_types_lead(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User
) -> None:
    AppointmentType.objects.filter(code="consultation").update(lead_minutes=22 * 60)
    free_one(full, rita, 1)
    assert waiting.run() == 1
    assert the_offer(waiting_dan).expires == full[0].start - timedelta(hours=22)


def test_not_to_a_closed_file(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from patients import interface as patients

    real = patients.patient_cards
    closed = lambda ids: {key: replace(card, active=False) for key, card in real(ids).items()}  # noqa: E731
    free_one(full, rita)
    monkeypatch.setattr(patients, "patient_cards", closed)
    assert waiting.run() == 0


def test_type_for_staff_only_is_offered_to_whom_staff_put_on_the_list(
    rita: User, dan: User, dan_card: PatientCard, bose_card: PractitionerCard, types: None
) -> None:
    make_calendar(bose_card.id)
    with pytest.raises(Invalid):
        waiting.ask(actor=dan, type_code="echo", practitioner_id=bose_card.id)
    entry = waiting.ask(actor=rita, type_code="echo", practitioner_id=bose_card.id, patient_id=dan_card.id)
    assert waiting.run() == 1
    offer = the_offer(entry)
    assert offer.busy_start == offer.start - timedelta(minutes=5)
    row = waiting.accept(actor=dan, offer_id=offer.id)
    assert (row.type_code, row.status, row.patient_id) == ("echo", "confirmed", dan_card.id)


# --- Without a visit --------------------------------------------------------------------------------------------------
def test_wish_for_a_specialty_is_offered_the_first_free_time_and_books(
    dan: User, dan_card: PatientCard, full: list[Appointment], chen_card: PractitionerCard
) -> None:
    entry = waiting.ask(actor=dan, type_code="consultation", specialty="cardiology")
    assert waiting.run() == 1
    offer = the_offer(entry)
    assert offer.start == at("09:00", days=6)
    row = waiting.accept(actor=dan, offer_id=offer.id)
    assert (row.patient_id, row.start, row.booked_by) == (dan_card.id, offer.start, dan.id)
    assert OccupancyCell.objects.filter(appointment_id=row.id).count() == 12
    assert "appointment.booked" in [event.name for event in outbox.pending(APPOINTMENTS)]


# --- Endings ----------------------------------------------------------------------------------------------------------
def test_withdrawing_takes_the_offer_back(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User, dans: Appointment
) -> None:
    free_one(full, rita)
    waiting.run()
    offer = the_offer(waiting_dan)
    waiting.withdraw(actor=dan, entry_id=waiting_dan.id)
    assert held(offer) == 0
    assert WaitingOffer.objects.get(id=offer.id).status == "void"
    assert waiting.withdraw(actor=dan, entry_id=waiting_dan.id).status == "withdrawn"
    with pytest.raises(OfferOver):
        waiting.accept(actor=dan, offer_id=offer.id)
    # The place in the line is free for a new wish.
    assert waiting.ask(actor=dan, appointment_id=dans.id).status == "waiting"


def test_wish_ends_with_its_visit_or_its_days(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User, dans: Appointment
) -> None:
    free_one(full, rita)
    waiting.run()
    offer = the_offer(waiting_dan)
    services.cancel(actor=dan, appointment_id=dans.id)
    with pytest.raises(OfferOver):
        waiting.accept(actor=dan, offer_id=offer.id)
    waiting.run()
    assert fresh(waiting_dan).status == "lapsed"
    assert held(offer) == 0
    short = waiting.ask(actor=rita, appointment_id=full[4].id, last=day_ahead(1))
    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        waiting.run()
    assert fresh(short).status == "lapsed"


def test_time_that_helps_no_more_is_given_back(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User, dans: Appointment
) -> None:
    """Dan moves by himself to before what is kept for him."""
    free_one(full, rita, 3)
    waiting.run()
    offer = the_offer(waiting_dan)
    free_one(full, rita, 1)
    services.move(actor=rita, appointment_id=dans.id, start=full[0].start)
    waiting.run()
    assert WaitingOffer.objects.get(id=offer.id).status == "void"
    assert held(offer) == 0


def test_yes_is_refused_when_the_patient_went_elsewhere_meanwhile(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User, dans: Appointment,
    chen_card: PractitionerCard,
) -> None:  # fmt: skip
    free_one(full, rita)
    waiting.run()
    offer = the_offer(waiting_dan)
    make_calendar(chen_card.id)
    services.book(actor=dan, practitioner_id=chen_card.id, type_code="check", start=full[2].start)
    with pytest.raises(PatientBusy):
        waiting.accept(actor=dan, offer_id=offer.id)
    assert Appointment.objects.get(id=dans.id).start == dans.start
    assert the_offer(waiting_dan).id == offer.id
    assert held(offer) == 6


def test_yes_comes_too_late_once_the_notice_has_begun_and_staff_may_still(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User, dans: Appointment
) -> None:
    from appointments.models import Calendar

    free_one(full, rita)
    waiting.run()
    offer = the_offer(waiting_dan)
    Calendar.objects.update(cancel_notice_hours=24 * 7)
    with pytest.raises(TooLate):
        waiting.accept(actor=dan, offer_id=offer.id)
    assert waiting.accept(actor=rita, offer_id=offer.id).start == offer.start


# --- Who may ----------------------------------------------------------------------------------------------------------
def test_outsider_sees_no_entry_and_no_offer(
    waiting_dan: WaitingEntry, full: list[Appointment], dans: Appointment, rita: User, asha: User
) -> None:
    free_one(full, rita)
    waiting.run()
    offer = the_offer(waiting_dan)
    for act in (
        lambda: waiting.ask(actor=asha, appointment_id=dans.id),
        lambda: waiting.withdraw(actor=asha, entry_id=waiting_dan.id),
        lambda: waiting.resume(actor=asha, entry_id=waiting_dan.id),
        lambda: waiting.set_priority(actor=asha, entry_id=waiting_dan.id, priority=2),
        lambda: waiting.accept(actor=asha, offer_id=offer.id),
        lambda: waiting.decline(actor=asha, offer_id=offer.id),
    ):
        with pytest.raises(NotFound):
            act()


def test_roles_without_the_right_are_refused(
    waiting_dan: WaitingEntry, dan: User, alice: User, carol: User, dan_card: PatientCard, bose_card: PractitionerCard
) -> None:
    with pytest.raises(Refused):
        waiting.withdraw(actor=alice, entry_id=waiting_dan.id)
    with pytest.raises(NotFound):
        waiting.withdraw(actor=carol, entry_id=waiting_dan.id)
    with pytest.raises(Refused):
        waiting.set_priority(actor=dan, entry_id=waiting_dan.id, priority=2)
    with pytest.raises(NotFound):
        waiting.ask(actor=carol, type_code="check", practitioner_id=bose_card.id, patient_id=dan_card.id)


def test_each_step_is_in_the_access_log(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User, dans: Appointment
) -> None:
    free_one(full, rita)
    waiting.run()
    waiting.accept(actor=dan, offer_id=the_offer(waiting_dan).id)
    entries_ = AccessEntry.objects.filter(actor_id=dan.id).order_by("id")
    assert [(one.action, one.resource, one.right) for one in entries_] == [
        ("create", "waiting-entry", "self"),
        ("change", "appointment", "self"),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"last": date(2026, 2, 23)}, "last"),
        ({"first": date(2026, 3, 2), "last": date(2026, 3, 1)}, "last"),
        ({"last": date(2028, 1, 1)}, "last"),
        ({"windows": [{"weekday": 7, "start": "08:00", "end": "12:00"}]}, "windows"),
        ({"windows": [{"weekday": True, "start": "08:00", "end": "12:00"}]}, "windows"),
        ({"windows": [{"weekday": 1, "start": "8", "end": "12:00"}]}, "windows"),
        ({"windows": [{"weekday": 1, "start": 8, "end": 9}]}, "windows"),
        ({"windows": [{"weekday": 1, "start": "12:00", "end": "08:00"}]}, "windows"),
        ({"windows": [{"weekday": 1}]}, "windows"),
        ({"windows": ["x"]}, "windows"),
        ({"windows": [{"weekday": 1, "start": "08:00", "end": "12:00"}] * 22}, "windows"),
        ({"note": "x"}, "note"),
        ({"priority": 1}, "priority"),
    ],
)
def test_what_cannot_be_is_refused_by_field(dans: Appointment, dan: User, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        waiting.ask(actor=dan, appointment_id=dans.id, **changes)
    assert list(refused.value.errors) == [field]
    assert not WaitingEntry.objects.exists()


def test_a_wish_without_a_visit_names_what_is_possible(
    dan: User, dan_card: PatientCard, bose_card: PractitionerCard, one_a_day: UUID
) -> None:
    def field(**values: Any) -> str:
        with pytest.raises(Invalid) as refused:
            waiting.ask(actor=dan, **values)
        return next(iter(refused.value.errors))

    assert field() == "type"
    assert field(type_code="nothing", practitioner_id=bose_card.id) == "type"
    assert field(type_code="check") == "practitioner_id"
    assert field(type_code="check", practitioner_id=bose_card.id, specialty="cardiology") == "practitioner_id"
    assert field(type_code="check", practitioner_id=dan_card.id) == "practitioner_id"
    assert field(type_code="check", specialty="nothing") == "specialty"


def test_nobody_stands_in_line_twice_for_the_same(waiting_dan: WaitingEntry, dan: User, dans: Appointment) -> None:
    with pytest.raises(Conflict, match="conflict"):
        waiting.ask(actor=dan, appointment_id=dans.id)


def test_visit_that_is_over_cannot_become_earlier(dan: User, dans: Appointment) -> None:
    with time_machine.travel(dans.start, tick=False), pytest.raises(Invalid):
        waiting.ask(actor=dan, appointment_id=dans.id)


def test_journal_is_added_to_and_never_changed(waiting_dan: WaitingEntry) -> None:
    [step] = WaitingStep.objects.all()
    rows = WaitingStep.objects.filter(id=step.id)
    for act in (step.save, step.delete, rows.delete, lambda: rows.update(action="x")):
        with pytest.raises(AppendOnly):
            act()
    if connections[APPOINTMENTS].vendor == "sqlite":
        with pytest.raises(IntegrityError, match="append-only"), connections[APPOINTMENTS].cursor() as cursor:
            cursor.execute("UPDATE waiting_steps SET action = 'x'")


def test_queries_of_a_look_do_not_grow_with_the_line(
    waiting_dan: WaitingEntry,
    full: list[Appointment],
    rita: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(13, using=APPOINTMENTS):
        waiting.run()
    for visit in full[1:]:
        waiting.ask(actor=rita, appointment_id=visit.id)
    waiting.run()
    with django_assert_max_num_queries(13, using=APPOINTMENTS):
        waiting.run()


def test_look_without_a_line_is_two_queries(db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(2, using=APPOINTMENTS):
        waiting.run()


def test_kept_cells_are_refused_to_a_second_offer(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User
) -> None:
    free_one(full, rita)
    waiting.run()
    offer = the_offer(waiting_dan)
    with pytest.raises(SlotTaken):
        entries.keep_time(offer)
