"""What is open, free and allowed. Pure: no Django, no database, the clock is an argument.

A calendar says in local time when a practitioner is there; everything else is computed in UTC. A range of opening hours
lasts from the first instant at which the wall clock has reached its start to the last instant before its end. So when
the clocks go forward a range loses the hour that does not exist, and when they go back it is an hour longer.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from math import ceil, floor
from operator import attrgetter, itemgetter
from typing import Final
from zoneinfo import ZoneInfo

#: Occupancy is kept in cells of this length: each duration, buffer and opening hour is a multiple of it.
CELL: Final = timedelta(minutes=5)
CELL_MINUTES: Final = 5
#: No visit with its buffers is longer, which bounds how far a search for neighbours must look.
LONGEST: Final = timedelta(hours=12)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE: Final = timedelta(minutes=1)
_CELL: Final = CELL_MINUTES * 60
#: A cell after every other: the wall at the end of all time.
_NEVER: Final = 1 << 40


class Status(StrEnum):
    BOOKED = "booked"
    CONFIRMED = "confirmed"
    ARRIVED = "arrived"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"


#: Status → what may follow. A doctor without a reception may start with a patient whom nobody has checked in, and
#: somebody who was given up as a no-show may still come.
TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.BOOKED: frozenset({Status.CONFIRMED, Status.ARRIVED, Status.IN_PROGRESS, Status.NO_SHOW, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.ARRIVED, Status.IN_PROGRESS, Status.NO_SHOW, Status.CANCELLED}),
    Status.ARRIVED: frozenset({Status.IN_PROGRESS, Status.COMPLETED, Status.CANCELLED}),
    Status.IN_PROGRESS: frozenset({Status.COMPLETED}),
    Status.NO_SHOW: frozenset({Status.ARRIVED}),
    Status.COMPLETED: frozenset(),
    Status.CANCELLED: frozenset(),
}

#: How long a wrong click in the course of a visit may be taken back by one more.
UNDO_WITHIN: Final = timedelta(minutes=15)

#: The patient is not, or no longer, at the place.
NOT_HERE: Final = frozenset({Status.BOOKED, Status.CONFIRMED, Status.NO_SHOW, Status.CANCELLED})
#: The visit is still to come: it may be moved.
UPCOMING: Final = frozenset({Status.BOOKED, Status.CONFIRMED})
#: The visit takes up its time. A no-show's time has gone by, and belongs to nobody else either.
OCCUPYING: Final = frozenset(Status) - {Status.CANCELLED}


def may_follow(before: Status, after: Status) -> bool:
    return after in TRANSITIONS[before]


def may_cancel(status: Status, start: datetime, now: datetime, notice: timedelta) -> bool:
    """True while the visit may still be cancelled: `notice` is what the place asks of patients, zero for its staff."""
    return may_follow(status, Status.CANCELLED) and (not notice or now + notice <= start)


def may_move(status: Status, start: datetime, now: datetime, notice: timedelta) -> bool:
    return status in UPCOMING and (not notice or now + notice <= start)


def may_undo(back_to: str, changed_at: datetime, now: datetime) -> bool:
    """True while the last step may be taken back; `back_to` is the status before it, empty when it cannot be."""
    return bool(back_to) and now - changed_at <= UNDO_WITHIN


def asks_confirmation(no_shows: int, limit: int) -> bool:
    """Whether a new booking must be confirmed, after so many visits that the patient did not come to. 0: never."""
    return 0 < limit <= no_shows


def months_before(instant: datetime, months: int) -> datetime:
    """The same day and time so many months earlier; the month's last day where it has no such day."""
    year, month = divmod(instant.year * 12 + instant.month - 1 - months, 12)
    return instant.replace(year=year, month=month + 1, day=min(instant.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Span:
    """Instants from `start` up to, not including, `end`; both aware and in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Hours:
    """One range of opening hours on the wall clock, in minutes after midnight: 510 is 08:30, 1440 is 24:00."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Opening:
    """When a practitioner is at a place. `weekly` is by weekday (Monday is 0); `exceptions` replace a date's hours
    entirely, and none means closed."""

    zone: ZoneInfo
    grid: timedelta
    weekly: Mapping[int, Sequence[Hours]]
    valid_from: date
    valid_until: date | None = None
    exceptions: Mapping[date, Sequence[Hours]] | None = None
    #: Dates on which the weekly hours do not apply; an exception opens one of them.
    holidays: Container[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Visit:
    """How long a type of visit takes; the buffers keep the practitioner busy, not the patient."""

    duration: timedelta
    buffer_before: timedelta = timedelta()
    buffer_after: timedelta = timedelta()

    def span(self, start: datetime) -> Span:
        return Span(start, start + self.duration)

    def busy(self, start: datetime) -> Span:
        return Span(start - self.buffer_before, start + self.duration + self.buffer_after)


def parse_clock(text: str) -> int:
    """Minutes after midnight: "08:30", "24:00" → 1440. Raises ValueError for any other shape."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and hours.isascii() and minutes.isascii()):
        raise ValueError(f"not a clock time: {text[:10]!r}")
    if not (hours.isdigit() and minutes.isdigit() and int(minutes) < 60):
        raise ValueError(f"not a clock time: {text[:10]!r}")
    found = int(hours) * 60 + int(minutes)
    if found > 1440:
        raise ValueError(f"not a clock time: {text[:10]!r}")
    return found


def _utc(day: date, minutes: int, zone: ZoneInfo, *, last: bool) -> datetime:
    """The instant of a wall-clock time: of two, the first or the last; of none (a gap), the change itself."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    instant = wall.replace(tzinfo=zone, fold=int(last)).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # In a gap, fold 0 reads the clock as before the change and fold 1 as after it: the change lies between the two.
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    before = early.astimezone(zone).utcoffset()
    while late - early > _MINUTE:
        middle = early + (late - early) // 2 // _MINUTE * _MINUTE
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


@lru_cache(maxsize=1 << 16)
def _second(day: date, minutes: int, zone: ZoneInfo, last: bool) -> int:
    """`_utc` in seconds since 1970. Kept, because all practitioners of a place open at the same few times of a day."""
    return int(_utc(day, minutes, zone, last=last).timestamp())


def _opening_seconds(opening: Opening, day: date) -> list[tuple[int, int]]:
    """When the calendar is open on this local date, in seconds since 1970 and in order."""
    if day < opening.valid_from or (opening.valid_until is not None and day > opening.valid_until):
        return []
    exceptions = opening.exceptions or {}
    if day in exceptions:
        hours = exceptions[day]
    else:
        hours = () if day in opening.holidays else opening.weekly.get(day.weekday(), ())
    found = []
    for item in sorted(hours, key=attrgetter("start")):
        start = _second(day, item.start, opening.zone, False)
        # The day ends at the first midnight, also where the clocks go back over it.
        end = _second(day, item.end, opening.zone, item.end < 1440)
        if start < end:
            found.append((start, end))
    return found


def opening_spans(opening: Opening, day: date) -> list[Span]:
    """When the calendar is open on this local date, in UTC and in order."""
    return [Span(instant(start), instant(end)) for start, end in _opening_seconds(opening, day)]


def instant(second: int) -> datetime:
    """The instant in UTC of a number of seconds since 1970."""
    return _EPOCH + timedelta(seconds=second)


def _seconds(length: timedelta) -> int:
    return length // timedelta(seconds=1)


def cell_range(start: datetime, end: datetime) -> tuple[int, int]:
    """The cells that the span touches, as numbers since 1970: from the first up to, not including, the second."""
    return (start - _EPOCH) // CELL, -((_EPOCH - end) // CELL)


def merge(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same cells as disjoint ranges in order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def cell_span(span: Span) -> Span:
    """The span widened to whole cells."""
    start = span.start - (span.start - _EPOCH) % CELL
    return Span(start, span.end + (_EPOCH - span.end) % CELL)


def cells(span: Span) -> Iterator[datetime]:
    """The start of each cell that the span touches."""
    wide = cell_span(span)
    at = wide.start
    while at < wide.end:
        yield at
        at += CELL


def days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def free_starts(
    opening: Opening,
    visit: Visit,
    *,
    first: date,
    last: date,
    busy: Iterable[Span],
    earliest: datetime,
    latest: datetime,
) -> list[datetime]:
    """The instants at which the visit could start on the local dates `first` to `last`, in UTC and in order.

    Starts stand on the grid that begins when a range opens. The visit itself lies in the opening hours; with its
    buffers it touches no span of `busy` (visits with their buffers, leave). `earliest` and `latest` bound the start.
    """
    taken = merge(cell_range(span.start, span.end) for span in busy)
    found = free_seconds(opening, visit, first=first, last=last, taken=taken, earliest=earliest, latest=latest)
    return [instant(second) for second in found]


def free_seconds(
    opening: Opening,
    visit: Visit,
    *,
    first: date,
    last: date,
    taken: Sequence[tuple[int, int]],
    earliest: datetime,
    latest: datetime,
) -> list[int]:
    """`free_starts` in seconds since 1970, with what is busy as cells that `merge` has put in order.

    Whole numbers, and one step for each gap between what is taken instead of one for each start: a month of fifty
    practitioners has fifty thousand starts.
    """
    step, length = _seconds(opening.grid), _seconds(visit.duration)
    before, after = _seconds(visit.buffer_before), length + _seconds(visit.buffer_after)
    low, high = ceil(earliest.timestamp()), floor(latest.timestamp())
    walls = [*taken, (_NEVER, _NEVER)]
    ends = [end for _start, end in walls]
    found: list[int] = []
    reached, again = 0, False
    for day in days(first, last):
        for begin, end in _opening_seconds(opening, day):
            # Two ranges of a day that overlap offer the same start twice.
            again, reached = again or begin < reached, max(reached, end)
            bottom, top = max(begin, low), min(end - length, high)
            at = bisect_right(ends, (bottom - before) // _CELL)
            while bottom <= top:
                wall_begins, wall_ends = walls[at]
                gap_ends = min(top, wall_begins * _CELL - after)
                found.extend(range(bottom + (begin - bottom) % step, gap_ends + 1, step))
                bottom = max(bottom, wall_ends * _CELL + before)
                at += 1
    return sorted(set(found)) if again else found


def is_free(taken: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """True when no range of `taken` (cells, in order) touches the seconds from `start` up to `end`."""
    at = bisect_right(taken, start // _CELL, key=itemgetter(1))
    return at == len(taken) or taken[at][0] * _CELL >= end


def offers(opening: Opening, visit: Visit, start: datetime) -> bool:
    """True when the calendar has a slot at `start`, free or not: in opening hours and on their grid."""
    day = start.astimezone(opening.zone).date()
    return any(
        span.start <= start
        and start + visit.duration <= span.end
        and (start - span.start) % opening.grid == timedelta()
        for span in opening_spans(opening, day)
    )


def fits(opening: Opening, span: Span) -> bool:
    """True when the calendar is open for the whole of the span, on its grid or off it."""
    day = span.start.astimezone(opening.zone).date()
    return any(hours.start <= span.start and span.end <= hours.end for hours in opening_spans(opening, day))


def on_cell(start: datetime) -> bool:
    return (start - _EPOCH) % CELL == timedelta()
