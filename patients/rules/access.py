"""Who may see what, and when a patient is in somebody's care."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: A practitioner sees a patient from so long before an appointment or encounter starts …
CARE_BEFORE: Final = timedelta(days=30)
#: … until so long after it has ended: results come in, letters are written. Both are settings.
CARE_AFTER: Final = timedelta(days=90)

#: Names of `medisecure.accounts.roles.Role`; plain text here, so that the rules need no framework.
CARE_ROLES: Final = frozenset({"doctor", "nurse"})
IDENTITY_ROLES: Final = ("receptionist", "administrator", "billing_clerk", "privacy_officer")

SELF: Final = "self"
CARE_RELATION: Final = "care-relation"
UNIT: Final = "unit"
CONSENT: Final = "consent"
BREAK_GLASS: Final = "break-glass"
REPRESENTATIVE: Final = "representative"

#: What can be done to a record without changing it. Whatever is not named here is taken for a change.
READING: Final = frozenset({"view", "list", "search", "download", "export", "history", "print", "compare"})
#: What the patient's side may do to the record besides: add what they bring along, change nothing.
CONTRIBUTING: Final = frozenset({"contribute"})


def care_window(
    now: datetime, before: timedelta = CARE_BEFORE, after: timedelta = CARE_AFTER
) -> tuple[datetime, datetime]:
    """(earliest end, latest start) of an appointment or encounter that opens the record at `now`."""
    return now - after, now + before


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands between one person and one patient at this moment."""

    is_self: bool = False
    #: An appointment or encounter of theirs with the patient is in the window.
    cares: bool = False
    #: The patient lies, or lay until a short while ago, in a unit where they work.
    in_unit: bool = False
    #: The patient named them, or their unit, to share the record with.
    consented: bool = False
    #: The patient objected to them, or their unit, opening the record.
    objected: bool = False
    #: They opened the glass, and its time is not over.
    emergency: bool = False
    #: The kind of representation (parent, guardian …), and whether it reaches the record.
    represents: str = ""
    represents_record: bool = False


def record_right(
    roles: Set[str], facts: Facts | None = None, *, is_self: bool = False, cares: bool = False
) -> str | None:
    """The right by which someone with these roles reads the clinical record, or None.

    An objection closes what care, unit and consent open. It does not close an emergency, which the patient and the
    privacy officer are told of, nor does it concern the patient or who stands for them.
    """
    facts = facts or Facts(is_self=is_self, cares=cares)
    if facts.is_self:
        return SELF
    if not CARE_ROLES.isdisjoint(roles):
        if not facts.objected:
            for right, opens in ((CARE_RELATION, facts.cares), (UNIT, facts.in_unit), (CONSENT, facts.consented)):
                if opens:
                    return right
        if facts.emergency:
            return BREAK_GLASS
    if facts.represents and facts.represents_record:
        return representative_right(facts.represents)
    return None


def identity_right(
    roles: Set[str], facts: Facts | None = None, *, is_self: bool = False, cares: bool = False
) -> str | None:
    """The right by which someone reads who the patient is and how to reach them, or None.

    Whoever may read the record may, and whoever stands for the patient; reception, billing, administration and the
    privacy officer see everyone's identity.
    """
    facts = facts or Facts(is_self=is_self, cares=cares)
    represented = representative_right(facts.represents) if facts.represents else None
    return record_right(roles, facts) or represented or everyones_identity_right(roles)


def everyones_identity_right(roles: Set[str]) -> str | None:
    """The right to the identity of all patients, by role alone: `role:<name>`."""
    return next((f"role:{role}" for role in IDENTITY_ROLES if role in roles), None)


def representative_right(kind: str) -> str:
    return f"{REPRESENTATIVE}:{kind}"


def is_patients_side(right: str) -> bool:
    """True for the patient and for those who stand for them: the hospital's rules for patients hold for both."""
    return right == SELF or right.startswith(f"{REPRESENTATIVE}:")


def permission_for(action: str) -> str:
    """The permission that staff need besides a right to the patient."""
    return "patients.view_record" if action in READING else "patients.write_record"
