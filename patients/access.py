"""The one door to each record (decision 10): who may pass, and the audit entry before anything is disclosed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from medisecure.accounts.interface import roles_of
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel.errors import Merged, NotFound, Refused
from patients import rules
from patients.cards import PatientCard, patient_card
from patients.models import Patient
from patients.restriction import without_restricted
from patients.standing import facts, in_care, seen_patients


def _rights(actor: User, patient_id: UUID, action: str = "view") -> tuple[str | None, str | None]:
    """(right to the identity, right to do this to the record); each None when there is none. Not cached: a right that
    has ended must end now. Raises `Merged` for whoever may know of the patient whose file this was."""
    try:
        found = facts(actor, patient_id)
    except Merged as merged:
        if _rights(actor, merged.into, action)[0] is None:
            return None, None
        raise
    if found is None:
        return None, None
    roles = roles_of(actor)
    record = rules.record_right(roles, found)
    return rules.identity_right(roles, found), record if record and _permitted(actor, record, action) else None


def _permitted(actor: User, right: str, action: str) -> bool:
    """Patients, and who stands for them, read their record and add what they bring along; they do not write it. Staff
    need the permission besides."""
    if rules.is_patients_side(right):
        return action in rules.READING | rules.CONTRIBUTING
    return actor.has_perm(rules.permission_for(action))


def access_identity(
    *,
    actor: User,
    patient_id: UUID,
    purpose: str,
    action: str = "view",
    resource: str = "patient",
    resource_id: UUID | None = None,
) -> PatientCard:
    """Who the patient is, after the check and the audit entry.

    Raises `NotFound` when there is no such patient or they are out of the actor's sight, `Merged` when their file was
    merged into another one that the actor may see.
    """
    right, _record = _rights(actor, patient_id)
    if right is None:
        raise NotFound
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


def access_record(
    *,
    actor: User,
    patient_id: UUID,
    purpose: str,
    action: str = "view",
    resource: str = "record",
    resource_id: UUID | None = None,
) -> PatientCard:
    """Opens the clinical record, or one item of it (`resource`), after the check and the audit entry. An `action` that
    is not of `rules.READING` is a change and needs the permission to write.

    Raises `NotFound` when the patient is out of the actor's sight, `Refused` when the actor may know who the patient is
    but not what ails them, `Merged` as `access_identity`.
    """
    identity, right = _rights(actor, patient_id, action)
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
    try:
        return _rights(actor, patient_id)[1] is not None
    except Merged:
        return False


def visible_patients(actor: User) -> QuerySet[Patient]:
    """The patients whose identity the actor may see, without files that were merged into another. A list that is
    disclosed needs an audit entry of its own."""
    return without_restricted(actor, seen_patients(actor))


def record_right_of(actor: User, patient_id: UUID) -> str | None:
    """By which right the actor would open the record now; no audit entry, so for banners and offers only."""
    try:
        return _rights(actor, patient_id)[1]
    except Merged:
        return None


def records_by_work(actor: User) -> QuerySet[Patient]:
    """The patients whose records the actor opens by their work: neither their own nor of those they stand for. A list
    that is disclosed needs an audit entry of its own."""
    if rules.CARE_ROLES.isdisjoint(roles_of(actor)) or not actor.has_perm("patients.view_record"):
        return Patient.objects.none()
    return in_care(actor)


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
