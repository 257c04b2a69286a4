"""Who of those who may open a record may open one document of it. The door itself stands before this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from documents import rules
from documents.models import Document, ScanState
from medisecure.accounts.interface import Role, has_role
from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients.interface import BREAK_GLASS, is_patients_side, record_right_of, work_units


@dataclass(frozen=True, slots=True)
class Reader:
    """What counts of one person before one record. `side`: the patient, or who stands for them."""

    user_id: UUID
    side: bool
    doctor: bool
    units: frozenset[UUID]
    emergency: bool

    def reads(
        self, *, audience: str, unit_id: UUID | None, withheld_until: date | None, uploaded_by_id: UUID | None
    ) -> bool:
        own = uploaded_by_id == self.user_id
        if self.side:
            return rules.patient_reads(withheld_until, clock.today(), own=own)
        return rules.staff_reads(
            audience, own=own, doctor=self.doctor, in_unit=unit_id in self.units, emergency=self.emergency
        )

    def may_read(self, row: Document) -> bool:
        return self.reads(
            audience=row.audience,
            unit_id=row.unit_id,
            withheld_until=row.withheld_until,
            uploaded_by_id=row.uploaded_by_id,
        )

    def readable(self) -> Q:
        """The same in the database's words."""
        own = Q(uploaded_by_id=self.user_id)
        if self.side:
            return own | Q(withheld_until=None) | Q(withheld_until__lte=clock.today())
        if self.emergency:
            return Q()
        found = own | Q(audience=rules.TREATING)
        if self.doctor:
            found |= Q(audience=rules.DOCTORS)
        if self.units:
            found |= Q(audience=rules.UNIT, unit_id__in=self.units)
        return found


def reader_of(actor: User, patient_id: UUID | None) -> Reader:
    """For the documents of one patient; without one, for a list over the patients in the actor's care."""
    right = record_right_of(actor, patient_id) if patient_id else None
    side = right is not None and is_patients_side(right)
    return Reader(
        user_id=actor.id,
        side=side,
        doctor=has_role(actor, Role.DOCTOR),
        units=frozenset() if side else frozenset(work_units(actor)),
        emergency=right == BREAK_GLASS,
    )


def is_served(scan_state: str) -> bool:
    """Whether anybody gets the bytes: not before they were looked at, never when something was found."""
    if scan_state == ScanState.NOT_SCANNED:
        return bool(settings.SERVE_UNSCANNED)
    return scan_state == ScanState.CLEAN


def served_states() -> tuple[str, ...]:
    """The same in the database's words."""
    return tuple(state for state in ScanState.values if is_served(state))
