"""What the portal asks of a time that is kept: a part of `interface`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from appointments import services
from appointments.models import AppointmentType
from medisecure.accounts.models import User


@dataclass(frozen=True, slots=True)
class HoldCard:
    """A time that somebody keeps while they fill in the form, until `expires`."""

    id: UUID
    practitioner_id: UUID
    type_code: str
    start: datetime
    end: datetime
    zone: str
    place: str
    mode_label: str
    expires: datetime


def hold(*, actor: User, practitioner_id: UUID, type_code: str, start: datetime) -> HoldCard:
    """See `services.hold`."""
    row = services.hold(actor=actor, practitioner_id=practitioner_id, type_code=type_code, start=start)
    kind = AppointmentType.objects.get(code=row.type_code)
    return HoldCard(
        id=row.id,
        practitioner_id=row.practitioner_id,
        type_code=row.type_code,
        start=row.start,
        end=row.start + timedelta(minutes=kind.duration_minutes),
        zone=row.zone,
        place=row.place,
        mode_label=str(kind.get_mode_display()),
        expires=row.expires,
    )


def release_hold(*, actor: User, hold_id: UUID | None = None) -> None:
    """See `services.release_hold`."""
    services.release_hold(actor=actor, hold_id=hold_id)
