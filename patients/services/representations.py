"""Recording who stands for a patient, and ending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from medisecure.accounts.interface import (
    Role,
    create_user,
    password_link,
    password_link_end,
    user_by_email,
    user_card,
)
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from medisecure.kernel.transactions import transactional
from medisecure.notifications.interface import notify_user, queue_mail
from patients.access import access_identity
from patients.cards import interface_language
from patients.models import Patient, Representation
from patients.rules import representation as rules

MANAGE = "patients.manage_representation"
LONGEST_EVIDENCE = 300


@dataclass(frozen=True, slots=True)
class Representative:
    """What the reception enters. `full_name` is needed for somebody who has no account yet."""

    email: str
    kind: str
    scope: str
    evidence: str
    full_name: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    restricted: bool = False


def record_representation(*, actor: User, patient_id: UUID, entry: Representative) -> Representation:
    """Say that somebody stands for the patient, by a document that was seen. Who has no account gets one and a mail.

    Raises `NotFound`, `Refused` (also to who would record themselves), `Invalid` naming the field, `Conflict` when they
    stand for the patient already.
    """
    access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="view")
    if not actor.has_perm(MANAGE):
        raise Refused
    try:
        return _record(actor, patient_id, entry)
    except IntegrityError:
        raise Conflict(_("This person stands for the patient already.")) from None


@transactional(DEFAULT)
def _record(actor: User, patient_id: UUID, entry: Representative) -> Representation:
    patient = Patient.objects.select_for_update().filter(id=patient_id).first()
    if patient is None:
        raise NotFound
    starts_on = entry.starts_on or clock.today()
    errors = _errors(entry, patient, starts_on)
    user_id = user_by_email(entry.email)
    if user_id is not None and user_id == patient.user_id:
        errors["email"] = [_("This is the patient’s own account.")]
    if user_id is None and not entry.full_name.strip():
        errors["full_name"] = [_("This address has no account yet. Enter the name, and one is made.")]
    if errors:
        raise Invalid(errors)
    if user_id == actor.id:
        raise Refused(_("Nobody records themselves. Ask a colleague."))
    invited = user_id is None
    if user_id is None:
        language = interface_language(patient.language)
        user_id = create_user(email=entry.email, full_name=entry.full_name, role=Role.PATIENT, language=language).id
    if Representation.objects.filter(patient_id=patient_id, user_id=user_id, ended_at=None).exists():
        raise Conflict(_("This person stands for the patient already."))
    row = Representation.objects.create(
        patient_id=patient_id,
        user_id=user_id,
        kind=entry.kind,
        scope=entry.scope,
        restricted=entry.restricted,
        starts_on=starts_on,
        ends_on=entry.ends_on,
        evidence=" ".join(entry.evidence.split()),
        recorded_by=actor,
    )
    _write_down(actor, row, "create")
    _tell(row, patient, "recorded")
    if invited:
        _invite(user_id)
    return row


def _errors(entry: Representative, patient: Patient, starts_on: date) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    kinds, scopes = Representation.Kind.values, Representation.Scope.values
    if entry.kind not in kinds:
        errors["kind"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(kinds)}]
    elif entry.scope not in scopes:
        errors["scope"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(scopes)}]
    elif entry.scope not in rules.possible_scopes(entry.kind):
        errors["scope"] = [_("A curator assists and does not represent: the record stays closed to them.")]
    if entry.kind == rules.PARENT:
        if patient.birth_date is None:
            errors["kind"] = [_("The patient’s birth date is not known: enter it first, a parent’s right ends by it.")]
        elif not rules.is_minor(patient.birth_date, clock.today()):
            errors["kind"] = [_("The patient is of age: a parent no longer stands for them.")]
    evidence = " ".join(entry.evidence.split())
    if not evidence:
        errors["evidence"] = [_("Write which document you saw.")]
    elif len(evidence) > LONGEST_EVIDENCE:
        errors["evidence"] = [_("Use %(count)d characters at most.") % {"count": LONGEST_EVIDENCE}]
    if entry.ends_on is not None and entry.ends_on < max(starts_on, clock.today()):
        errors["ends_on"] = [_("The last day is over already, or before the first.")]
    return errors


@transactional(DEFAULT)
def restrict_representation(*, actor: User, representation_id: UUID, version: int, restricted: bool) -> Representation:
    """Withhold the record from the representative, as a minor may ask, or open it again. Raises as
    `end_representation`."""
    row = _find(actor, representation_id)
    _change(row, version, restricted=restricted)
    _write_down(actor, row, "restrict" if restricted else "release")
    row.refresh_from_db()
    return row


@transactional(DEFAULT)
def end_representation(*, actor: User, representation_id: UUID, version: int) -> Representation:
    """The representative sees nothing more, at once. Raises `NotFound`, `Refused`, `Stale`."""
    row = _find(actor, representation_id)
    _change(row, version, ended_at=clock.now(), ended_by=actor)
    _write_down(actor, row, "end")
    _tell(row, row.patient, "ended")
    row.refresh_from_db()
    return row


def _find(actor: User, representation_id: UUID) -> Representation:
    row = Representation.objects.select_related("patient").filter(id=representation_id).first()
    if row is None:
        raise NotFound
    access_identity(actor=actor, patient_id=row.patient_id, purpose="identity", action="view")
    if not (actor.has_perm(MANAGE) and actor.id != row.user_id):
        raise Refused
    return row


def _change(row: Representation, version: int, **values: object) -> None:
    rows = Representation.objects.filter(id=row.id, version=version, ended_at=None)
    if not rows.update(version=version + 1, **values):
        raise Stale


def _write_down(actor: User, row: Representation, action: str) -> None:
    record_access(
        actor=actor,
        patient_id=row.patient_id,
        action=action,
        resource="representation",
        resource_id=row.id,
        purpose="identity",
        right=f"permission:{MANAGE}",
    )


def _tell(row: Representation, patient: Patient, what: str) -> None:
    for user_id in {patient.user_id, row.user_id}:
        notify_user(
            dedupe_key=f"representation:{row.id}:{what}:{user_id}",
            user_id=user_id,
            kind=f"representation-{what}",
            url="/for-whom/",
        )


def _invite(user_id: UUID) -> None:
    user = user_card(user_id)
    if user is None:
        raise NotFound
    queue_mail(
        dedupe_key=f"portal-invitation:{user_id}",
        to_email=user.email,
        language=user.language,
        template="portal_invitation",
        context={
            "name": user.full_name,
            "email": user.email,
            "url": password_link(user_id),
            "until": password_link_end(),
        },
        user_id=user_id,
    )
