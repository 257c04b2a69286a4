"""Figures on visits, for reports: counts and minutes of what the actor sees, never a patient.

Each reads the narrow columns it counts as a stream, because the three engines have no common way to cut instants into
local days. The number of queries is the same for one visit and for a hundred thousand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from appointments import access, report_rules, rules
from appointments.calendars import opening_of
from appointments.models import Appointment, AppointmentHistory, Calendar, Leave
from appointments.selectors import day_bounds, type_labels
from medisecure.accounts.models import User
from medisecure.kernel.models import PinnedQuerySet
from patients import interface as patients

_CHUNK: Final = 5000
_SEEN: Final = (rules.Status.IN_PROGRESS.value, rules.Status.COMPLETED.value)
_OCCUPYING: Final = sorted(status.value for status in rules.OCCUPYING)


@dataclass(frozen=True, slots=True)
class Period:
    """Local days of the hospital, both included; of one place or practitioner when they are named."""

    first: date
    last: date
    place: str = ""
    practitioner_id: UUID | None = None

    def bounds(self) -> tuple[datetime, datetime]:
        return day_bounds(self.first)[0], day_bounds(self.last)[1]


@dataclass(frozen=True, slots=True)
class VisitCount:
    """So many visits are alike in all of this. `lead_days`: how long before the visit it was booked; None when it was
    written down afterwards, as what is taken over from another system is."""

    day: date
    practitioner_id: UUID
    place: str
    type_code: str
    status: str
    lead_days: int | None
    visits: int


@dataclass(frozen=True, slots=True)
class Occupied:
    """Minutes of one practitioner at one place on one day: offered to patients, and of these booked."""

    day: date
    practitioner_id: UUID
    place: str
    offered: int
    booked: int


@dataclass(slots=True)
class Waits:
    """How often patients waited how long: days from the booking to the visit, minutes from the arrival to the start."""

    days: Counter[int] = field(default_factory=Counter)
    minutes: Counter[int] = field(default_factory=Counter)


def visit_counts(*, actor: User, period: Period) -> list[VisitCount]:
    """One query."""
    zone = ZoneInfo(settings.TIME_ZONE)
    found: Counter[tuple[date, UUID, str, str, str, int | None]] = Counter()
    columns = ("practitioner_id", "place", "type_code", "status", "start", "created_at")
    for practitioner_id, place, type_code, status, start, created_at in _stream(_visits(actor, period), *columns):
        day = start.astimezone(zone).date()
        lead = (start - created_at).days if created_at <= start else None
        found[day, practitioner_id, place, type_code, status, lead] += 1
    return [VisitCount(*key, visits) for key, visits in found.items()]


def waiting_times(*, actor: User, period: Period) -> Mapping[UUID, Waits]:
    """Practitioner → how long their patients waited: two queries. Visits that were cancelled do not count; minutes only
    where arrival and start were noted."""
    begun = dict(_stream(_starts(period), "appointment_id", "at"))
    found: defaultdict[UUID, Waits] = defaultdict(Waits)
    rows = _visits(actor, period).exclude(status=rules.Status.CANCELLED.value)
    columns = ("id", "practitioner_id", "status", "start", "created_at", "arrived_at")
    for id_, practitioner_id, status, start, created_at, arrived_at in _stream(rows, *columns):
        waits = found[practitioner_id]
        if created_at <= start:
            waits.days[(start - created_at).days] += 1
        started_at = begun.get(id_) if status in _SEEN else None
        if started_at is not None and arrived_at is not None and arrived_at <= started_at:
            waits.minutes[(started_at - arrived_at) // timedelta(minutes=1)] += 1
    return found


def occupancy(*, actor: User, period: Period) -> list[Occupied]:
    """Minutes that open calendars offer, leave taken off, and of these the minutes that a visit with its buffers takes,
    each counted once however many were booked onto it. Three queries."""
    begin, end = period.bounds()
    calendars = _calendars(actor, period)
    people = {row.practitioner_id for row in calendars}
    away = _ranges(
        _stream(
            Leave.objects.filter(practitioner_id__in=list(people), start__lt=end, end__gt=begin),
            *("practitioner_id", "start", "end"),
        )
    )
    wide = Appointment.objects.filter(
        practitioner_id__in=list(people),
        start__gte=begin - rules.LONGEST,
        start__lt=end + rules.LONGEST,
        status__in=_OCCUPYING,
    )
    taken = _ranges(_stream(wide, "practitioner_id", "busy_start", "busy_end"))
    offered: defaultdict[tuple[date, UUID, str], list[tuple[int, int]]] = defaultdict(list)
    for row in calendars:
        opening = opening_of(row)
        for day in rules.days(period.first, period.last):
            spans = rules.opening_spans(opening, day)
            if spans:
                key = (day, row.practitioner_id, row.place)
                offered[key] += [rules.cell_range(span.start, span.end) for span in spans]
    found = []
    for (day, practitioner_id, place), ranges in sorted(offered.items(), key=lambda item: str(item[0])):
        there = report_rules.without(rules.merge(ranges), away.get(practitioner_id, ()))
        booked = report_rules.both(there, taken.get(practitioner_id, ()))
        minutes = [report_rules.size(part) * rules.CELL_MINUTES for part in (there, booked)]
        found.append(Occupied(day, practitioner_id, place, *minutes))
    return found


def visit_types() -> dict[str, str]:
    """Code → name in the active language."""
    return type_labels()


def _visits(actor: User, period: Period) -> PinnedQuerySet[Appointment]:
    begin, end = period.bounds()
    rows = access.staff_visible(actor).filter(start__gte=begin, start__lt=end)
    if period.place:
        rows = rows.filter(place=period.place)
    if period.practitioner_id is not None:
        rows = rows.filter(practitioner_id=period.practitioner_id)
    return rows


def _starts(period: Period) -> Any:
    """The last time that each visit of the period was started; who took it back and started again did so later."""
    begin, end = period.bounds()
    return AppointmentHistory.objects.filter(action="start", start__gte=begin, start__lt=end).order_by("id")


def _calendars(actor: User, period: Period) -> list[Calendar]:
    rows = Calendar.objects.filter(active=True)
    if not access.sees_all(actor):
        own = patients.practitioner_for_user(actor.id)
        rows = rows.filter(practitioner_id=own) if own else rows.none()
    if period.place:
        rows = rows.filter(place=period.place)
    if period.practitioner_id is not None:
        rows = rows.filter(practitioner_id=period.practitioner_id)
    return list(rows.order_by("id"))


def _ranges(rows: Iterator[tuple[Any, ...]]) -> dict[UUID, list[tuple[int, int]]]:
    """Practitioner → the cells they are busy or away, in order."""
    found: defaultdict[UUID, list[tuple[int, int]]] = defaultdict(list)
    for practitioner_id, start, end in rows:
        found[practitioner_id].append(rules.cell_range(start, end))
    return {practitioner_id: rules.merge(ranges) for practitioner_id, ranges in found.items()}


def _stream(rows: Any, *columns: str) -> Iterator[tuple[Any, ...]]:
    ordered = rows if rows.query.order_by else rows.order_by()
    found: Iterator[tuple[Any, ...]] = ordered.values_list(*columns).iterator(chunk_size=_CHUNK)
    return found
