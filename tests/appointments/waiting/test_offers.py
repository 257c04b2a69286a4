"""A free time goes to the best match, is kept while it is offered, and is taken by one answer."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine

from appointments import places, services, tasks
from appointments.models import (
    Appointment,
    AppointmentHistory,
    OccupancyCell,
    WaitingEntry,
    WaitingOffer,
)
from appointments.services import waiting
from appointments.services.waiting import entries
from medisecure.accounts.models import User
from medisecure.kernel import outbox
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import (
    OfferOver,
    SlotTaken,
)
from medisecure.notifications.interface import notices_for
from patients.interface import PatientCard
from tests.appointments.fixtures import day_ahead
from tests.appointments.test_messages import body
from tests.appointments.waiting.support import NOW, free_one, fresh, held, journal, the_offer
from tests.cast import ALL_DATABASES
from tests.support import deliver_events, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


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


def test_kept_cells_are_refused_to_a_second_offer(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User
) -> None:
    free_one(full, rita)
    waiting.run()
    offer = the_offer(waiting_dan)
    with pytest.raises(SlotTaken):
        entries.keep_time(offer)
