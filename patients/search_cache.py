"""The ids that a search found, kept for seconds: leafing through pages does not search again.

Kept are ids alone, under a keyed hash of what was typed and of whose sight it was typed in; they are read back through
the actor's sight as it is now, so a right that has ended shows nobody, kept or not.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from medisecure.accounts.interface import roles_of
from medisecure.accounts.models import User
from medisecure.kernel.cache import SEARCH_SCOPE, SEARCH_SECONDS, fingerprint, remember
from patients import rules
from patients.finding import find
from patients.models import Patient
from patients.restriction import sees_restricted


def find_cached(actor: User, rows: QuerySet[Patient], search: rules.Search) -> list[UUID]:
    """As `finding.find`, for rows that are exactly the actor's sight."""
    roles = roles_of(actor)
    whose = str(actor.id)
    if rules.everyones_identity_right(roles) is not None:
        # Who sees what is locked away asks another question than the other offices.
        whose = "everyone and what is locked away" if sees_restricted(roles) else "everyone"
    name = fingerprint(whose, repr(search), repr(search.identifiers))
    return remember(SEARCH_SCOPE, SEARCH_SECONDS, lambda: find(rows, search), name=name)[0]
