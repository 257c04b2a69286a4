"""The parallel figures of booking: many bookers, rooms, keys, holds, and a process that is killed in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connections

from appointments import services
from appointments.models import Appointment, AppointmentHistory, Hold, OccupancyCell, ResourceUse
from appointments.services import create_resource, create_type, hold
from appointments.services.cells import patient_keys, practitioner_keys
from medisecure.accounts.models import User
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Busy, DomainError
from medisecure.kernel.outbox import pending
from patients.interface import PatientCard, PractitionerCard, register_practitioner
from tests.appointments.fixtures import at, make_calendar
from tests.appointments.test_parallel import people, together
from tests.cast import ALL_DATABASES
from tests.support import on_test_databases

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)


def consistent() -> None:
    """Each appointment holds exactly the cells of its time, and nobody else holds any."""
    expected: dict[str, UUID] = {}
    for row in Appointment.objects.exclude(status="cancelled"):
        for key in (*practitioner_keys(row), *patient_keys(row)):
            assert key not in expected, "two visits share a cell"
            expected[key] = row.id
    assert dict(OccupancyCell.objects.values_list("key", "appointment_id")) == expected


@pytest.mark.long
def test_two_hundred_bookers_for_twenty_slots(rita: User, bose_card: PractitionerCard, calendar_id: UUID) -> None:
    """Ten for each of twenty slots, from sixteen at a time: twenty win, each of the others is told why not."""
    patients = people(200)
    day = [f"{hour:02}:{minute:02}" for hour in (8, 9, 10, 11, 14, 15, 16, 17) for minute in (0, 30)]
    slots = [at(wall) for wall in day] + [at(wall, days=8) for wall in day[:4]]

    def book(number: int) -> str:
        try:
            for _try in range(20):
                try:
                    services.book(
                        actor=rita,
                        practitioner_id=bose_card.id,
                        type_code="consultation",
                        start=slots[number % 20],
                        patient_id=patients[number].id,
                    )
                except Busy:
                    continue  # what the API answers with Retry-After
                return "won"
            return "gave up"
        except DomainError as error:
            return error.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        found = Counter(pool.map(book, range(200)))
    assert found == {"won": 20, "slot-taken": 180}
    assert sorted(Appointment.objects.values_list("start", flat=True)) == sorted(slots)
    assert AppointmentHistory.objects.count() == pending(APPOINTMENTS).count() == 20
    consistent()


def test_one_of_two_rooms_goes_to_each_of_two_at_once(rita: User, bose_card: PractitionerCard, types: None) -> None:
    """Six practitioners want one of two rooms at once: two win, and each room is taken once."""
    for name in ("Room 1", "Room 2"):
        create_resource(code="room", name=name, place="Building B, room 12")
    create_type(code="scan", label_fr="S", label_en="S", duration_minutes=30, needs=["room"])
    doctors = [
        register_practitioner(actor=None, full_name=f"Dr {n}", specialty="x", specialty_label="X").id for n in range(6)
    ]
    for one in doctors:
        make_calendar(one, type_codes=["scan"])
    patients = people(6)

    def book(number: int) -> str:
        services.book(
            actor=rita,
            practitioner_id=doctors[number],
            type_code="scan",
            start=at("09:00"),
            patient_id=patients[number].id,
        )
        return "won"

    assert together(6, book) == {"won": 2, "slot-taken": 4}
    assert len(set(ResourceUse.objects.values_list("resource_id", flat=True))) == 2


def test_same_key_at_the_same_time_is_one_appointment(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    def book(number: int) -> str:
        row = services.book(
            actor=asha,
            practitioner_id=bose_card.id,
            type_code="consultation",
            start=at("09:00"),
            idempotency_key="once",
        )
        return str(row.id)

    assert list(together(8, book).values()) == [8]
    assert Appointment.objects.count() == 1
    consistent()


def test_one_of_many_holds_the_time(bose_card: PractitionerCard, calendar_id: UUID, rita: User, dr_bose: User) -> None:
    def keep(number: int) -> str:
        hold(actor=(rita, dr_bose)[number % 2], practitioner_id=bose_card.id, type_code="check", start=at("09:00"))
        return f"held by {number % 2}"

    found = together(8, keep)
    owners = [name for name in found if name.startswith("held")]
    assert len(owners) == 1
    assert Hold.objects.count() == 1
    assert OccupancyCell.objects.count() == 3


@pytest.mark.parametrize("step", ["cells", "history", "event"])
@pytest.mark.long
def test_process_killed_in_the_middle_of_booking_leaves_nothing(
    step: str, rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    """A real process, killed as by `kill -9` after its cells, its appointment or its event were written."""
    places = {
        "cells": "from appointments.services import cells; owner, name = cells, 'claim'",
        "history": "from appointments.services import booking; owner, name = booking, 'remember'",
        "event": "from appointments.services import booking; owner, name = booking, 'tell'",
    }
    program = on_test_databases(
        "import os, signal\n"
        "from datetime import datetime\n"
        "from uuid import UUID\n"
        f"{places[step]}\n"
        "real = getattr(owner, name)\n"
        "def die(*args, **kwargs):\n"
        "    real(*args, **kwargs)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "setattr(owner, name, die)\n"
        "from appointments import services\n"
        "from medisecure.accounts.models import User\n"
        f"services.book(actor=User.objects.get(id='{rita.id}'), practitioner_id=UUID('{bose_card.id}'),"
        f" type_code='consultation', start=datetime.fromisoformat('{at('09:00').isoformat()}'),"
        f" patient_id=UUID('{asha_card.id}'))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    consistent()
    assert not Appointment.objects.exists()
    assert not AppointmentHistory.objects.exists()
    assert not pending(APPOINTMENTS).exists()
    # The time is free for the next one: at once on SQLite; on MongoDB once the server has ended the orphaned
    # transaction (transactionLifetimeLimitSeconds, 60 s). Until then whoever asks is told to try again. One step waits
    # for that.
    if connections[APPOINTMENTS].vendor == "mongodb" and step != "event":
        return
    until = time.monotonic() + 90
    while True:
        try:
            services.book(
                actor=rita,
                practitioner_id=bose_card.id,
                type_code="consultation",
                start=at("09:00"),
                patient_id=asha_card.id,
            )
            break
        except Busy:
            assert time.monotonic() < until, "still held by a transaction whose process is dead"
            time.sleep(1)
    consistent()
