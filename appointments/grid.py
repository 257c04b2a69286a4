"""Where visits stand on the grid of a day: minutes of the wall clock, and side by side where they overlap. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 24 * 60
#: The hours that are shown of a day on which nothing happens.
_USUAL: Final = (8, 18)

#: Minutes after midnight, from and until.
Range = tuple[int, int]


def minutes(start: datetime, end: datetime, day: date, zone: ZoneInfo) -> Range | None:
    """The part of an instant's range that lies on the local day; None when none does.

    By the wall clock: on the night of a clock change something may look an hour longer or shorter than it is.
    """
    low, high = start.astimezone(zone), end.astimezone(zone)
    begin = 0 if low.date() < day else DAY if low.date() > day else low.hour * 60 + low.minute
    finish = 0 if high.date() < day else DAY if high.date() > day else high.hour * 60 + high.minute
    if begin >= DAY or finish <= 0:
        return None
    # An end before the start is the hour that came twice; what has no length has no place.
    return (begin, finish) if begin < finish else None if begin == finish else (begin, min(DAY, begin + 5))


def gaps(opens: Iterable[Range], taken: Iterable[Range], *, after: int = 0) -> list[Range]:
    """What is open and not taken, from the minute `after` on; disjoint and in order."""
    found: list[Range] = []
    busy = sorted(taken)
    for begin, end in sorted(opens):
        at = max(begin, after, found[-1][1] if found else 0)
        for low, high in busy:
            if low < end and at < min(low, end):
                found.append((at, min(low, end)))
            at = max(at, high)
        if at < end:
            found.append((at, end))
    return found


def pieces(spans: Iterable[Range], length: int) -> list[Range]:
    """The same time cut at each multiple of `length` minutes."""
    return [
        (max(begin, at), min(end, at + length))
        for begin, end in spans
        for at in range(begin // length * length, end, length)
    ]


def lanes(ranges: Sequence[Range]) -> list[tuple[int, int]]:
    """For each range (its lane, how many lanes there are): those that overlap stand side by side, equally wide."""
    found: list[tuple[int, int]] = [(0, 1)] * len(ranges)
    order = sorted(range(len(ranges)), key=lambda at: (ranges[at][0], -ranges[at][1], at))
    group: list[tuple[int, int]] = []
    ends: list[int] = []

    def close() -> None:
        for at, lane in group:
            found[at] = (lane, len(ends))

    for at in order:
        start, end = ranges[at]
        if ends and start >= max(ends):
            close()
            group, ends = [], []
        lane = next((number for number, free in enumerate(ends) if free <= start), len(ends))
        if lane == len(ends):
            ends.append(end)
        else:
            ends[lane] = end
        group.append((at, lane))
    close()
    return found


def hours(ranges: Iterable[Range]) -> tuple[int, int]:
    """The first and last whole hour that hold all ranges: (8, 18) means from 08:00 to 18:00."""
    known = list(ranges)
    if not known:
        return _USUAL
    return min(start for start, _end in known) // 60, -(-max(end for _start, end in known) // 60)
