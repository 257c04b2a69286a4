"""Dr Bose receives every day from 08:00 to 12:00 and from 14:00 to 18:00, in Paris."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from appointments.interface import create_calendar, create_type
from medisecure.kernel import clock
from patients.interface import PractitionerCard

PARIS = ZoneInfo("Europe/Paris")
WEEK: list[dict[str, Any]] = [
    {"weekday": weekday, "start": start, "end": end}
    for weekday in range(7)
    for start, end in (("08:00", "12:00"), ("14:00", "18:00"))
]


def day_ahead(days: int = 7) -> date:
    """A day on which every calendar of the tests is open."""
    return clock.today(PARIS) + timedelta(days=days)


def at(wall: str, *, days: int = 7, zone: ZoneInfo = PARIS) -> datetime:
    """`wall` ("09:30") on the clock of Paris, a week ahead unless told, in UTC."""
    return datetime.combine(day_ahead(days), time.fromisoformat(wall), zone).astimezone(UTC)


@pytest.fixture
def types(db: None) -> None:
    """Half an hour that anybody may book, a quarter, and one with buffers that only staff may book."""
    create_type(code="consultation", label_fr="Consultation", label_en="Consultation", duration_minutes=30)
    create_type(code="check", label_fr="Contrôle", label_en="Check", duration_minutes=15)
    create_type(
        code="echo",
        label_fr="Échographie",
        label_en="Ultrasound",
        duration_minutes=45,
        buffer_before=5,
        buffer_after=10,
        bookable_by_patient=False,
    )


@pytest.fixture
def calendar_id(types: None, bose_card: PractitionerCard) -> UUID:
    """Dr Bose's calendar."""
    return make_calendar(bose_card.id)


def make_calendar(practitioner_id: UUID, **changes: Any) -> UUID:
    values: dict[str, Any] = {
        "practitioner_id": practitioner_id,
        "place": "Building B, room 12",
        "weekly_rules": WEEK,
        "type_codes": ["consultation", "check", "echo"],
        "valid_from": date(2020, 1, 1),
        # The tests run on every day of the year.
        "close_on_holidays": False,
    }
    return create_calendar(**values | changes)
