"""A booking is whole or not at all; and visits that operations put in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from appointments import services
from appointments.models import Appointment, AppointmentHistory, OccupancyCell
from appointments.services import cells
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Invalid, SlotTaken
from medisecure.kernel.outbox import pending
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, make_calendar
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def held(appointment: Appointment) -> int:
    return OccupancyCell.objects.filter(appointment_id=appointment.id).count()


def events() -> list[str]:
    return [row.name for row in pending(APPOINTMENTS)]


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    """Asha sees Dr Bose at 09:00."""
    return services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))


def test_failure_after_the_cells_leaves_nothing(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall_over(*args: object, **kwargs: object) -> None:
        assert OccupancyCell.objects.count() == 12
        raise ZeroDivisionError

    monkeypatch.setattr("appointments.services.booking.remember", fall_over)
    with pytest.raises(ZeroDivisionError):
        services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))
    assert OccupancyCell.objects.count() == Appointment.objects.count() == AppointmentHistory.objects.count() == 0
    assert events() == []


def test_failure_while_moving_leaves_the_old_time(
    booked: Appointment, asha: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(OccupancyCell.objects.values_list("key", flat=True))

    def fall_over(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("appointments.services.booking.tell", fall_over)
    with pytest.raises(ZeroDivisionError):
        services.move(actor=asha, appointment_id=booked.id, start=at("15:00"))
    assert set(OccupancyCell.objects.values_list("key", flat=True)) == before
    assert Appointment.objects.get(id=booked.id).start == at("09:00")


def test_index_decides_when_the_look_up_was_too_early(
    booked: Appointment, dan: User, dan_card: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two processes the look at the cells sees nothing: then the unique key refuses, and everything goes."""
    monkeypatch.setattr(cells, "dict", lambda *args: {}, raising=False)
    with pytest.raises(SlotTaken):
        services.book(actor=dan, practitioner_id=booked.practitioner_id, type_code="check", start=at("09:15"))
    assert OccupancyCell.objects.count() == 12
    assert Appointment.objects.count() == 1


def test_access_is_written_even_when_the_slot_is_lost(booked: Appointment, dan: User, dan_card: PatientCard) -> None:
    with pytest.raises(SlotTaken):
        services.book(actor=dan, practitioner_id=booked.practitioner_id, type_code="check", start=at("09:15"))
    assert AccessEntry.objects.filter(patient_id=dan_card.id, resource="appointment").count() == 1


def test_seeded_visits_obey_the_same_cells_and_tell_nobody(
    asha_card: PatientCard, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    values: dict[str, Any] = {"practitioner_id": bose_card.id, "type_code": "consultation"}
    services.seed_appointment(patient_id=asha_card.id, start=at("09:00", days=-7), status="completed", **values)
    with pytest.raises(SlotTaken):
        services.seed_appointment(patient_id=dan_card.id, start=at("09:15", days=-7), status="no_show", **values)
    services.seed_appointment(patient_id=dan_card.id, start=at("09:15", days=-7), status="cancelled", **values)
    with pytest.raises(Invalid):
        services.seed_appointment(patient_id=dan_card.id, start=at("12:15", days=-7), **values)
    assert events() == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"zone": "Europe/Pariss"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"grid_minutes": 7}, "grid_minutes"),
        ({"weekly_rules": [{"weekday": 7, "start": "08:00", "end": "09:00"}]}, "weekly_rules"),
        ({"weekly_rules": [{"weekday": True, "start": "08:00", "end": "09:00"}]}, "weekly_rules"),
        ({"weekly_rules": [{"weekday": 1, "start": "10:00", "end": "09:00"}]}, "weekly_rules"),
        ({"weekly_rules": [{"weekday": 1, "start": 8, "end": None}]}, "weekly_rules"),
        ({"weekly_rules": [{"weekday": 1}]}, "weekly_rules"),
        (
            {
                "weekly_rules": [
                    {"weekday": 1, "start": "08:00", "end": "10:00"},
                    {"weekday": 1, "start": "09:00", "end": "11:00"},
                ]
            },
            "weekly_rules",
        ),
        ({"exceptions": [{"date": "2026-02-30", "hours": []}]}, "exceptions"),
        ({"exceptions": [{"date": "2026-02-03", "hours": [{"start": "9", "end": "10"}]}]}, "exceptions"),
        ({"type_codes": ["nothing"]}, "type_codes"),
        ({"valid_until": datetime(2019, 1, 1, tzinfo=UTC).date()}, "valid_until"),
        ({"place": ""}, "place"),
    ],
)
def test_calendar_that_makes_no_sense_is_refused_by_field(
    types: None, bose_card: PractitionerCard, changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        make_calendar(bose_card.id, **changed)
    assert field in caught.value.errors
