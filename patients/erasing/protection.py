"""Restriction (GDPR art. 18) and legal hold: what stands over a patient's data, whoever asks."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, Refused
from medisecure.kernel.transactions import transactional
from patients.access import access_identity
from patients.erasing.holders import forget_words
from patients.models import DataProtection, Patient
from patients.services.forgetting import forget_patient

PERMISSION = "patients.decide_erasure"
PURPOSE = "oversight"


def restrict(patient_id: UUID) -> bool:
    """Out of search and of everyday sight. Inside the caller's transaction; True when it was not before."""
    row, _created = DataProtection.objects.get_or_create(patient_id=patient_id)
    if row.restricted_at is not None:
        return False
    DataProtection.objects.filter(id=row.id).update(restricted_at=clock.now())
    forget_words(Patient.objects.values_list("search_text", flat=True).get(id=patient_id))
    forget_patient(patient_id)
    return True


@transactional(DEFAULT)
def lift_restriction(*, actor: User, patient_id: UUID) -> None:
    """Back into sight: treatment goes on, or the person changed their mind. Raises `Refused`, `NotFound`."""
    _open(actor, patient_id, "bring-back")
    DataProtection.objects.filter(patient_id=patient_id).update(restricted_at=None)
    # An update that changes nothing makes the database note the words of the name again.
    text = Patient.objects.values_list("search_text", flat=True).get(id=patient_id)
    Patient.objects.filter(id=patient_id).update(search_text=text)
    forget_patient(patient_id)


@transactional(DEFAULT)
def set_legal_hold(*, actor: User, patient_id: UUID, held: bool, reason: str = "") -> None:
    """Nothing of this patient is erased while it holds. Raises `Refused`, `NotFound`, `Invalid` without a reason."""
    _open(actor, patient_id, "hold" if held else "release-hold")
    reason = " ".join(reason.split())
    if held and not reason:
        raise Invalid({"reason": [_("Say why, for example the number of the case.")]})
    if len(reason) > 300:
        raise Invalid({"reason": [_("At most %(count)d characters.") % {"count": 300}]})
    row, _created = DataProtection.objects.get_or_create(patient_id=patient_id)
    DataProtection.objects.filter(id=row.id).update(
        legal_hold=held, hold_reason=reason if held else "", hold_at=clock.now() if held else None
    )


def _open(actor: User, patient_id: UUID, action: str) -> None:
    access_identity(actor=actor, patient_id=patient_id, purpose=PURPOSE)
    if not actor.has_perm(PERMISSION):
        raise Refused
    record_access(
        actor=actor,
        patient_id=patient_id,
        action=action,
        resource="data-protection",
        resource_id=patient_id,
        purpose=PURPOSE,
        right=f"permission:{PERMISSION}",
    )
