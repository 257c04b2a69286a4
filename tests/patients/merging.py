"""Two files of one person, with something in each database, and a picture of all of it to compare with."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from appointments.models import Appointment, OccupancyCell
from billing.models import Invoice
from medisecure.accounts.models import User
from patients import moves
from patients.interface import Contact, Identity, PatientCard, register_patient
from patients.models import Patient

#: Goes up at every change and never back.
_COUNTERS = {"version", "changed_at"}


def second_file(**changes: Any) -> PatientCard:
    """Asha once more, entered by somebody who did not look."""
    identity: dict[str, Any] = {
        "family_name": "Roa",
        "given_names": "Asha",
        "birth_date": date(1980, 5, 2),
        "sex": "female",
    }
    contact: dict[str, Any] = {"phone": "06 39 98 00 01", "city": "Bron"}
    user_id = changes.pop("user_id", None)
    identity |= {name: value for name, value in changes.items() if name in identity or name == "used_name"}
    contact |= {name: value for name, value in changes.items() if name not in identity}
    return register_patient(actor=None, identity=Identity(**identity), contact=Contact(**contact), user_id=user_id)


def picture(*patient_ids: UUID) -> dict[str, Any]:
    """Everything that refers to these patients in all databases, as it is now, without counters of changes."""
    found: dict[str, Any] = {}
    for model, field in moves.references():
        for patient_id in patient_ids:
            rows = moves.rows_of(model, field, patient_id).order_by("pk").values_list("pk", flat=True)
            found[f"{model._meta.label}.{field.name} of {patient_id}"] = list(rows)
    for patient_id in patient_ids:
        found[f"patient {patient_id}"] = _values(Patient.objects.get(id=patient_id))
    found["accounts"] = list(User.objects.order_by("id").values_list("id", "is_active"))
    visits = Appointment.objects.filter(patient_id__in=patient_ids).order_by("id")
    found["visits"] = [_values(row) for row in visits]
    cells = OccupancyCell.objects.filter(appointment_id__in=[row.id for row in visits])
    found["cells"] = sorted(cells.values_list("key", "appointment_id"))
    found["invoices"] = [_values(row) for row in Invoice.objects.filter(patient_id__in=patient_ids).order_by("id")]
    return found


def _values(row: Any) -> dict[str, Any]:
    names = [field.attname for field in row._meta.concrete_fields if field.name not in _COUNTERS]
    return {name: getattr(row, name) for name in names}
