"""Who waits at a place, as its staff see it and as its public screen does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings

from appointments import access, rules
from appointments.models import Appointment, Calendar, WaitingScreen
from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients import interface as patients

#: How long a call stays on the screen of somebody who has not come in yet.
CALL_SHOWN = timedelta(minutes=30)
#: As many as can be read from across the room.
MOST_CALLS, MOST_WAITING = 5, 40


def zones() -> dict[str, str]:
    """Place → time zone, of every open calendar; where two differ, either."""
    return dict(Calendar.objects.filter(active=True).order_by("id").values_list("place", "zone"))


def _with_number(place: str, day: date) -> dict[str, object]:
    # "Greater than" as in the index, or MongoDB would not use it.
    return {"place": place, "ticket_day": day, "ticket__gt": 0, "status": rules.Status.ARRIVED.value}


def waiting(*, actor: User, place: str) -> list[Appointment]:
    """Who has arrived at the place today and not begun, of the visits that the actor sees: by their start."""
    day = clock.today(zones().get(place, settings.TIME_ZONE))
    rows = access.staff_visible(actor).filter(**_with_number(place, day))
    return list(rows.order_by("start", "id"))


def next_of_each(rows: Iterable[Appointment]) -> set[UUID]:
    """Of each practitioner the visit to call next: the first by its time that has not been called."""
    first: dict[UUID, UUID] = {}
    for row in rows:
        if row.called_at is None:
            first.setdefault(row.practitioner_id, row.id)
    return set(first.values())


def last_doors(rows: Sequence[Appointment]) -> dict[UUID, str]:
    """Practitioner → the door to which they called last today at this place, so that nobody types it twice."""
    if not rows:
        return {}
    called = Appointment.objects.filter(
        place=rows[0].place, ticket_day=rows[0].ticket_day, ticket__gt=0, called_at__isnull=False
    ).exclude(door="")
    return dict(called.order_by("called_at").values_list("practitioner_id", "door"))


def seen(rows: Iterable[Appointment]) -> str:
    """A mark that differs when one of these visits changed, came or went. It holds no id that can be read out of it."""
    text = ",".join(f"{row.id}.{row.version}" for row in rows)
    return sha256(text.encode()).hexdigest()[:32]


# --- The public screen ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Call:
    """A number that is called, to a door or to a practitioner."""

    number: int
    door: str
    practitioner: str


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that the screen shows. Nothing here says who anybody is."""

    place: str
    calls: list[Call]
    waiting: list[int]

    @property
    def mark(self) -> str:
        return sha256(repr((self.calls, self.waiting)).encode()).hexdigest()[:16]


def hashed(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def find_screen(token: str) -> WaitingScreen | None:
    """The screen with this secret, unless it was revoked."""
    return WaitingScreen.objects.filter(token_hash=hashed(token), revoked_at=None).first()


def board(screen: WaitingScreen) -> Board:
    now = clock.now()
    rows = list(Appointment.objects.filter(**_with_number(screen.place, clock.local(now, screen.zone).date())))
    called = sorted(
        (row for row in rows if row.called_at and now - row.called_at <= CALL_SHOWN),
        key=lambda row: (row.called_at, row.ticket),
        reverse=True,
    )[:MOST_CALLS]
    names = patients.practitioner_cards({row.practitioner_id for row in called if not row.door})
    calls = [
        Call(row.ticket, row.door, names[row.practitioner_id].full_name if row.practitioner_id in names else "")
        for row in called
    ]
    return Board(screen.place, calls, sorted(row.ticket for row in rows if row.called_at is None)[:MOST_WAITING])
