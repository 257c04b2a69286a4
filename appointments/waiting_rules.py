"""Whom on the waiting list a free time suits, and how long it is kept. Pure: no Django, the clock is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

#: An answer must be possible: a time that would be kept for less is offered to nobody.
SHORTEST: Final = timedelta(minutes=15)
#: Between the last moment to accept and the visit, whatever the calendar says: people must get there.
WAY: Final = timedelta(hours=1)
#: After so many offers in a row without a yes, the patient is asked whether they still want to be asked.
MOST_MISSED: Final = 3


@dataclass(frozen=True, slots=True)
class Window:
    """A weekday (Monday is 0) and minutes after midnight on the place's clock."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What an entry asks for. `before` is when the visit is now: a time must be earlier to be any use."""

    id: UUID
    priority: int
    asked: datetime
    first: date
    last: date
    windows: Sequence[Window] = ()
    before: datetime | None = None


def rank(wish: Wish) -> tuple[int, datetime, str]:
    """Sorts the line: urgent before normal, then who asked first."""
    return -wish.priority, wish.asked, str(wish.id)


def suits(wish: Wish, start: datetime, end: datetime, zone: ZoneInfo) -> bool:
    """True when the patient said they can come then, on the clock of the place."""
    if wish.before is not None and start >= wish.before:
        return False
    there, until = start.astimezone(zone), end.astimezone(zone)
    if not wish.first <= there.date() <= wish.last:
        return False
    if not wish.windows:
        return True
    begins = there.hour * 60 + there.minute
    # A visit over midnight ends after every window of its day.
    ends = until.hour * 60 + until.minute + 1440 * (until.date() - there.date()).days
    return any(
        window.weekday == there.weekday() and window.start <= begins and ends <= window.end for window in wish.windows
    )


def free_then(start: datetime, end: datetime, visits: Sequence[tuple[datetime, datetime]]) -> bool:
    """True when none of the patient's visits touches this time."""
    return all(end <= begun or done <= start for begun, done in visits)


def open_until(now: datetime, start: datetime, *, lead: timedelta, patience: timedelta) -> datetime | None:
    """Until when the time is kept: as long as usual, less when it is near; None when it is too near to offer."""
    end = min(now + patience, start - max(lead, WAY))
    return end if end - now >= SHORTEST else None


def may_disturb(now: datetime, zone: ZoneInfo, hours: tuple[int, int]) -> bool:
    """True while people are awake at the place: an offer made at night would run out before anybody reads it."""
    first, last = hours
    return first <= now.astimezone(zone).hour < last
