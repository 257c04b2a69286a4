"""How wishes and offers end."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from appointments import services
from appointments.models import (
    Appointment,
    WaitingEntry,
    WaitingOffer,
)
from appointments.services import waiting
from medisecure.accounts.models import User
from medisecure.kernel.errors import (
    OfferOver,
    PatientBusy,
    TooLate,
)
from patients.interface import PractitionerCard
from tests.appointments.fixtures import day_ahead, make_calendar
from tests.appointments.waiting.support import NOW, free_one, fresh, held, the_offer
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


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
