"""Visits to come that no longer fit: their calendar, a leave or a room changed after they were booked.

Nothing is kept of it: the question is asked anew each time, so that a visit which was moved, or a rule which was put
back, is off the list by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from appointments import rules
from appointments.calendars import opening_of
from appointments.models import Appointment, Calendar, Leave, Resource, ResourceUse
from medisecure.kernel import clock
from medisecure.kernel.models import PinnedQuerySet

#: Visits looked at together.
_BATCH = 500


class Why(StrEnum):
    CLOSED = "closed"
    LEAVE = "leave"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Stranded:
    appointment: Appointment
    why: Why


def find(visits: PinnedQuerySet[Appointment], *, limit: int) -> list[Stranded]:
    """Those of `visits` that are to come and no longer fit, by start; `limit` at most. Four queries for each 500."""
    found: list[Stranded] = []
    coming = visits.filter(start__gt=clock.now(), status__in=[one.value for one in rules.UPCOMING])
    for batch in _batches(coming):
        found += _stranded(batch)
        if len(found) >= limit:
            break
    return found[:limit]


def _batches(visits: PinnedQuerySet[Appointment]) -> Iterator[list[Appointment]]:
    """By start. Each batch begins after the last one: MongoDB has no cursor that outlives a request's other queries."""
    seen: set[UUID] = set()
    after: datetime | None = None
    while True:
        rows = visits if after is None else visits.filter(start__gte=after)
        batch = [row for row in rows.order_by("start", "id")[: _BATCH + len(seen)] if row.id not in seen]
        if not batch:
            return
        yield batch
        # Several start at the same instant: those already seen come again with the next question.
        last = batch[-1].start
        seen = {row.id for row in batch if row.start == last} | (seen if last == after else set())
        after = last


def _stranded(visits: list[Appointment]) -> list[Stranded]:
    begin, end = min(row.busy_start for row in visits), max(row.busy_end for row in visits)
    calendars = {row.id: row for row in Calendar.objects.filter(id__in=list({row.calendar_id for row in visits}))}
    openings = {one: opening_of(row) for one, row in calendars.items() if row.active}
    leaves: dict[UUID, list[rules.Span]] = defaultdict(list)
    practitioners = list({row.practitioner_id for row in visits})
    for row in Leave.objects.filter(practitioner_id__in=practitioners, start__lt=end, end__gt=begin):
        leaves[row.practitioner_id].append(rules.Span(row.start, row.end))
    gone = _without_room([row.id for row in visits])

    def why(row: Appointment) -> Why | None:
        opening = openings.get(row.calendar_id)
        # Who overbooks may leave the opening hours, and knew it then.
        if opening is None or not (row.overbooked or rules.fits(opening, rules.Span(row.start, row.end))):
            return Why.CLOSED
        if any(span.start < row.busy_end and span.end > row.busy_start for span in leaves[row.practitioner_id]):
            return Why.LEAVE
        return Why.RESOURCE if row.id in gone else None

    return [Stranded(row, reason) for row in visits if (reason := why(row)) is not None]


def _without_room(ids: list[UUID]) -> set[UUID]:
    """The visits whose room or device is out of service."""
    uses = list(ResourceUse.objects.filter(appointment_id__in=ids).values_list("appointment_id", "resource_id"))
    if not uses:
        return set()
    rooms = list({resource_id for _appointment_id, resource_id in uses})
    out = set(Resource.objects.filter(id__in=rooms, active=False).values_list("id", flat=True))
    return {appointment_id for appointment_id, resource_id in uses if resource_id in out}
