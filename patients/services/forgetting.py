"""What a change of a patient makes stale."""

from __future__ import annotations

from uuid import UUID

from medisecure.kernel.cache import SEARCH_SCOPE, forget_on_commit, patient_scope, record_scope
from medisecure.kernel.databases import DEFAULT


def forget_patient(patient_id: UUID) -> None:
    """Drop the card, the record, which shows the card, and what searches found, when the transaction commits."""
    forget_on_commit(DEFAULT, patient_scope(patient_id), record_scope(patient_id), SEARCH_SCOPE)
