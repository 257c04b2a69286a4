"""A patient's choices as the portal shows and makes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from medisecure.accounts.models import User
from medisecure.kernel.errors import NotFound
from patients.access import access_record
from patients.models import Consent, Representation
from patients.representing import Stand
from patients.rules import consent
from patients.services import Choice, record_consent, withdraw_consent
from patients.standing import consents_in_force


@dataclass(frozen=True, slots=True)
class ChoiceLine:
    """One question and what holds. `id` is None while the patient has said nothing and the default holds."""

    id: UUID | None
    category: str
    category_label: str
    permitted: bool
    answer: str
    #: The practitioner or unit it names; empty for what names nobody.
    whom: str
    since: datetime | None


def choices_of(*, actor: User, patient_id: UUID) -> list[ChoiceLine]:
    """What the patient allows and refuses now, through the door of the record. Raises `NotFound`, `Refused`."""
    access_record(actor=actor, patient_id=patient_id, purpose="consent", resource="consent")
    rows = list(consents_in_force().filter(patient_id=patient_id).select_related("practitioner", "unit"))
    said = {row.category: row for row in reversed(rows) if row.category in consent.DEFAULTS}
    lines = [_line(said.get(category), category) for category in consent.DEFAULTS]
    return lines + [_line(row, row.category) for row in rows if consent.names_somebody(row.category)]


def _line(row: Consent | None, category: str) -> ChoiceLine:
    provision = row.provision if row else consent.DEFAULTS[category]
    return ChoiceLine(
        id=row.id if row else None,
        category=category,
        category_label=str(Consent.Category(category).label),
        permitted=provision == consent.PERMIT,
        answer=str(Consent.Provision(provision).label),
        whom=str(row.practitioner or row.unit or "") if row else "",
        since=row.recorded_at if row else None,
    )


def make_choice(
    *, actor: User, patient_id: UUID, category: str, provision: str, practitioner_id: UUID | None = None
) -> None:
    """The patient's answer on the portal. Raises as `services.record_consent`."""
    choice = Choice(category=category, provision=provision, practitioner_id=practitioner_id)
    record_consent(actor=actor, patient_id=patient_id, choice=choice)


def take_back_choice(*, actor: User, patient_id: UUID, choice_id: UUID) -> None:
    """Raises `NotFound` for a choice of somebody else, `Stale` when it is over."""
    if not Consent.objects.filter(id=choice_id, patient_id=patient_id).exists():
        raise NotFound
    withdraw_consent(actor=actor, consent_id=choice_id)


def representation_words(stand: Stand) -> str:
    """By what somebody stands for a patient, in words."""
    return str(Representation.Kind(stand.right.partition(":")[2]).label)
