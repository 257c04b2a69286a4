"""What other apps may ask of the access log."""

from __future__ import annotations

from contextvars import ContextVar
from uuid import UUID

from medisecure.accounts.models import User
from medisecure.audit.anchors import Anchor, anchor, anchors
from medisecure.audit.models import AccessEntry
from medisecure.audit.ownership import as_owner, grant, weaknesses
from medisecure.audit.people import PatientDirectory, register_patient_directory
from medisecure.audit.reporting import AccessFigures, access_figures
from medisecure.audit.selectors import Access, Accesses, accesses_by, accesses_of_patient
from medisecure.audit.verification import Finding, Problem, Verification, verify

__all__ = [
    "Access",
    "AccessFigures",
    "Accesses",
    "Anchor",
    "Finding",
    "PatientDirectory",
    "Problem",
    "Verification",
    "access_figures",
    "accesses_by",
    "accesses_of_patient",
    "anchor",
    "anchors",
    "as_owner",
    "current_address",
    "grant",
    "record_access",
    "register_patient_directory",
    "verify",
    "weaknesses",
]

#: The address the present request came from; the middleware sets it, workers and commands have none.
current_address: ContextVar[str | None] = ContextVar("medisecure_address", default=None)


def record_access(
    *,
    actor: User | None,
    patient_id: UUID | None,
    action: str,
    resource: str,
    resource_id: UUID | str | None = None,
    purpose: str,
    right: str,
) -> UUID:
    """Write one access entry, before the data is disclosed or in the transaction that changes it.

    `action`: view, search, create, change, download, export …; `purpose`: care, identity, billing, self, operations …;
    `right`: why the door opened (self, care-relation, role …). Codes and ids, never a person's data. Returns its id.
    """
    entry = AccessEntry.objects.create(
        actor_id=actor.id if actor else None,
        patient_id=patient_id,
        action=action,
        resource=resource,
        resource_id=str(resource_id or ""),
        purpose=purpose,
        right=right,
        address=current_address.get(),
    )
    return entry.id
