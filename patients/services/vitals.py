"""Vital signs, taken at one time and entered in one form: all of them are stored, or none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from medisecure.accounts.models import User
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid
from medisecure.kernel.transactions import transactional
from patients.models import ClinicalChange, Encounter, Observation
from patients.rules import notes as text_rules
from patients.rules.codes import LOINC
from patients.rules.units import written_unit
from patients.rules.vitals import (
    PANEL,
    PRESSURE,
    SIGNS,
    is_impossible,
    is_unusual,
    read_number,
    too_precise,
)
from patients.services.entries import note_change
from patients.services.notes import date_fault
from patients.writing import open_for_writing, record_changed

LABELS: Final = {
    "pressure": gettext_lazy("Blood pressure"),
    "systolic": gettext_lazy("Systolic"),
    "diastolic": gettext_lazy("Diastolic"),
    "heart_rate": gettext_lazy("Heart rate"),
    "temperature": gettext_lazy("Temperature"),
    "oxygen_saturation": gettext_lazy("Oxygen saturation"),
    "respiratory_rate": gettext_lazy("Respiratory rate"),
    "weight": gettext_lazy("Weight"),
    "height": gettext_lazy("Height"),
    "pain": gettext_lazy("Pain (0 to 10)"),
}
#: Rows that came from this form: source of the row, and the form's id with the code. Sent twice, it is stored once.
FORM: Final = "medisecure:vital-signs"


class Unusual(Invalid):
    """Values that are possible and rare: nothing is stored until somebody says that they are right."""

    code = "unusual"


def record_vitals(
    *,
    actor: User,
    patient_id: UUID,
    form_id: UUID,
    taken_at: datetime,
    values: Mapping[str, str],
    encounter_id: UUID | None = None,
    note: str = "",
    confirmed: bool = False,
) -> list[Observation]:
    """Store what was measured. `values`: key of `rules.vitals.SIGNS` → digits as they were typed.

    Raises `NotFound`, `Refused`, `Invalid` for what cannot be, `Unusual` for what is rare unless `confirmed`.
    """
    open_for_writing(actor=actor, patient_id=patient_id, resource="vital-signs", resource_id=form_id)
    numbers = _checked(values, confirmed=confirmed)
    errors: dict[str, list[str]] = {}
    if fault := date_fault(patient_id, taken_at):
        errors["taken_at"] = [fault]
    if encounter_id and not Encounter.objects.filter(id=encounter_id, patient_id=patient_id).exists():
        errors["encounter_id"] = [_("This patient has no such encounter.")]
    note = text_rules.as_typed(note).strip()
    if text_rules.unstorable(note) or len(note) > text_rules.LONGEST_REASON:
        errors["note"] = [
            _("At most %(count)d characters, and none that cannot be stored.") % {"count": text_rules.LONGEST_REASON}
        ]
    if errors:
        raise Invalid(errors)
    common = {"patient_id": patient_id, "encounter_id": encounter_id, "started_at": taken_at, "note": note}
    return _store(actor, patient_id, form_id, numbers, common)


@transactional(DEFAULT)
def _store(
    actor: User, patient_id: UUID, form_id: UUID, numbers: Mapping[str, str], common: Mapping[str, Any]
) -> list[Observation]:
    found = []
    changed = False
    for code, row in _rows(numbers).items():
        made, created = Observation.objects.get_or_create(
            source_system=FORM,
            source_id=f"{form_id}:{code}",
            defaults={
                **common,
                "code": code,
                "code_system": LOINC,
                "category": "vital-signs",
                "status": "final",
                "started_precision": "instant",
                **row,
            },
        )
        if created:
            note_change(made, "observation", ClinicalChange.Action.CREATE, actor, "")
            changed = True
        found.append(made)
    if changed:
        record_changed(patient_id)
    return found


def _rows(numbers: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """LOINC code → the row's own values. Blood pressure is one row with two components."""
    found: dict[str, dict[str, Any]] = {}
    with translation.override(settings.LANGUAGE_CODE):
        parts = [
            {
                "code": SIGNS[key].code,
                "system": LOINC,
                "display": str(LABELS[key]),
                "quantity": numbers[key],
                "comparator": "",
                "unit": SIGNS[key].unit,
                "value_code": "",
                "value_system": "",
                "value_text": "",
            }
            for key in PRESSURE
            if key in numbers
        ]
        if parts:
            found[PANEL] = {"display": str(LABELS["pressure"]), "components": parts}
        for key, text in numbers.items():
            if key not in PRESSURE:
                sign = SIGNS[key]
                values = {"quantity": text, "number": float(text), "unit": sign.unit}
                found[sign.code] = {"display": str(LABELS[key]), **values}
    return found


def _checked(values: Mapping[str, str], *, confirmed: bool) -> dict[str, str]:
    errors: dict[str, list[str]] = {}
    rare: dict[str, list[str]] = {}
    numbers: dict[str, Decimal] = {}
    for key, text in values.items():
        if key not in SIGNS:
            errors[key] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(SIGNS)}]
            continue
        if not str(text).strip():
            continue
        sign, value = SIGNS[key], read_number(str(text))
        if value is None:
            errors[key] = [_("Enter a number.")]
        elif is_impossible(sign, value):
            low, high = sign.impossible
            words = {"low": f"{low:g}", "high": f"{high:g}", "unit": written_unit(sign.unit)}
            errors[key] = [(_("This cannot be: enter %(low)s to %(high)s %(unit)s.") % words).replace(" .", ".")]
        elif too_precise(sign, value):
            errors[key] = [_("At most %(count)d decimals.") % {"count": sign.decimals}]
        else:
            numbers[key] = value
            if is_unusual(sign, value):
                rare[key] = [_("This is unusual. Check it, then confirm.")]
    upper, lower = (numbers.get(key) for key in PRESSURE)
    if upper is not None and lower is not None and lower >= upper:
        errors["diastolic"] = [_("The diastolic pressure is below the systolic one.")]
    if not errors and not numbers:
        errors["heart_rate"] = [_("Enter at least one value.")]
    if errors:
        raise Invalid(errors)
    if rare and not confirmed:
        raise Unusual(rare)
    return {key: str(value) for key, value in numbers.items()}
