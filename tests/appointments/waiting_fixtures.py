"""A practitioner with one place a day: Asha has the next five, Dan the sixth, and Dan would like an earlier one."""

from __future__ import annotations

from uuid import UUID

import pytest

from appointments import services
from appointments.models import Appointment, WaitingEntry
from appointments.services import waiting
from medisecure.accounts.models import User
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, make_calendar
from tests.support import deliver_events, send_mails


@pytest.fixture
def one_a_day(types: None, bose_card: PractitionerCard) -> UUID:
    """One place a day: 09:00 to 09:30, from today on."""
    hours = [{"weekday": day, "start": "09:00", "end": "09:30"} for day in range(7)]
    return make_calendar(bose_card.id, weekly_rules=hours, grid_minutes=30)


@pytest.fixture
def full(rita: User, bose_card: PractitionerCard, asha_card: PatientCard, one_a_day: UUID) -> list[Appointment]:
    """Asha has the places of days 1 to 5."""
    return [
        services.book(
            actor=rita,
            practitioner_id=bose_card.id,
            type_code="consultation",
            start=at("09:00", days=day),
            patient_id=asha_card.id,
        )
        for day in range(1, 6)
    ]


@pytest.fixture
def dans(rita: User, bose_card: PractitionerCard, dan_card: PatientCard, full: list[Appointment]) -> Appointment:
    """Dan's visit on day 6."""
    return services.book(
        actor=rita,
        practitioner_id=bose_card.id,
        type_code="consultation",
        start=at("09:00", days=6),
        patient_id=dan_card.id,
    )


@pytest.fixture
def waiting_dan(dan: User, dans: Appointment) -> WaitingEntry:
    entry = waiting.ask(actor=dan, appointment_id=dans.id)
    deliver_events()
    send_mails()
    return entry
