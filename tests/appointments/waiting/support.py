"""What the tests of the waiting list share."""

from __future__ import annotations

from datetime import UTC, datetime

from appointments import services
from appointments.models import (
    Appointment,
    OccupancyCell,
    WaitingEntry,
    WaitingOffer,
    WaitingStep,
)
from medisecure.accounts.models import User

#: Tuesday 24 February 2026, 10:00 in Paris.
NOW = datetime(2026, 2, 24, 9, tzinfo=UTC)


def the_offer(entry: WaitingEntry) -> WaitingOffer:
    return WaitingOffer.objects.get(entry_id=entry.id, status="open")


def journal(entry: WaitingEntry) -> list[str]:
    return list(WaitingStep.objects.filter(entry_id=entry.id).values_list("action", flat=True))


def fresh(entry: WaitingEntry) -> WaitingEntry:
    return WaitingEntry.objects.get(id=entry.id)


def held(offer: WaitingOffer) -> int:
    return OccupancyCell.objects.filter(appointment_id=offer.id).count()


def free_one(full: list[Appointment], rita: User, day: int = 3) -> None:
    services.cancel(actor=rita, appointment_id=full[day - 1].id)
