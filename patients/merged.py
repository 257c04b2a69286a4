"""Where a file that was merged leads to, and which files are one person's.

A file points at the one that holds the person's data now, never at one that was merged in its turn: one look-up is
enough. Issued invoices and the access log keep the id they were written with, so they are read by all ids of a person.
"""

from __future__ import annotations

from uuid import UUID

from patients.models import Patient


def follow(patient_id: UUID) -> UUID:
    """The file that holds this person's data now: itself, unless it was merged. No access check."""
    into = Patient.objects.filter(id=patient_id).values_list("merged_into_id", flat=True).first()
    return into or patient_id


def same_patient_ids(patient_id: UUID) -> frozenset[UUID]:
    """All ids under which this person was ever known, this one included. No access check."""
    current = follow(patient_id)
    merged = Patient.objects.filter(merged_into_id=current).values_list("id", flat=True)
    return frozenset({patient_id, current, *merged})
