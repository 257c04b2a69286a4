"""Periods, limits and cells. Pure: no Django, no database, today is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

#: A report's figures stay interesting; an export of a list is a heap of personal data that lies about.
REPORT_DAYS: Final = 90
EXPORT_DAYS: Final = 7
#: Renewed with each step forward; a worker that has not moved for so long is taken for dead.
LEASE: Final = timedelta(minutes=2)
MOST_ATTEMPTS: Final = 3
#: What one person may have in the making at a time.
MOST_OPEN: Final = 5
LONGEST_DAYS: Final = 366
EARLIEST: Final = date(2000, 1, 1)
#: How far ahead the reports look that may look ahead.
AHEAD_DAYS: Final = 90
#: Rows of one sheet of a spreadsheet (ECMA-376), the headings among them.
SHEET_ROWS: Final = 1_048_576
#: Characters of one cell of a spreadsheet; a longer text is cut there, and nowhere else.
SHEET_TEXT: Final = 32_767


class Kind(StrEnum):
    ACTIVITY = "activity"
    OCCUPANCY = "occupancy"
    NO_SHOWS = "no-shows"
    WAITING = "waiting"
    REVENUE = "revenue"
    AUDIT = "audit"


class Every(StrEnum):
    WEEK = "week"
    MONTH = "month"


#: What may be asked of days to come.
LOOKS_AHEAD: Final = frozenset({Kind.ACTIVITY, Kind.OCCUPANCY})
#: What each report can be narrowed to. Invoices know no place, the access log neither.
BY_PLACE: Final = frozenset({Kind.ACTIVITY, Kind.OCCUPANCY, Kind.NO_SHOWS, Kind.WAITING})
BY_UNIT: Final = frozenset({Kind.ACTIVITY})


class PeriodFault(StrEnum):
    ORDER = "order"
    LONG = "long"
    EARLY = "early"
    FUTURE = "future"


def period_fault(kind: Kind, first: date, last: date, today: date) -> PeriodFault | None:
    """What is wrong with a period, the first thing."""
    if last < first:
        return PeriodFault.ORDER
    if first < EARLIEST:
        return PeriodFault.EARLY
    if (last - first).days >= LONGEST_DAYS:
        return PeriodFault.LONG
    if last > today + timedelta(days=AHEAD_DAYS if kind in LOOKS_AHEAD else 0):
        return PeriodFault.FUTURE
    return None


@dataclass(frozen=True, slots=True)
class Span:
    """Local days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def key(self) -> str:
        return f"{self.first}/{self.last}"


class Grain(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def grain(first: date, last: date) -> Grain:
    """How fine a course over time is shown: at most 31 days, 27 weeks or 13 months."""
    days = (last - first).days + 1
    return Grain.DAY if days <= 31 else Grain.WEEK if days <= 183 else Grain.MONTH


def buckets(first: date, last: date) -> list[Span]:
    """The period cut into days, calendar weeks or calendar months; the ends may be shorter."""
    size = grain(first, last)
    found: list[Span] = []
    start = first
    while start <= last:
        after = _following(start, size)
        found.append(Span(start, min(after - timedelta(days=1), last)))
        start = after
    return found


def _following(day: date, size: Grain) -> date:
    if size is Grain.DAY:
        return day + timedelta(days=1)
    if size is Grain.WEEK:
        return day + timedelta(days=7 - day.weekday())
    return month_start(day, 1)


def month_start(day: date, months: int = 0) -> date:
    """The first of the month so many months after that of `day`."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def last_whole(every: Every, today: date) -> Span:
    """The week (Monday to Sunday) or month that was over last, before `today`."""
    if every is Every.WEEK:
        monday = today - timedelta(days=today.weekday() + 7)
        return Span(monday, monday + timedelta(days=6))
    return Span(month_start(today, -1), month_start(today) - timedelta(days=1))


def present(every: Every, today: date) -> Span:
    """The week or month that `today` is in: the first that a repetition asked for today reports."""
    if every is Every.WEEK:
        monday = today - timedelta(days=today.weekday())
        return Span(monday, monday + timedelta(days=6))
    return Span(month_start(today), month_start(today, 1) - timedelta(days=1))


#: What a spreadsheet takes for a formula, with the full-width forms that some read alike (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Blanks, also those that no one sees, before which a formula still is one.
_UNSEEN: Final = " \u00a0\u200b\u200c\u200d\u2060\ufeff\x00"


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may take this text for a formula."""
    return text.lstrip(_UNSEEN).startswith(_FORMULA)


def defused(text: str) -> str:
    """The text as a cell of a CSV that is shown and never computed."""
    return f"'{text}" if is_formula(text) else text


def share(part: int, whole: int) -> float | None:
    """A percentage with one decimal, half up; None of nothing."""
    return ((part * 2000 + whole) // (2 * whole)) / 10 if whole else None


def quantile(counts: dict[int, int], part: float) -> int | None:
    """The smallest value that at least this part of the values do not exceed; `counts`: value → how often."""
    total = sum(counts.values())
    if not total:
        return None
    needed, seen = part * total, 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= needed:
            return value
    raise AssertionError("unreachable")
