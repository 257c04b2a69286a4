"""What staff enter in the record one by one: encounters, conditions, allergies, medications, immunizations, procedures.

An entry is corrected and never erased: each state stays in `clinical_changes` with who, when and why, and what should
not be there becomes `entered-in-error` (FHIR R4).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Stale
from medisecure.kernel.transactions import transactional
from patients import rules
from patients.cards import practitioner_for_user
from patients.models import (
    Allergy,
    ClinicalChange,
    ClinicalRow,
    Condition,
    Encounter,
    Immunization,
    Medication,
    Observation,
    Procedure,
)
from patients.relations import ENCOUNTER, record_care_relation
from patients.rules import codes
from patients.rules import notes as text_rules
from patients.services.notes import checked_reason, date_fault
from patients.writing import open_for_writing, record_changed

#: Kind → (model, what may be entered besides `COMMON`, the states it may have; the first is the usual one)
KINDS: Final[dict[str, tuple[type[ClinicalRow], tuple[str, ...], tuple[str, ...]]]] = {
    "encounter": (
        Encounter,
        ("class_code", "reason", "place"),
        ("in-progress", "finished", "planned", "cancelled"),
    ),
    "condition": (Condition, ("severity",), ("active", "inactive", "remission", "resolved", "recurrence")),
    "allergy": (Allergy, ("category", "criticality", "reactions"), ("active", "inactive", "resolved")),
    "medication": (Medication, ("dosage", "reason"), ("active", "on-hold", "stopped", "completed", "cancelled")),
    "immunization": (Immunization, ("lot_number",), ("completed", "not-done")),
    "procedure": (Procedure, ("reason",), ("completed", "in-progress", "not-done")),
}
COMMON: Final = ("display", "code_system", "code", "status", "started_at", "ended_at", "note", "encounter_id")
CLASSES: Final = ("AMB", "IMP", "EMER", "HH", "VR")
CATEGORIES: Final = ("medication", "food", "environment", "biologic")
CRITICALITIES: Final = ("low", "high", "unable-to-assess")
SEVERITIES: Final = ("mild", "moderate", "severe")
_CHOICES: Final = {
    "class_code": CLASSES,
    "category": CATEGORIES,
    "criticality": CRITICALITIES,
    "severity": SEVERITIES,
}
_IN_ERROR: Final = "entered-in-error"
#: More than anybody types; what is longer is a note or a document.
_LONGEST_TEXT: Final = 5000
#: Kinds that may lie ahead.
_MAY_BE_AHEAD: Final = {"encounter": "planned"}


class EntryConflict(Stale):
    """The entry was changed since the page was made. Carries what it says now."""

    def __init__(self, values: Mapping[str, Any], version: int) -> None:
        super().__init__()
        self.values, self.version = values, version

    def members(self) -> dict[str, Any]:
        return {"current": {**self.values, "version": self.version}}


def entry_model(kind: str) -> type[ClinicalRow]:
    """Raises `NotFound` for a kind that there is not."""
    if kind == "observation":
        return Observation
    if kind not in KINDS:
        raise NotFound
    return KINDS[kind][0]


def record_entry(
    *,
    actor: User,
    patient_id: UUID,
    kind: str,
    entry_id: UUID,
    values: Mapping[str, Any],
    version: int = 0,
    reason: str = "",
) -> ClinicalRow:
    """Enter something (version 0, under an id that the page chose: sent twice it is one entry), or correct it with the
    reason. `values`: names of the model; a date without a time has the precision of a day.

    Raises `NotFound`, `Refused`, `Invalid`, `EntryConflict`.
    """
    open_for_writing(actor=actor, patient_id=patient_id, resource=kind, resource_id=entry_id)
    entry_model(kind)
    checked = _checked(patient_id, kind, values)
    reason = checked_reason(reason)
    if version and not reason:
        raise Invalid({"reason": [_("Say why this entry is corrected.")]})
    return _write(actor, patient_id, kind, entry_id, checked, version, reason)


@transactional(DEFAULT)
def _write(
    actor: User, patient_id: UUID, kind: str, entry_id: UUID, values: dict[str, Any], version: int, reason: str
) -> ClinicalRow:
    model: Any = entry_model(kind)
    if version == 0:
        fresh = {**values, "patient_id": patient_id, **_by(actor, kind)}
        row, created = model._default_manager.get_or_create(id=entry_id, defaults=fresh)
        if not created:
            if row.patient_id != patient_id:
                raise NotFound
            if any(getattr(row, name) != value for name, value in values.items()):
                raise EntryConflict(snapshot(row), row.version)
            return row  # type: ignore[no-any-return]  # the form was sent twice
        note_change(row, kind, ClinicalChange.Action.CREATE, actor, "")
        if kind == "allergy" and values["code"] != rules.NO_KNOWN_ALLERGY:
            _close_none_known(actor, patient_id)
    else:
        row = _locked(model, patient_id, entry_id)
        _compare_and_set(row, kind, version, values)
        note_change(row, kind, ClinicalChange.Action.CHANGE, actor, reason)
    if isinstance(row, Encounter):
        _open_care(row)
    record_changed(patient_id)
    return row  # type: ignore[no-any-return]


def withdraw_entry(
    *, actor: User, patient_id: UUID, kind: str, entry_id: UUID, version: int, reason: str
) -> ClinicalRow:
    """Say that the entry, or a measurement, should not be there: it leaves the lists and stays in its history."""
    open_for_writing(actor=actor, patient_id=patient_id, resource=kind, resource_id=entry_id)
    reason = checked_reason(reason)
    if not reason:
        raise Invalid({"reason": [_("Say why this entry is withdrawn.")]})
    return _withdraw(actor, patient_id, kind, entry_id, version, reason)


@transactional(DEFAULT)
def _withdraw(actor: User, patient_id: UUID, kind: str, entry_id: UUID, version: int, reason: str) -> ClinicalRow:
    model = entry_model(kind)
    row = _locked(model, patient_id, entry_id)
    mark = {"verification": _IN_ERROR} if kind in ("condition", "allergy") else {"status": _IN_ERROR}
    if is_withdrawn(row):
        return row
    _compare_and_set(row, kind, version, mark)
    note_change(row, kind, ClinicalChange.Action.WITHDRAW, actor, reason)
    if isinstance(row, Encounter):
        _open_care(row)
    record_changed(patient_id)
    return row


def assert_no_known_allergy(*, actor: User, patient_id: UUID, entry_id: UUID) -> ClinicalRow:
    """Write down that the patient was asked and knows of none. Refused while an allergy is listed."""
    open_for_writing(actor=actor, patient_id=patient_id, resource="allergy", resource_id=entry_id)
    with translation.override(settings.LANGUAGE_CODE):
        name = _("No known allergy")
    values = {"display": name, "code": rules.NO_KNOWN_ALLERGY, "code_system": rules.SNOMED, "status": "active"}
    return _assert_none(actor, patient_id, entry_id, _checked(patient_id, "allergy", values))


@transactional(DEFAULT)
def _assert_none(actor: User, patient_id: UUID, entry_id: UUID, values: dict[str, Any]) -> ClinicalRow:
    current = _current_allergies(patient_id)
    if any(row.code != rules.NO_KNOWN_ALLERGY for row in current):
        raise Conflict(_("An allergy is listed. Withdraw it or set it inactive first."))
    if current:
        return current[0]
    return _write(actor, patient_id, "allergy", entry_id, values, 0, "")


def _current_allergies(patient_id: UUID) -> list[Allergy]:
    rows = Allergy.objects.filter(patient_id=patient_id).exclude(verification__in=(_IN_ERROR, "refuted"))
    return list(rows.exclude(status__in=("inactive", "resolved", _IN_ERROR)))


def _close_none_known(actor: User, patient_id: UUID) -> None:
    """An allergy that was found ends the answer that there was none."""
    for row in _current_allergies(patient_id):
        if row.code == rules.NO_KNOWN_ALLERGY:
            _compare_and_set(row, "allergy", row.version, {"status": "inactive"})
            note_change(row, "allergy", ClinicalChange.Action.CHANGE, actor, _("An allergy was entered."))


# --- Parts ------------------------------------------------------------------------------------------------------------
def is_withdrawn(row: ClinicalRow) -> bool:
    return _IN_ERROR in (row.status, getattr(row, "verification", ""))


def snapshot(row: ClinicalRow) -> dict[str, Any]:
    """What the entry says, as JSON keeps it."""
    left_out = {"id", "patient", "source_system", "source_id", "source_digest", "created_at", "changed_at", "version"}
    found: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.name in left_out:
            continue
        value = getattr(row, field.attname)
        found[field.attname] = value.isoformat() if isinstance(value, datetime) else _plain(value)
    return found


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def note_change(row: ClinicalRow, kind: str, action: str, actor: User, reason: str) -> None:
    ClinicalChange.objects.create(
        resource=kind,
        row_id=row.id,
        version=row.version,
        action=action,
        by=actor,
        by_name=actor.full_name,
        reason=reason,
        values=snapshot(row),
    )


def _compare_and_set(row: ClinicalRow, kind: str, version: int, changes: Mapping[str, Any]) -> None:
    if row.version != version:
        raise EntryConflict(snapshot(row), row.version)
    # What came by import has no history yet: how it was is its beginning.
    ClinicalChange.objects.get_or_create(
        resource=kind,
        row_id=row.id,
        version=row.version,
        defaults={"action": ClinicalChange.Action.BEFORE, "at": row.changed_at, "values": snapshot(row)},
    )
    rows = type(row)._default_manager.filter(id=row.id, version=version)
    if not rows.update(version=version + 1, changed_at=clock.now(), **changes):
        raise EntryConflict(snapshot(row), row.version)
    row.refresh_from_db()


def _locked(model: Any, patient_id: UUID, entry_id: UUID) -> ClinicalRow:
    row: ClinicalRow | None = (
        model._default_manager.select_for_update().filter(id=entry_id, patient_id=patient_id).first()
    )
    if row is None:
        raise NotFound
    return row


def _by(actor: User, kind: str) -> dict[str, Any]:
    if kind not in ("encounter", "medication", "procedure"):
        return {}
    return {"practitioner_id": practitioner_for_user(actor.id)}


def _open_care(row: Encounter) -> None:
    """An encounter opens the record around it to who gave the care, as an imported one does."""
    if row.practitioner_id is None or row.started_at is None:
        return
    record_care_relation(
        patient_id=row.patient_id,
        practitioner_id=row.practitioner_id,
        kind=ENCOUNTER,
        reference=row.id,
        start=row.started_at,
        end=row.ended_at or row.started_at,
        sequence=row.version,
        active=row.status not in ("cancelled", _IN_ERROR),
    )


def _checked(patient_id: UUID, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values to store. Raises `Invalid` with every field that cannot be."""
    errors: dict[str, list[str]] = {}
    own, states = KINDS[kind][1], KINDS[kind][2]
    found: dict[str, Any] = {}
    for name in ("display", "code", "code_system", "note", *(name for name in own if name != "reactions")):
        found[name] = _text(errors, kind, name, str(values.get(name) or ""))
    found["code"] = codes.clean_code(found["code"])
    if not found["display"] and "display" not in errors:
        errors["display"] = [_("This field is required.")]
    if found["code"] and not found["code_system"]:
        errors["code_system"] = [_("Say which system this code is of.")]
    elif not codes.possible_code(found["code_system"], found["code"]) and found["code"]:
        system = codes.SYSTEMS[found["code_system"]]
        text = _("This is no %(system)s code: one looks like %(example)s.")
        errors["code"] = [text % {"system": system.name, "example": system.example}]
    if not found["code"]:
        found["code_system"] = ""
    found["status"] = values.get("status") or states[0]
    for name, allowed in (("status", states), *((name, _CHOICES[name]) for name in own if name in _CHOICES)):
        if found[name] and found[name] not in allowed:
            errors[name] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(allowed)}]
    if kind == "allergy":
        found["reactions"] = _reactions(errors, values.get("reactions"))
    ahead = found["status"] == _MAY_BE_AHEAD.get(kind)
    for name, precision in (("started_at", "started_precision"), ("ended_at", "ended_precision")):
        at: datetime | None = values.get(name)
        found[name] = at
        found[precision] = values.get(precision) or ("instant" if kind == "encounter" else "day")
        if at is not None and (fault := date_fault(patient_id, at, future=ahead)):
            errors[name] = [fault]
    if found["started_at"] and found["ended_at"] and found["ended_at"] < found["started_at"]:
        errors["ended_at"] = [_("This ends before it begins.")]
    if kind in ("encounter", "immunization", "procedure") and found["started_at"] is None:
        errors.setdefault("started_at", [_("This field is required.")])
    if kind != "encounter":
        found["encounter_id"] = values.get("encounter_id")
        known = Encounter.objects.filter(id=found["encounter_id"], patient_id=patient_id)
        if found["encounter_id"] and not known.exists():
            errors["encounter_id"] = [_("This patient has no such encounter.")]
    if errors:
        raise Invalid(errors)
    return found


def _text(errors: dict[str, list[str]], kind: str, name: str, text: str) -> str:
    text = text_rules.as_typed(text).strip()
    if text_rules.unstorable(text):
        errors[name] = [_("This holds a character that cannot be stored (NUL). Remove it.")]
        return ""
    longest = getattr(entry_model(kind)._meta.get_field(name), "max_length", None) or _LONGEST_TEXT
    if len(text) > longest:
        sizes = {"count": longest, "length": len(text)}
        errors[name] = [_("At most %(count)d characters; this has %(length)d.") % sizes]
    return text


def _reactions(errors: dict[str, list[str]], asked: Any) -> list[dict[str, str]]:
    """One reaction a line."""
    lines = asked if isinstance(asked, list) else str(asked or "").splitlines()
    found = [str(line).strip() for line in lines if str(line).strip()]
    if any(text_rules.unstorable(line) for line in found):
        errors["reactions"] = [_("This holds a character that cannot be stored (NUL). Remove it.")]
    elif len(found) > 20 or any(len(line) > 200 for line in found):
        errors["reactions"] = [_("At most 20 reactions of 200 characters, one a line.")]
    return [{"display": line, "severity": ""} for line in found]
