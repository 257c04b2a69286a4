"""The one door to each record (decision 10): who may pass, and the audit entry before anything is disclosed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from medisecure.accounts.interface import roles_of
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound, Refused
from patients import rules
from patients.cards import PatientCard, patient_card
from patients.models import CareRelation, Patient


def _relations(actor: User) -> QuerySet[CareRelation]:
    """The actor's own care relations whose window is open now."""
    earliest_end, latest_start = rules.care_window(clock.now())
    return CareRelation.objects.filter(
        practitioner__user=actor,
        practitioner__active=True,
        active=True,
        starts_at__lte=latest_start,
        ends_at__gte=earliest_end,
    )


def _rights(actor: User, patient_id: UUID) -> tuple[str | None, str | None]:
    """(right to the identity, right to the record); each None when there is none. Not cached: a right that has ended
    must end now."""
    row = Patient.objects.filter(id=patient_id).values("user_id").first()
    if row is None:
        return None, None
    roles = roles_of(actor)
    is_self = row["user_id"] == actor.id
    cares = (
        not is_self
        and not rules.CARE_ROLES.isdisjoint(roles)
        and _relations(actor).filter(patient_id=patient_id).exists()
    )
    return (
        rules.identity_right(roles, is_self=is_self, cares=cares),
        rules.record_right(roles, is_self=is_self, cares=cares),
    )


def access_identity(*, actor: User, patient_id: UUID, purpose: str, action: str = "view") -> PatientCard:
    """Who the patient is, after the check and the audit entry.

    Raises `NotFound` when there is no such patient or they are out of the actor's sight.
    """
    right, _record = _rights(actor, patient_id)
    if right is None:
        raise NotFound
    record_access(
        actor=actor,
        patient_id=patient_id,
        action=action,
        resource="patient",
        resource_id=patient_id,
        purpose=purpose,
        right=right,
    )
    return patient_card(patient_id)


def access_record(
    *,
    actor: User,
    patient_id: UUID,
    purpose: str,
    action: str = "view",
    resource: str = "record",
    resource_id: UUID | None = None,
) -> PatientCard:
    """Opens the clinical record, or one item of it (`resource`), after the check and the audit entry.

    Raises `NotFound` when the patient is out of the actor's sight, `Refused` when the actor may know who the patient is
    but not what ails them.
    """
    identity, right = _rights(actor, patient_id)
    if identity is None:
        raise NotFound
    if right is None:
        raise Refused
    record_access(
        actor=actor,
        patient_id=patient_id,
        action=action,
        resource=resource,
        resource_id=resource_id or patient_id,
        purpose=purpose,
        right=right,
    )
    return patient_card(patient_id)


def may_read_record(actor: User, patient_id: UUID) -> bool:
    """What `access_record` would answer, without an audit entry: to decide whether to offer it, not to disclose."""
    return _rights(actor, patient_id)[1] is not None


def visible_patients(actor: User) -> QuerySet[Patient]:
    """The patients whose identity the actor may see. A list that is disclosed needs an audit entry of its own."""
    roles = roles_of(actor)
    rows: QuerySet[Patient] = Patient.objects.all()
    if rules.everyones_identity_right(roles):
        return rows
    sight = Q(user=actor)
    if not rules.CARE_ROLES.isdisjoint(roles):
        sight |= Q(Exists(_relations(actor).filter(patient_id=OuterRef("id"))))
    return rows.filter(sight)


@dataclass(frozen=True, slots=True)
class Sight:
    """Narrows lists of other apps, which live in other databases, to the patients an actor may see."""

    everyone: bool
    _rows: QuerySet[Patient]

    def narrow(self, ids: Iterable[UUID]) -> frozenset[UUID]:
        """Those of `ids` that the actor may see: at most one query."""
        asked = frozenset(ids)
        if self.everyone or not asked:
            return asked
        return frozenset(self._rows.filter(id__in=asked).values_list("id", flat=True))

    def ids(self) -> frozenset[UUID] | None:
        """All patients in sight: the actor and those in their care now. None stands for everyone."""
        return None if self.everyone else frozenset(self._rows.order_by().values_list("id", flat=True))

    def contains(self, patient_id: UUID) -> bool:
        return bool(self.narrow([patient_id]))


def sight(actor: User) -> Sight:
    return Sight(rules.everyones_identity_right(roles_of(actor)) is not None, visible_patients(actor))
