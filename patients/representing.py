"""Whose side somebody is on: the patient they are, and those they stand for. For the portal and for other apps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from medisecure.accounts.models import User
from patients import rules
from patients.models import Patient
from patients.standing import reaches_record, stands_for

SELF_PURPOSE: Final = "self"
BEHALF_PURPOSE: Final = "on-behalf"


@dataclass(frozen=True, slots=True)
class Stand:
    """One patient for whom somebody acts, and how far. `right` is what the access log names."""

    patient_id: UUID
    right: str
    #: Whether it reaches the record, the documents and the access log.
    record: bool
    #: A minor asked for secrecy: of appointments those that this representative booked, and no invoices.
    restricted: bool = False

    @property
    def is_self(self) -> bool:
        return self.right == rules.SELF

    @property
    def purpose(self) -> str:
        return SELF_PURPOSE if self.is_self else BEHALF_PURPOSE


def patient_side(actor: User) -> dict[UUID, Stand]:
    """The patients for whom the actor acts now, the actor first: two queries. Who stands for nobody gets nothing."""
    found: dict[UUID, Stand] = {}
    own = Patient.objects.filter(user_id=actor.id).values_list("id", flat=True).first()
    if own is not None:
        found[own] = Stand(own, rules.SELF, record=True)
    for patient_id, row in stands_for(actor).items():
        right = rules.representative_right(row.kind)
        found.setdefault(patient_id, Stand(patient_id, right, reaches_record(row), row.restricted))
    return found


def side_of(actor: User, patient_id: UUID) -> Stand | None:
    """How the actor acts for this patient; None when they do not."""
    return patient_side(actor).get(patient_id)
