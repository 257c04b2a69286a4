"""Care relations from events of appointments: twice, late, in the wrong order."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.events import Event, Value, consumers_of
from medisecure.kernel.ids import new_id
from medisecure.kernel.outbox import consume
from patients.interface import PatientCard, PractitionerCard, visible_patients
from patients.models import CareRelation
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


class Visit:
    """Events of one appointment between two people."""

    def __init__(self, patient: PatientCard, practitioner: PractitionerCard) -> None:
        self.id = new_id()
        self.patient, self.practitioner = patient, practitioner

    def event(
        self, name: str, sequence: int, start: datetime | None = None, practitioner_id: UUID | None = None
    ) -> Event:
        start = start or clock.now()
        payload: dict[str, Value] = {
            "appointment_id": str(self.id),
            "patient_id": str(self.patient.id),
            "practitioner_id": str(practitioner_id or self.practitioner.id),
            "start": start.isoformat(),
            "end": (start + timedelta(minutes=30)).isoformat(),
            "type_code": "visit",
            "sequence": sequence,
        }
        return Event(new_id(), f"appointment.{name}", payload)


def deliver(event: Event) -> list[bool]:
    mine = [found for found in consumers_of(event.name) if found.name.startswith("patients.")]
    assert len(mine) == 1
    return [consume(found, event) for found in mine]


@pytest.fixture
def visit(asha_card: PatientCard, bose_card: PractitionerCard) -> Visit:
    return Visit(asha_card, bose_card)


def test_a_booking_opens_the_record_to_the_practitioner(visit: Visit, dr_bose: User) -> None:
    assert not visible_patients(dr_bose).contains(visit.patient.id)
    deliver(visit.event("booked", 0))
    assert visible_patients(dr_bose).contains(visit.patient.id)


def test_the_same_event_twice_is_once(visit: Visit) -> None:
    event = visit.event("booked", 0)
    assert deliver(event) == [True]
    assert deliver(event) == [False]
    assert CareRelation.objects.count() == 1


def test_the_same_news_in_two_events_is_once(visit: Visit) -> None:
    deliver(visit.event("booked", 0))
    deliver(visit.event("booked", 0))
    assert CareRelation.objects.count() == 1


def test_a_cancelled_appointment_opens_nothing(visit: Visit, dr_bose: User) -> None:
    deliver(visit.event("booked", 0))
    deliver(visit.event("cancelled", 1))
    assert not visible_patients(dr_bose).contains(visit.patient.id)


def test_a_booking_that_arrives_after_its_cancellation_opens_nothing(visit: Visit, dr_bose: User) -> None:
    deliver(visit.event("cancelled", 2))
    deliver(visit.event("moved", 1))
    deliver(visit.event("booked", 0))
    assert not visible_patients(dr_bose).contains(visit.patient.id)
    assert CareRelation.objects.get().sequence == 2


def test_a_move_takes_the_window_along(visit: Visit, dr_bose: User) -> None:
    deliver(visit.event("moved", 1, start=clock.now() + timedelta(days=200)))
    deliver(visit.event("booked", 0))
    assert not visible_patients(dr_bose).contains(visit.patient.id)


def test_a_move_to_another_practitioner_moves_the_right(
    visit: Visit, dr_bose: User, nurse_chen: User, chen_card: PractitionerCard
) -> None:
    deliver(visit.event("booked", 0))
    deliver(visit.event("moved", 1, practitioner_id=chen_card.id))
    assert not visible_patients(dr_bose).contains(visit.patient.id)
    assert visible_patients(nurse_chen).contains(visit.patient.id)
