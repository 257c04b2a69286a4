"""A week of Dr Bose's, counted by hand: Monday 2 March to Sunday 8 March 2026, all in Paris."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from appointments.models import Appointment, AppointmentHistory
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard, PractitionerCard

PARIS = ZoneInfo("Europe/Paris")
FIRST, LAST = date(2026, 3, 2), date(2026, 3, 8)
MakeVisit = Callable[..., Appointment]


def instant(text: str) -> datetime:
    """ "2026-03-02 09:00" on the clock of Paris."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


@pytest.fixture
def visit(asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> MakeVisit:
    def make(start: str, status: str = "completed", **changes: Any) -> Appointment:
        begin = instant(start)
        started: str | None = changes.pop("started", None)
        values: dict[str, Any] = {
            "id": new_id(),
            "patient_id": asha_card.id,
            "practitioner_id": bose_card.id,
            "calendar_id": calendar_id,
            "type_code": "consultation",
            "start": begin,
            "end": begin + timedelta(minutes=30),
            "busy_start": begin,
            "busy_end": begin + timedelta(minutes=30),
            "zone": "Europe/Paris",
            "place": "Building B, room 12",
            "status": status,
            "created_at": begin - timedelta(days=10),
        }
        row = Appointment.objects.create(**values | changes)
        if started:
            AppointmentHistory.objects.create(
                appointment_id=row.id, action="start", to_status="in_progress", start=begin, at=instant(started)
            )
        return row

    return make


@pytest.fixture
def week(visit: MakeVisit) -> None:
    visit("2026-03-02 09:00", arrived_at=instant("2026-03-02 08:50"), started="2026-03-02 09:05")
    # Overbooked onto the first one.
    visit("2026-03-02 09:00", arrived_at=instant("2026-03-02 08:55"), started="2026-03-02 09:35")
    visit("2026-03-02 09:30", "no_show", created_at=instant("2026-03-01 09:30"))
    visit("2026-03-03 10:00", "cancelled")
    visit("2026-03-03 10:00", "booked", type_code="check")
    # Begins within the hours and ends after them; the last minutes of the week in Paris are still the week.
    visit("2026-03-06 17:45")
    visit("2026-03-08 23:45")
    # Outside the week: a minute before it began and the minute it ended.
    visit("2026-03-01 23:45")
    visit("2026-03-09 00:00")
