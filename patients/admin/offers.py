"""To whom a tab of the workspace is offered, where that is not told by the record's door."""

from __future__ import annotations

from uuid import UUID

from medisecure.accounts.models import User
from patients.services.consents import MANAGE as MANAGE_CONSENT
from patients.services.representations import MANAGE as MANAGE_REPRESENTATION
from patients.services.stays import MANAGE as MANAGE_STAY

_ACCESS = (MANAGE_REPRESENTATION, MANAGE_CONSENT, MANAGE_STAY)


def sees_access(actor: User, patient_id: UUID) -> bool:
    """Whose work is any of what the tab "Access and choices" shows."""
    return any(actor.has_perm(name) for name in _ACCESS)
