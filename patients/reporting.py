"""Figures on stays in units, for reports: counts and days, never a patient."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from medisecure.accounts.models import User
from patients.models import Unit, UnitStay
from patients.wards import VIEW, units_of

CHANGE = "patients.change_unit"
_CHUNK = 5000


@dataclass(frozen=True, slots=True)
class StayCount:
    """What happened in one unit. `minutes`: how long patients lay there within the time, all together."""

    unit_id: UUID
    unit: str
    came: int
    left: int
    minutes: int


def unit_choices(actor: User) -> list[tuple[UUID, str]]:
    """The units whose figures the actor may ask for, by name: those that they list patients of, and all for who sets
    units up and lists none."""
    if not actor.has_perm(VIEW):
        return []
    rows = Unit.objects.filter(active=True) if actor.has_perm(CHANGE) else units_of(actor)
    return list(rows.values_list("id", "name"))


def stay_counts(*, actor: User, begin: datetime, end: datetime, unit_id: UUID | None = None) -> Sequence[StayCount]:
    """Each unit that the actor may list, by name: two queries. A transfer leaves one unit and comes to another."""
    names = dict(unit_choices(actor))
    if unit_id is not None:
        names = {one: name for one, name in names.items() if one == unit_id}
    came, left = Counter[UUID](), Counter[UUID]()
    lay: defaultdict[UUID, timedelta] = defaultdict(timedelta)
    rows = UnitStay.objects.filter(Q(ends_at=None) | Q(ends_at__gt=begin), unit_id__in=list(names), starts_at__lt=end)
    columns = rows.order_by().values_list("unit_id", "starts_at", "ends_at")
    for one, starts_at, ends_at in columns.iterator(chunk_size=_CHUNK):
        came[one] += starts_at >= begin
        left[one] += ends_at is not None and ends_at <= end
        lay[one] += min(ends_at or end, end) - max(starts_at, begin)
    minute = timedelta(minutes=1)
    return [StayCount(one, name, came[one], left[one], lay[one] // minute) for one, name in names.items()]
