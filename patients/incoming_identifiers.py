"""Numbers that a source brings, beside those that other patients have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from medisecure.kernel.crypto import keyring
from patients.models import PatientIdentifier

#: Field of an incoming row → the columns in which it is stored, where these are not called the same.
SEALED_COLUMNS: Final = {"member_number": ("sealed_member_number",), "value": ("sealed_value", "value_index")}

_Key = tuple[str, str, str, str]


def settle_identifiers(rows: Sequence[PatientIdentifier]) -> None:
    """Mark as disputed what is another patient's already: an import is not refused for it, and two patients never have
    the same active number. Somebody looks at them (`find_duplicates`, the patient's page)."""
    active = [row for row in rows if row.status == PatientIdentifier.Status.ACTIVE]
    if not active:
        return
    indexes = {index: row.value_index for row in active for index in _indexes(row)}
    taken: dict[_Key, PatientIdentifier] = {}
    for other in PatientIdentifier.objects.filter(
        status=PatientIdentifier.Status.ACTIVE, value_index__in=indexes
    ).exclude(id__in=[row.id for row in rows]):
        taken[other.kind, other.country, other.system, indexes[other.value_index]] = other
    for row in active:
        key = (row.kind, row.country, row.system, row.value_index)
        if key in taken:
            same = taken[key].patient_id == row.patient_id
            row.status = PatientIdentifier.Status.OLD if same else PatientIdentifier.Status.DISPUTED
        else:
            taken[key] = row


def _indexes(row: PatientIdentifier) -> list[str]:
    """Under each key in use: another patient's may not have been indexed anew yet."""
    return keyring().indexes(str(row.value), row.index_domain())
