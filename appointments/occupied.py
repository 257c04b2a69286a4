"""When practitioners, rooms and devices are busy, for many of them at once: visits with their buffers, and leave.

A month of fifty practitioners is some ten thousand visits, and turning so many rows into Python costs more than all the
rest of the search for free times. So the answer is kept, in blocks of days for each practitioner, and dropped when the
transaction that changed it commits. It may be a moment old, as any answer about free times: who books is told by the
cells (decision 6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from appointments import rules
from appointments.models import Appointment, Hold, Leave, ResourceUse, WaitingOffer
from medisecure.kernel import clock
from medisecure.kernel.cache import BUSY_SECONDS, busy_scope, forget_on_commit
from medisecure.kernel.cache_many import remember_many
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.transactions import in_atomic

#: Cells, from the first up to, not including, the second; disjoint and in order.
Taken = list[tuple[int, int]]

#: Days of what is kept together: a question about a month reads one or two blocks of each practitioner.
_BLOCK: Final = 64 * 24 * 60 * 60
#: The same in cells.
_CELLS: Final = _BLOCK // (rules.CELL_MINUTES * 60)


Row = tuple[UUID, datetime, datetime]
#: Reads what keeps these owners busy between two instants.
Read = Callable[[list[UUID], datetime, datetime], list[Iterable[Row]]]


def busy(practitioner_ids: Collection[UUID], begin: datetime, end: datetime) -> Mapping[UUID, Taken]:
    """What keeps each practitioner from receiving at any time from `begin` to `end`, and perhaps some of what lies
    around it. Two queries at most, for any number of practitioners."""
    return _busy(practitioner_ids, begin, end, _visits_and_leave)


def in_use(resource_ids: Collection[UUID], begin: datetime, end: datetime) -> Mapping[UUID, Taken]:
    """The same for rooms and equipment, in one query at most."""
    return _busy(resource_ids, begin, end, _uses)


def held(begin: datetime, end: datetime, *, but_of: UUID | None) -> Mapping[UUID, Taken]:
    """What is kept for somebody for a while, by practitioner, room and device: while they fill in a form (not what
    `but_of` keeps), and offered to the waiting list. Never kept in the cache: it ends by itself. Two queries, with as
    many rows as there are people about to book."""
    found: dict[UUID, Taken] = defaultdict(list)
    now = clock.now()
    offers = WaitingOffer.objects.filter(
        status=WaitingOffer.Status.OPEN, expires__gt=now, busy_start__lt=end, busy_end__gt=begin
    )
    holds = Hold.objects.filter(expires__gt=now, busy_start__lt=end, busy_end__gt=begin)
    kept: list[WaitingOffer | Hold] = [*offers.order_by(), *(hold for hold in holds if hold.owner_id != but_of)]
    for row in kept:
        for owner in (row.practitioner_id, *map(UUID, row.resource_ids)):
            found[owner].append(rules.cell_range(row.busy_start, row.busy_end))
    return found


def _busy(owner_ids: Collection[UUID], begin: datetime, end: datetime, read: Read) -> Mapping[UUID, Taken]:
    if not owner_ids:
        return {}
    blocks = range(int(begin.timestamp()) // _BLOCK, int(end.timestamp()) // _BLOCK + 1)
    owners = {(busy_scope(owner), str(block)): (owner, block) for owner in owner_ids for block in blocks}

    def compute(missing: list[tuple[str, str]]) -> dict[tuple[str, str], Taken]:
        wanted = [owners[key] for key in missing]
        ids = {owner for owner, _block in wanted}
        found = _read(ids, min(block for _owner, block in wanted), max(block for _owner, block in wanted), read)
        return {key: found[owners[key]] for key in missing}

    # A transaction sees what it wrote itself, and keeps for others nothing that may yet be rolled back.
    answers = compute(list(owners)) if in_atomic(APPOINTMENTS) else remember_many(list(owners), BUSY_SECONDS, compute)
    found: dict[UUID, Taken] = defaultdict(list)
    for key, taken in answers.items():
        found[owners[key][0]] += taken
    # What lies across the border of two blocks is in both.
    return {owner: rules.merge(taken) for owner, taken in found.items()}


def _read(owner_ids: Collection[UUID], first: int, last: int, read: Read) -> dict[tuple[UUID, int], Taken]:
    ids = list(owner_ids)
    found: dict[tuple[UUID, int], Taken] = {(owner, block): [] for owner in ids for block in range(first, last + 1)}
    for rows in read(ids, rules.instant(first * _BLOCK), rules.instant((last + 1) * _BLOCK)):
        for owner, start, finish in rows:
            taken = rules.cell_range(start, finish)
            for block in range(max(first, taken[0] // _CELLS), min(last, (taken[1] - 1) // _CELLS) + 1):
                found[owner, block].append(taken)
    return {key: rules.merge(taken) for key, taken in found.items()}


def _visits_and_leave(ids: list[UUID], begin: datetime, end: datetime) -> list[Iterable[Row]]:
    visits = Appointment.objects.filter(
        practitioner_id__in=ids,
        busy_start__gt=begin - rules.LONGEST,
        busy_start__lt=end,
        busy_end__gt=begin,
        status__in=[status.value for status in rules.OCCUPYING],
    )
    leaves = Leave.objects.filter(practitioner_id__in=ids, start__lt=end, end__gt=begin)
    return [
        visits.order_by().values_list("practitioner_id", "busy_start", "busy_end"),
        leaves.order_by().values_list("practitioner_id", "start", "end"),
    ]


def _uses(ids: list[UUID], begin: datetime, end: datetime) -> list[Iterable[Row]]:
    uses = ResourceUse.objects.filter(
        resource_id__in=ids, start__gt=begin - rules.LONGEST, start__lt=end, end__gt=begin
    )
    return [uses.order_by().values_list("resource_id", "start", "end")]


def forget_busy(*owner_ids: UUID) -> None:
    """Drop what is kept of these practitioners, rooms and devices when the transaction open on APPOINTMENTS commits."""
    forget_on_commit(APPOINTMENTS, *(busy_scope(one) for one in owner_ids))
