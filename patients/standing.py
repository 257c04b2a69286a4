"""What stands between an account and patients at this moment: the facts that the rules of access decide on.

Nothing here is cached: a right that has ended must end now. Each fact is a subquery of ids, so that the same words
serve one patient (one query for all facts) and a list of a million (a union of small sets, never a walk through all).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

from medisecure.accounts.interface import roles_of
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Merged
from medisecure.kernel.prepared import Prepared
from patients import rules
from patients.models import (
    CareRelation,
    Consent,
    EmergencyAccess,
    Patient,
    Representation,
    UnitMember,
    UnitStay,
)
from patients.restriction import RESTRICTED_AT, hides
from patients.rules import consent, representation


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, and the times that the rules of access derive from it."""

    now: datetime
    today: date
    care_from: datetime
    care_until: datetime
    unit_since: datetime

    @classmethod
    def present(cls) -> Moment:
        now, access = clock.now(), settings.ACCESS
        earliest_end, latest_start = rules.care_window(now, access.care_before, access.care_after)
        return cls(now, clock.today(), latest_start, earliest_end, now - access.unit_after)


def relations(actor_id: UUID, at: Moment) -> QuerySet[CareRelation]:
    """The actor's own care relations whose window is open."""
    return CareRelation.objects.filter(
        practitioner__user_id=actor_id,
        practitioner__active=True,
        active=True,
        starts_at__lte=at.care_from,
        ends_at__gte=at.care_until,
    )


def memberships(actor_id: UUID, at: Moment) -> QuerySet[UnitMember]:
    """The units in which the actor works that day."""
    return UnitMember.objects.filter(
        Q(ends_on=None) | Q(ends_on__gte=at.today),
        practitioner__user_id=actor_id,
        practitioner__active=True,
        unit__active=True,
        starts_on__lte=at.today,
    )


def unit_stays(actor_id: UUID, at: Moment) -> QuerySet[UnitStay]:
    """Stays in the actor's units that last, or ended a short while ago."""
    return UnitStay.objects.filter(
        Q(ends_at=None) | Q(ends_at__gte=at.unit_since),
        unit__in=memberships(actor_id, at).values("unit_id"),
        starts_at__lte=at.now,
    )


def _sharing(actor_id: UUID, at: Moment, provision: str) -> QuerySet[Consent]:
    """Consents in force that name the actor, or a unit in which they work."""
    return _in_force(at.today).filter(
        Q(practitioner__user_id=actor_id) | Q(unit__in=memberships(actor_id, at).values("unit_id")),
        category=consent.SHARING,
        provision=provision,
    )


def consents_in_force() -> QuerySet[Consent]:
    return _in_force(clock.today())


def _in_force(today: date) -> QuerySet[Consent]:
    return Consent.objects.filter(Q(until=None) | Q(until__gte=today), withdrawn_at=None)


def permits(patient_id: UUID, category: str) -> bool:
    """Whether the patient allows what names nobody: research, mails. Their last answer, or what holds without one."""
    said = consents_in_force().filter(patient_id=patient_id, category=category).values_list("provision", flat=True)
    return (said.first() or consent.DEFAULTS[category]) == consent.PERMIT


def emergencies(actor_id: UUID, now: datetime) -> QuerySet[EmergencyAccess]:
    """The actor's emergency accesses that are open."""
    return EmergencyAccess.objects.filter(user_id=actor_id, ended_at=None, ends_at__gt=now)


def representations_in_force(user: User | None = None) -> QuerySet[Representation]:
    """Those that hold today; of one representative when given. A parent's ends by itself when the child is of age."""
    today = clock.today()
    rows = Representation.objects.filter(
        Q(ends_on=None) | Q(ends_on__gte=today), ~_parent_of_adult(), ended_at=None, starts_on__lte=today
    )
    return rows if user is None else rows.filter(user=user)


def _parent_of_adult() -> Q:
    last_adult = representation.born_after_for_minor(clock.today())
    return Q(kind=representation.PARENT) & (Q(patient__birth_date=None) | Q(patient__birth_date__lte=last_adult))


