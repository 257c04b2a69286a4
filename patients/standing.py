"""What stands between an account and patients at this moment: the facts that the rules of access decide on.

Nothing here is cached: a right that has ended must end now. Each fact is a subquery of ids, so that the same words
serve one patient (one query for all facts) and a list of a million (a union of small sets, never a walk through all).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from medisecure.accounts.interface import roles_of
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import Merged
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


def relations(actor: User) -> QuerySet[CareRelation]:
    """The actor's own care relations whose window is open now."""
    earliest_end, latest_start = rules.care_window(clock.now(), settings.ACCESS.care_before, settings.ACCESS.care_after)
    return CareRelation.objects.filter(
        practitioner__user=actor,
        practitioner__active=True,
        active=True,
        starts_at__lte=latest_start,
        ends_at__gte=earliest_end,
    )


def memberships(actor: User) -> QuerySet[UnitMember]:
    """The units in which the actor works today."""
    today = clock.today()
    return UnitMember.objects.filter(
        Q(ends_on=None) | Q(ends_on__gte=today),
        practitioner__user=actor,
        practitioner__active=True,
        unit__active=True,
        starts_on__lte=today,
    )


def unit_stays(actor: User) -> QuerySet[UnitStay]:
    """Stays in the actor's units that last, or ended a short while ago."""
    now = clock.now()
    return UnitStay.objects.filter(
        Q(ends_at=None) | Q(ends_at__gte=now - settings.ACCESS.unit_after),
        unit__in=memberships(actor).values("unit_id"),
        starts_at__lte=now,
    )


def _sharing(actor: User, provision: str) -> QuerySet[Consent]:
    """Consents in force that name the actor, or a unit in which they work."""
    return consents_in_force().filter(
        Q(practitioner__user=actor) | Q(unit__in=memberships(actor).values("unit_id")),
        category=consent.SHARING,
        provision=provision,
    )


def consents_in_force() -> QuerySet[Consent]:
    return Consent.objects.filter(Q(until=None) | Q(until__gte=clock.today()), withdrawn_at=None)


def permits(patient_id: UUID, category: str) -> bool:
    """Whether the patient allows what names nobody: research, mails. Their last answer, or what holds without one."""
    said = consents_in_force().filter(patient_id=patient_id, category=category).values_list("provision", flat=True)
    return (said.first() or consent.DEFAULTS[category]) == consent.PERMIT


def emergencies(actor: User) -> QuerySet[EmergencyAccess]:
    """The actor's emergency accesses that are open now."""
    return EmergencyAccess.objects.filter(user=actor, ended_at=None, ends_at__gt=clock.now())


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


def facts(actor: User, patient_id: UUID) -> rules.Facts | None:
    """One query for all of it, and one more for who stands for the patient. None when there is no such patient. Raises
    `Merged` for a file that was merged into another."""
    rows = Patient.objects.filter(id=patient_id)
    works = not rules.CARE_ROLES.isdisjoint(roles_of(actor))
    if works:
        here = {"patient_id": OuterRef("id")}
        rows = rows.annotate(
            cares=Exists(relations(actor).filter(**here)),
            in_unit=Exists(unit_stays(actor).filter(**here)),
            consented=Exists(_sharing(actor, consent.PERMIT).filter(**here)),
            objected=Exists(_sharing(actor, consent.DENY).filter(**here)),
            emergency=Exists(emergencies(actor).filter(**here)),
        )
    names = (
        "user_id",
        "merged_into_id",
        RESTRICTED_AT,
        *(("cares", "in_unit", "consented", "objected", "emergency") if works else ()),
    )
    row = rows.values(*names).first()
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
    return Patient.objects.filter(id__in=_care_ids(actor), merged_into=None)


def _care_ids(actor: User) -> QuerySet[Any, Any]:
    allowed = ~Exists(_sharing(actor, consent.DENY).filter(patient_id=OuterRef("patient_id")))
    return (
        relations(actor)
        .filter(allowed)
        .values("patient_id")
        .union(
            unit_stays(actor).filter(allowed).order_by().values("patient_id"),
            _sharing(actor, consent.PERMIT).filter(allowed).order_by().values("patient_id"),
            emergencies(actor).order_by().values("patient_id"),
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
    return rows.filter(id__in=_care_ids(actor).union(own, stood_for))


def stands_for(actor: User) -> dict[UUID, Representation]:
    """Patient → by what the actor stands for them now, in the order in which it was recorded."""
    return {row.patient_id: row for row in representations_in_force(actor).order_by("recorded_at", "id")}


def representatives_of(patient_id: UUID, *, of_record: bool = True) -> Iterable[Representation]:
    """Those who stand for the patient now; with `of_record` those who may read the record only."""
    rows = representations_in_force().filter(patient_id=patient_id).select_related("user")
    return [row for row in rows if not of_record or reaches_record(row)]
