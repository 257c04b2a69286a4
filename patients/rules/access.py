"""Who may see what, and when a patient is in somebody's care."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta
from typing import Final

#: A practitioner sees a patient from so long before an appointment or encounter starts …
CARE_BEFORE: Final = timedelta(days=30)
#: … until so long after it has ended: results come in, letters are written.
CARE_AFTER: Final = timedelta(days=90)

#: Names of `medisecure.accounts.roles.Role`; plain text here, so that the rules need no framework.
CARE_ROLES: Final = frozenset({"doctor", "nurse"})
IDENTITY_ROLES: Final = ("receptionist", "administrator", "billing_clerk", "privacy_officer")

SELF: Final = "self"
CARE_RELATION: Final = "care-relation"


def care_window(now: datetime) -> tuple[datetime, datetime]:
    """(earliest end, latest start) of an appointment or encounter that opens the record at `now`."""
    return now - CARE_AFTER, now + CARE_BEFORE


def record_right(roles: Set[str], *, is_self: bool, cares: bool) -> str | None:
    """The right by which someone with these roles reads the clinical record, or None.

    `cares`: an appointment or encounter of theirs with the patient is in the window.
    """
    if is_self:
        return SELF
    if cares and not CARE_ROLES.isdisjoint(roles):
        return CARE_RELATION
    return None


def identity_right(roles: Set[str], *, is_self: bool, cares: bool) -> str | None:
    """The right by which someone reads who the patient is and how to reach them, or None.

    Whoever may read the record may; reception, billing, administration and the privacy officer see everyone's identity.
    """
    return record_right(roles, is_self=is_self, cares=cares) or everyones_identity_right(roles)


def everyones_identity_right(roles: Set[str]) -> str | None:
    """The right to the identity of all patients, by role alone: `role:<name>`."""
    return next((f"role:{role}" for role in IDENTITY_ROLES if role in roles), None)
