"""Who lies in a unit, for those who work there and for those whose role sees everyone's identity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, QuerySet

from medisecure.accounts.interface import roles_of
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel.errors import NotFound, Refused
from patients import rules
from patients.models import Unit, UnitStay
from patients.standing import Moment, memberships, seen_patients

VIEW = "patients.view_unit"


@dataclass(frozen=True, slots=True)
class Ward:
    unit: Unit
    stays: tuple[UnitStay, ...]


def units_of(actor: User) -> QuerySet[Unit]:
    """The units whose patients the actor may list: all, for who sees everyone's identity; else where they work."""
    rows = Unit.objects.filter(active=True)
    if rules.everyones_identity_right(roles_of(actor)) is None:
        rows = rows.filter(id__in=memberships(actor.id, Moment.present()).values("unit_id"))
    return rows


def work_units(actor: User) -> dict[UUID, str]:
    """The units in which the actor works today, with their names."""
    return dict(
        memberships(actor.id, Moment.present()).order_by("unit__name", "id").values_list("unit_id", "unit__name")
    )


def here_now(unit_ids: Iterable[UUID]) -> dict[UUID, int]:
    """How many lie in each of these units: one query."""
    rows = UnitStay.objects.filter(unit_id__in=list(unit_ids), ends_at=None).order_by().values("unit_id")
    return {row["unit_id"]: row["number"] for row in rows.annotate(number=Count("id"))}


def open_ward(*, actor: User, unit_id: UUID) -> Ward:
    """Who lies in the unit now, by bed, after the entry in the log. Raises `Refused` for a role that sees no units,
    `NotFound` for a unit where the actor does not work. Who objected to the actor is not on their list."""
    if not actor.has_perm(VIEW):
        raise Refused
    unit = units_of(actor).filter(id=unit_id).first()
    if unit is None:
        raise NotFound
    record_access(
        actor=actor,
        patient_id=None,
        action="list",
        resource="unit",
        resource_id=unit.id,
        purpose="care",
        right=rules.everyones_identity_right(roles_of(actor)) or rules.UNIT,
    )
    stays = (
        UnitStay.objects.filter(unit=unit, ends_at=None).select_related("patient").order_by("bed", "starts_at", "id")
    )
    seen = seen_patients(actor).order_by()
    return Ward(unit, tuple(stays.filter(patient_id__in=seen.values("id"))))


def stays_of(patient_id: UUID) -> list[UnitStay]:
    """The patient's stays, the newest first. For callers that have passed the door."""
    return list(UnitStay.objects.filter(patient_id=patient_id).select_related("unit")[:50])