def _facts(works: bool, *, actor_id: UUID, patient_id: UUID, **times: Any) -> Any:
    """The patient's row with all facts of somebody who treats patients (`works`), or with none."""
    rows = Patient.objects.filter(id=patient_id)
    names = ["user_id", "merged_into_id", RESTRICTED_AT]
    if works:
        at, here = Moment(**times), {"patient_id": OuterRef("id")}
        asked = {
            "cares": relations(actor_id, at),
            "in_unit": unit_stays(actor_id, at),
            "consented": _sharing(actor_id, at, consent.PERMIT),
            "objected": _sharing(actor_id, at, consent.DENY),
            "emergency": emergencies(actor_id, at.now),
        }
        rows = rows.annotate(**{name: Exists(found.filter(**here)) for name, found in asked.items()})
        names += asked
    return rows.values(*names)


_ID = models.UUIDField()
_FACTS_OF_STAFF = Prepared(
    functools.partial(_facts, True),
    actor_id=_ID,
    patient_id=_ID,
    now=models.DateTimeField(),
    today=models.DateField(),
    care_from=models.DateTimeField(),
    care_until=models.DateTimeField(),
    unit_since=models.DateTimeField(),
)


def facts(actor: User, patient_id: UUID) -> rules.Facts | None:
    """One query for all of it, and one more for who stands for the patient. None when there is no such patient. Raises
    `Merged` for a file that was merged into another."""
    if rules.CARE_ROLES.isdisjoint(roles_of(actor)):
        row = _facts(False, actor_id=actor.id, patient_id=patient_id).first()
    else:
        found_rows = _FACTS_OF_STAFF.rows(
            DEFAULT, actor_id=actor.id, patient_id=patient_id, **dataclasses.asdict(Moment.present())
        )
        row = next(iter(found_rows), None)
    if row is None:
        return None
    if into := row.pop("merged_into_id"):
        # Nothing is read or written here any more, whatever the merge has not moved yet.
        raise Merged(patient_id, into)
    restricted_at = row.pop(RESTRICTED_AT)
    if row.pop("user_id") == actor.id:
        return rules.Facts(is_self=True)
    found = representations_in_force(actor).filter(patient_id=patient_id).first()
    if hides(restricted_at, roles_of(actor), patients_side=found is not None):
        return None
    return rules.Facts(
        **row,
        represents=found.kind if found else "",
        represents_record=found is not None and reaches_record(found),
    )


def reaches_record(found: Representation) -> bool:
    return found.scope == Representation.Scope.EVERYTHING and not found.restricted


def in_care(actor: User) -> QuerySet[Patient]:
    """The patients whose records the actor opens by their work now."""
    return Patient.objects.filter(id__in=_care_ids(actor.id, Moment.present()), merged_into=None)


def _care_ids(actor_id: UUID, at: Moment) -> QuerySet[Any, Any]:
    allowed = ~Exists(_sharing(actor_id, at, consent.DENY).filter(patient_id=OuterRef("patient_id")))
    return (
        relations(actor_id, at)
        .filter(allowed)
        .values("patient_id")
        .union(
            unit_stays(actor_id, at).filter(allowed).order_by().values("patient_id"),
            _sharing(actor_id, at, consent.PERMIT).filter(allowed).order_by().values("patient_id"),
            emergencies(actor_id, at.now).order_by().values("patient_id"),
        )
    )


def seen_patients(actor: User) -> QuerySet[Patient]:
    """The patients whose identity the actor may see: themselves, those they stand for, those in their care."""
    roles = roles_of(actor)
    rows: QuerySet[Patient] = Patient.objects.filter(merged_into=None)
    if rules.everyones_identity_right(roles):
        return rows
    sight = Q(user=actor) | Q(id__in=representations_in_force(actor).order_by().values("patient_id"))
    if rules.CARE_ROLES.isdisjoint(roles):
        return rows.filter(sight)
    own = Patient.objects.filter(user=actor).order_by().values("id")
    stood_for = representations_in_force(actor).order_by().values("patient_id")
    return rows.filter(id__in=_care_ids(actor.id, Moment.present()).union(own, stood_for))


def stands_for(actor: User) -> dict[UUID, Representation]:
    """Patient → by what the actor stands for them now, in the order in which it was recorded."""
    return {row.patient_id: row for row in representations_in_force(actor).order_by("recorded_at", "id")}


def representatives_of(patient_id: UUID, *, of_record: bool = True) -> Iterable[Representation]:
    """Those who stand for the patient now; with `of_record` those who may read the record only."""
    rows = representations_in_force().filter(patient_id=patient_id).select_related("user")
    return [row for row in rows if not of_record or reaches_record(row)]
