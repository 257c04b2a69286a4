"""Real threads, real commits. Each thread has connections of its own and closes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import pairwise
from threading import Barrier
from uuid import UUID

import pytest
import time_machine
from django.db import connections

from appointments import services
from appointments.models import Appointment, AppointmentHistory, OccupancyCell, Reminder, WaitingOffer
from appointments.services import reminders, waiting
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import DomainError
from medisecure.kernel.outbox import pending
from patients.interface import Contact, Identity, PatientCard, PractitionerCard, register_patient
from tests.appointments.fixtures import at
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)


def together(count: int, task: Callable[[int], str]) -> Counter[str]:
    """Run `task(0)` … at once and count what each returned, or the code of its refusal."""
    barrier = Barrier(count)

    def run(number: int) -> str:
        try:
            barrier.wait(timeout=30)
            return task(number)
        except DomainError as error:
            return error.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(run, range(count)))


def people(count: int) -> list[PatientCard]:
    return [
        register_patient(
            actor=None,
            identity=Identity(family_name=f"Patient{number}", given_names="P", birth_date=date(1980, 1, 1)),
            contact=Contact(),
        )
        for number in range(count)
    ]


def test_one_of_fifty_wins_the_slot(rita: User, bose_card: PractitionerCard, calendar_id: UUID) -> None:
    patients = people(50)
    start = at("09:00")

    def book(number: int) -> str:
        services.book(
            actor=rita,
            practitioner_id=bose_card.id,
            type_code="consultation",
            start=start,
            patient_id=patients[number].id,
        )
        return "won"

    assert together(50, book) == {"won": 1, "slot-taken": 49}
    winner = Appointment.objects.get()
    assert OccupancyCell.objects.filter(appointment_id=winner.id).count() == OccupancyCell.objects.count() == 12
    assert AppointmentHistory.objects.count() == pending(APPOINTMENTS).count() == 1


def test_visits_of_different_length_share_no_cell(rita: User, bose_card: PractitionerCard, calendar_id: UUID) -> None:
    """Different lengths and starts that overlap: whoever wins, no two visits share a cell."""
    patients = people(24)
    walls = ("09:00", "09:15", "09:30", "09:45")
    kinds = ("consultation", "check")

    def book(number: int) -> str:
        services.book(
            actor=rita,
            practitioner_id=bose_card.id,
            type_code=kinds[number % 2],
            start=at(walls[number % 4]),
            patient_id=patients[number].id,
        )
        return "won"

    found = together(24, book)
    assert set(found) == {"won", "slot-taken"}
    rows = list(Appointment.objects.order_by("start"))
    assert len(rows) == found["won"]
    assert all(before.end <= after.start for before, after in pairwise(rows))
    keys = OccupancyCell.objects.filter(key__startswith="practitioner:").count()
    assert keys == sum(int((row.end - row.start).total_seconds()) // 300 for row in rows)


def test_patient_with_two_hands_books_once(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    walls = ("09:00", "09:15")

    def book(number: int) -> str:
        services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at(walls[number % 2]))
        return "won"

    found = together(8, book)
    assert found["won"] == 1
    assert Appointment.objects.count() == 1


def test_one_of_two_cancellations_counts(
    asha: User, rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    row = services.book(actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("09:00"))

    def cancel(number: int) -> str:
        services.cancel(actor=(asha, rita)[number % 2], appointment_id=row.id)
        return "cancelled"

    found = together(6, cancel)
    assert found["cancelled"] == 1
    assert set(found) <= {"cancelled", "conflict", "stale"}
    assert AppointmentHistory.objects.filter(appointment_id=row.id, action="cancel").count() == 1


def test_everybody_who_arrives_at_once_gets_a_number_of_their_own(
    rita: User, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    walls = [f"{hour:02d}:{minute:02d}" for hour in (8, 9, 10, 11) for minute in (0, 15, 30, 45)][:12]
    rows = [
        services.book(
            actor=rita, practitioner_id=bose_card.id, type_code="check", start=at(wall), patient_id=patient.id
        )
        for wall, patient in zip(walls, people(12), strict=True)
    ]

    def arrive(number: int) -> str:
        return str(services.arrive(actor=rita, appointment_id=rows[number].id).ticket)

    assert together(12, arrive) == {str(number): 1 for number in range(1, 13)}
    assert AppointmentHistory.objects.filter(action="arrive").count() == 12


def test_one_of_two_steps_back_counts(
    asha: User, rita: User, dr_bose: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    row = services.book(actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("09:00"))
    services.arrive(actor=rita, appointment_id=row.id)

    def undo(number: int) -> str:
        services.undo(actor=(rita, dr_bose)[number % 2], appointment_id=row.id)
        return "undone"

    found = together(6, undo)
    assert found["undone"] == 1
    assert set(found) <= {"undone", "conflict", "stale"}
    assert AppointmentHistory.objects.filter(appointment_id=row.id, action="undo").count() == 1


def test_one_of_two_looks_promises_a_reminder(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    start = at("09:00")
    services.book(actor=rita, practitioner_id=bose_card.id, type_code="check", start=start, patient_id=asha_card.id)
    pending(APPOINTMENTS).update(published_at=clock.now())

    with time_machine.travel(start - timedelta(hours=48), tick=False):
        found = together(6, lambda _number: str(reminders.remind_due()))
    assert found == {"1": 1, "0": 5}
    assert Reminder.objects.count() == 1
    assert [row.name for row in pending(APPOINTMENTS)] == ["appointment.reminder_due"]


def test_one_of_many_answers_to_an_offer_counts(
    rita: User, asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    visit = services.book(actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("17:00", days=20))
    waiting.ask(actor=asha, appointment_id=visit.id)
    with time_machine.travel(at("10:00", days=1), tick=True):
        assert sum(int(number) * count for number, count in together(4, lambda _n: str(waiting.run())).items()) == 1
        [offer] = WaitingOffer.objects.all()

        def answer(number: int) -> str:
            actor = (asha, rita)[number % 2]
            if number == 5:
                waiting.decline(actor=actor, offer_id=offer.id)
                return "declined"
            waiting.accept(actor=actor, offer_id=offer.id)
            return "accepted"

        found = together(6, answer)
    assert found["offer-over"] == 5
    assert found["accepted"] + found["declined"] == 1
    row = Appointment.objects.get()
    cells = OccupancyCell.objects.all()
    assert {cell.appointment_id for cell in cells} == {row.id}
    assert cells.count() == 6
    assert row.start == (offer.start if found["accepted"] else visit.start)
