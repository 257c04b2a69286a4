"""How long finding free times takes: one type, every practitioner of a specialty, a month."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as clock_time
from typing import Final
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db import connections
from django.test.utils import CaptureQueriesContext

from appointments.interface import create_calendar, create_type, free_slots, seed_appointment
from medisecure.accounts.interface import Role, create_user
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS, DEFAULT
from medisecure.kernel.errors import DomainError
from medisecure.kernel.ids import new_id
from medisecure.ops.bench.search import quantile
from patients.interface import register_practitioner

LIMIT_MS: Final = 100.0
#: Each empties the cache first, which takes its time: fewer than the warm ones.
_COLD_ROUNDS: Final = 5
_ZONE: Final = "Europe/Paris"
_SPECIALTY: Final = "bench"
_WALLS: Final = [f"{hour:02}:{minute:02}" for hour in (8, 9, 10, 11, 14, 15, 16, 17) for minute in (0, 30)]


@dataclass(frozen=True, slots=True)
class Hospital:
    actor: User
    visits: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Milliseconds of each round on the wall and of this process's CPU, and what one round asks and finds."""

    wall: list[float]
    cpu: list[float]
    queries: int
    slots: int


def fill(*, practitioners: int, days: int, visits: int) -> Hospital:
    """Practitioners who receive 08:00–12:00 and 14:00–18:00 every day on a grid of 15 minutes, with `visits` of half an
    hour booked on each day."""
    card = create_user(email="bench@example.invalid", full_name="Bench", role=Role.PATIENT, password=None)
    create_type(code="bench", label_fr="Consultation", label_en="Consultation", duration_minutes=30)
    week = [
        {"weekday": weekday, "start": start, "end": end}
        for weekday in range(7)
        for start, end in (("08:00", "12:00"), ("14:00", "18:00"))
    ]
    today = clock.today(_ZONE)
    booked = 0
    for number in range(practitioners):
        practitioner = register_practitioner(
            actor=None, full_name=f"Dr {number}", specialty=_SPECIALTY, specialty_label="Bench"
        )
        create_calendar(
            practitioner_id=practitioner.id,
            place=f"Building {number % 5}",
            weekly_rules=week,
            type_codes=["bench"],
            valid_from=today,
        )
        for offset in range(1, days + 1):
            for turn in range(visits):
                # Spread over the day, and not the same for each practitioner.
                wall = _WALLS[(turn * len(_WALLS) // visits + number) % len(_WALLS)]
                start = datetime.combine(
                    today + timedelta(days=offset), clock_time.fromisoformat(wall), ZoneInfo(_ZONE)
                )
                try:
                    seed_appointment(
                        patient_id=new_id(), practitioner_id=practitioner.id, type_code="bench", start=start
                    )
                except DomainError:
                    continue  # a public holiday: nobody receives
                booked += 1
    return Hospital(User.objects.get(id=card.id), booked)


def measure(hospital: Hospital, *, days: int, rounds: int) -> dict[str, Taken]:
    """The same question with the cache empty and with it filled."""
    first = clock.today(_ZONE) + timedelta(days=1)
    last = first + timedelta(days=days - 1)

    def ask() -> int:
        found = free_slots(actor=hospital.actor, type_code="bench", first=first, last=last, specialty=_SPECIALTY)
        # What the API makes of an answer before it is written as JSON.
        return len(list(found[:1000])) and len(found)

    found = {}
    for kind, count in (("cold", min(rounds, _COLD_ROUNDS)), ("warm", rounds)):
        wall, cpu = [], []
        for _round in range(count):
            if kind == "cold":
                cache.clear()
            wall_before, cpu_before = time.perf_counter(), time.process_time()
            ask()
            cpu.append((time.process_time() - cpu_before) * 1000)
            wall.append((time.perf_counter() - wall_before) * 1000)
        if kind == "cold":
            cache.clear()
        with (
            CaptureQueriesContext(connections[DEFAULT]) as here,
            CaptureQueriesContext(connections[APPOINTMENTS]) as there,
        ):
            slots = ask()
        found[kind] = Taken(wall, cpu, len(here) + len(there), slots)
    return found


def table(taken: Mapping[str, Taken]) -> tuple[str, float]:
    """(lines for people to read, warm p95 of CPU in ms)."""
    lines = [f"{'':6}{'rounds':>7}{'CPU p50':>9}{'p95 ms':>8}{'wall p50':>10}{'p95 ms':>8}{'queries':>9}{'slots':>8}"]
    for kind, one in taken.items():
        lines.append(
            f"{kind:6}{len(one.cpu):7}{_ms(one.cpu, 0.5, 9)}{_ms(one.cpu, 0.95, 8)}"
            f"{_ms(one.wall, 0.5, 10)}{_ms(one.wall, 0.95, 8)}{one.queries:9}{one.slots:8}"
        )
    return "\n".join(lines), quantile(taken["warm"].cpu, 0.95)


def _ms(values: Sequence[float], share: float, width: int) -> str:
    return f"{quantile(values, share):{width}.1f}"
