"""Recording what a patient allows or forbids, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, NotFound, Refused, Stale
from medisecure.kernel.transactions import transactional
from patients.access import access_identity, record_right_of
from patients.models import Consent, Patient, Practitioner, Unit
from patients.rules import consent as rules
from patients.rules import is_patients_side
from patients.services.forgetting import forget_patient

MANAGE = "patients.manage_consent"
LONGEST_EVIDENCE = 300


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to one question: `category`, and for access to the record a practitioner or a unit."""

    category: str
    provision: str
    practitioner_id: UUID | None = None
    unit_id: UUID | None = None
    source: str = Consent.Source.PORTAL.value
    evidence: str = ""
    until: date | None = None


@transactional(DEFAULT)
def record_consent(*, actor: User, patient_id: UUID, choice: Choice) -> Consent:
    """Keep what the patient allows or forbids; it holds at once, and ends what was said before to the same question.

    By the patient and who stands for them in everything; by staff with the permission, who say how they know. Raises
    `NotFound`, `Refused`, `Invalid` naming the field.
    """
    right = _pass(actor, patient_id)
    values = _checked(choice, by_patient=is_patients_side(right))
    if _is_for_themselves(actor, choice):
        raise Refused(_("Nobody records a permission for themselves. Ask a colleague."))
    # One after the other: two answers at the same instant must not both stand.
    Patient.objects.select_for_update().filter(id=patient_id).first()
    question = {name: values[name] for name in ("category", "practitioner_id", "unit_id")}
    earlier = Consent.objects.filter(patient_id=patient_id, withdrawn_at=None, **question)
    earlier.update(withdrawn_at=clock.now(), withdrawn_by=actor)
    row = Consent.objects.create(patient_id=patient_id, recorded_by=actor, **values)
    _write_down(actor, row, "create", right)
    forget_patient(patient_id)
    return row


@transactional(DEFAULT)
def withdraw_consent(*, actor: User, consent_id: UUID) -> None:
    """Take it back: what holds without an answer holds again. Raises `NotFound`, `Refused`, `Stale` when it is over."""
    row = Consent.objects.filter(id=consent_id).first()
    if row is None:
        raise NotFound
    right = _pass(actor, row.patient_id)
    if not Consent.objects.filter(id=row.id, withdrawn_at=None).update(withdrawn_at=clock.now(), withdrawn_by=actor):
        raise Stale
    _write_down(actor, row, "withdraw", right)
    forget_patient(row.patient_id)


def _pass(actor: User, patient_id: UUID) -> str:
    access_identity(actor=actor, patient_id=patient_id, purpose="consent")
    right = record_right_of(actor, patient_id) or ""
    if is_patients_side(right):
        return right
    if not actor.has_perm(MANAGE):
        raise Refused
    return f"permission:{MANAGE}"


def _checked(choice: Choice, *, by_patient: bool) -> dict[str, object]:
    errors: dict[str, list[str]] = {}
    if choice.category not in Consent.Category.values:
        errors["category"] = [_choose(Consent.Category.values)]
    if choice.provision not in Consent.Provision.values:
        errors["provision"] = [_choose(Consent.Provision.values)]
    sources = [Consent.Source.PORTAL.value] if by_patient else [*Consent.Source.values]
    if choice.source not in sources or (not by_patient and choice.source == Consent.Source.PORTAL):
        errors["source"] = [_("Say how the patient told you.")]
    evidence = " ".join(choice.evidence.split())
    if len(evidence) > LONGEST_EVIDENCE:
        errors["evidence"] = [_("Use %(count)d characters at most.") % {"count": LONGEST_EVIDENCE}]
    if choice.until is not None and choice.until < clock.today():
        errors["until"] = [_("This day is over already.")]
    errors |= _who_errors(choice)
    if errors:
        raise Invalid(errors)
    return {
        "category": choice.category,
        "provision": choice.provision,
        "practitioner_id": choice.practitioner_id,
        "unit_id": choice.unit_id,
        "source": choice.source,
        "evidence": evidence,
        "until": choice.until,
    }


def _who_errors(choice: Choice) -> dict[str, list[str]]:
    named = [one for one in (choice.practitioner_id, choice.unit_id) if one is not None]
    if not rules.names_somebody(choice.category):
        return {"practitioner": [_("This answer names nobody.")]} if named else {}
    if len(named) != 1:
        return {"practitioner": [_("Name a practitioner or a unit, one of the two.")]}
    if choice.practitioner_id and not Practitioner.objects.filter(id=choice.practitioner_id, active=True).exists():
        return {"practitioner": [_("There is no such practitioner.")]}
    if choice.unit_id and not Unit.objects.filter(id=choice.unit_id, active=True).exists():
        return {"unit": [_("There is no such unit, or it is closed.")]}
    return {}


def _choose(values: list[str]) -> str:
    return _("Choose one of: %(choices)s.") % {"choices": ", ".join(values)}


def _is_for_themselves(actor: User, choice: Choice) -> bool:
    return (
        choice.provision == rules.PERMIT
        and choice.practitioner_id is not None
        and Practitioner.objects.filter(id=choice.practitioner_id, user=actor).exists()
    )


def _write_down(actor: User, row: Consent, action: str, right: str) -> None:
    record_access(
        actor=actor,
        patient_id=row.patient_id,
        action=action,
        resource="consent",
        resource_id=row.id,
        purpose="self" if is_patients_side(right) else "consent",
        right=right,
    )
