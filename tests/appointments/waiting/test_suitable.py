"""Nobody is offered what they cannot take."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine

from appointments import services
from appointments.models import (
    Appointment,
    AppointmentType,
    OccupancyCell,
    WaitingEntry,
)
from appointments.services import waiting
from medisecure.accounts.models import User
from medisecure.kernel import outbox
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import (
    Invalid,
)
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, day_ahead, make_calendar
from tests.appointments.waiting.support import free_one, the_offer
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


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
