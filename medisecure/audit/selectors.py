"""What the log says about one patient, for that patient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, overload
from uuid import UUID

from medisecure.audit import words
from medisecure.audit.models import AccessEntry
from medisecure.audit.people import people


@dataclass(frozen=True, slots=True)
class Access:
    """One entry in words. `actor_id` is None for the system."""

    at: datetime
    actor_id: UUID | None
    who: str
    role: str
    action: str
    resource: str
    purpose: str
    right: str


class Accesses(Sequence[Access]):
    """Accesses, newest first, read when they are counted or cut: a page costs its own rows, names included."""

    def __init__(self, patient_ids: Iterable[UUID], *, without: UUID | None = None) -> None:
        self._rows = AccessEntry.objects.filter(patient_id__in=list(patient_ids)).order_by("-at", "-id")
        if without is not None:
            # `exclude` would keep the system's, whose actor is NULL, only by luck of the engine: said in full.
            self._rows = self._rows.filter(actor_id=None) | self._rows.exclude(actor_id=None).exclude(actor_id=without)

    def __len__(self) -> int:
        return self._rows.count()

    @overload
    def __getitem__(self, index: int) -> Access: ...
    @overload
    def __getitem__(self, index: slice) -> list[Access]: ...
    def __getitem__(self, index: int | slice) -> Access | list[Access]:
        if isinstance(index, int):
            return self[index : index + 1][0]
        rows: list[Any] = list(self._rows[index])
        who = people(row.actor_id for row in rows)
        return [
            Access(
                at=row.at,
                actor_id=row.actor_id,
                who=who[row.actor_id].name,
                role=who[row.actor_id].role,
                action=words.say(words.ACTIONS, row.action),
                resource=words.say(words.RESOURCES, row.resource),
                purpose=words.say(words.PURPOSES, row.purpose),
                right=words.say(words.RIGHTS, row.right),
            )
            for row in rows
        ]


def accesses_by(
    *, actor_id: UUID, patient_id: UUID, right: str, since: datetime, until: datetime, limit: int
) -> list[Access]:
    """What one account did to one patient's record by one right in a time, the newest first. No check: for the privacy
    officer, whom the caller has recognised."""
    found = Accesses([patient_id])
    found._rows = found._rows.filter(actor_id=actor_id, right=right, at__gte=since, at__lte=until)
    return found[:limit]


def accesses_of_patient(*patient_ids: UUID, without: UUID | None = None) -> Accesses:
    """Who opened or changed what is kept about the patient, newest first; `without` leaves one account out. A patient
    whose files were merged has several ids.

    No check: for the patient themselves, whom the caller has recognised.
    """
    return Accesses(patient_ids, without=without)
