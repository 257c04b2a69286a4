"""Restricted data (GDPR art. 18) is out of search and everyday sight: the patient and the privacy officer see it.

The door asks this before any other right, so that none opens what is locked away.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from medisecure.accounts.interface import roles_of
from medisecure.accounts.models import User
from patients.models import DataProtection, Patient, Representation

#: The column that says since when, from a patient: it comes with the door's own query.
RESTRICTED_AT: Final = "data_protection__restricted_at"
_SEES: Final = "privacy_officer"


def sees_restricted(roles: Set[str]) -> bool:
    """Whether someone with these roles sees everybody's data that is locked away."""
    return _SEES in roles


def hides(restricted_at: datetime | None, roles: Set[str], *, patients_side: bool) -> bool:
    return restricted_at is not None and not patients_side and not sees_restricted(roles)


def without_restricted(actor: User, rows: QuerySet[Patient]) -> QuerySet[Patient]:
    """`rows` without those that are locked away for this reader. No query of its own."""
    if sees_restricted(roles_of(actor)):
        return rows
    locked = DataProtection.objects.filter(patient_id=OuterRef("id"), restricted_at__isnull=False)
    stands_for = Representation.objects.filter(user=actor, ended_at=None).values("patient_id")
    return rows.filter(Q(user=actor) | Q(id__in=stands_for) | ~Exists(locked))
