"""Reads, already narrowed to what the actor may see."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from medisecure.accounts.interface import roles_of
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel.errors import Invalid, NotFound, Refused
from patients import rules
from patients.access import access_identity, visible_patients
from patients.finding import find, in_order
from patients.models import Patient
from patients.search_cache import find_cached

__all__ = ["audit_search", "patient_identity", "search_patients", "visible_patients"]


def search_patients(actor: User, query: str, rows: QuerySet[Patient] | None = None) -> QuerySet[Patient]:
    """The patients in the actor's sight who match all of `query`, the best first; all of them when it is blank.

    Words match the beginnings of names in any order, without case and accents; a date in any usual spelling matches the
    birth date; six digits or more the beginning of a telephone number; a record number or an identity number itself. On
    PostgreSQL, when fewer than `rules.SIMILAR_BELOW` match, names that look alike follow them. At most
    `rules.MOST_FOUND` are found, in an order that stays the same from page to page.
    Raises `Refused` without the permission to search, `Invalid` for a query that is too short, too long, or has nothing
    to search by. The caller writes the audit entry with `audit_search`.

    `rows`: patients in the actor's sight that were narrowed further before.
    """
    if not actor.has_perm("patients.search_patient"):
        raise Refused
    narrowed = rows is not None
    if rows is None:
        rows = visible_patients(actor)
    text = " ".join(query.split())
    if not text:
        return rows
    if not rules.SHORTEST_SEARCH <= len(text) <= rules.LONGEST_SEARCH:
        raise Invalid(
            {
                "q": [
                    _("Type between %(low)d and %(high)d characters.")
                    % {"low": rules.SHORTEST_SEARCH, "high": rules.LONGEST_SEARCH}
                ]
            }
        )
    search = rules.read_search(text)
    if search.empty:
        raise Invalid({"q": [_("Type a name, a birth date, a phone number, a record number or an identity number.")]})
    # What the caller narrowed is this one caller's question: only the whole sight is worth keeping.
    return in_order(rows, find(rows, search) if narrowed else find_cached(actor, rows, search))


def audit_search(actor: User, *, found: int, purpose: str = "identity") -> None:
    """Before a list of patients is disclosed: who searched and how many there were. The query may hold a name, so it is
    not kept."""
    right = rules.everyones_identity_right(roles_of(actor)) or rules.CARE_RELATION
    record_access(
        actor=actor,
        patient_id=None,
        action="search",
        resource="patient",
        resource_id=f"results:{found}",
        purpose=purpose,
        right=right,
    )


def patient_identity(*, actor: User, patient_id: UUID, purpose: str) -> Patient:
    """The patient's whole identity and contact, through the door. Raises `NotFound`."""
    access_identity(actor=actor, patient_id=patient_id, purpose=purpose)
    patient = Patient.objects.filter(id=patient_id).first()
    if patient is None:
        raise NotFound
    return patient
