"""Numbers, people to call and insurers of a patient: what comes in, checked line by line, and written.

A fault is named by its place: `identifiers.0.value`, `insurers.1.ends_on`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound
from patients import rules
from patients.access import access_identity, sight
from patients.identifiers import holder_of, place_of
from patients.models import Coverage, EmergencyContact, Patient, PatientIdentifier, Practitioner
from patients.models.people import NAME_LENGTH, Precision
from patients.wording import doubts_text, fault_text

Errors = dict[str, list[str]]
MOST_CONTACTS: Final = 10
MOST_INSURERS: Final = 20
MOST_IDENTIFIERS: Final = 20
MEMBER_LENGTH: Final = 64
PAYER_LENGTH: Final = 200
_IN_ERROR: Final = "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIdentifier:
    kind: str
    value: str
    country: str = ""
    #: Who gives the number, where the kind does not say it.
    system: str = ""
    started_on: date | None = None
    ended_on: date | None = None
    #: Somebody looked at what of it does not agree with the patient's traits, and it is theirs.
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEntry:
    """Somebody to call. `id`: one that the patient has already."""

    full_name: str
    relation: str
    phone: str
    other_phone: str = ""
    may_be_told: bool = False
    id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InsurerEntry:
    """`member_number` None leaves what is stored."""

    role: str
    payer: str
    member_number: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """None leaves a part as it is. Contacts and insurers are the whole lists, in their order; what is not in them is
    taken out. Identifiers are added and ended, never rewritten."""

    practitioner_id: UUID | None = None
    keep_practitioner: bool = True
    new_identifiers: Sequence[NewIdentifier] = ()
    end_identifiers: Sequence[UUID] = ()
    contacts: Sequence[ContactEntry] | None = None
    insurers: Sequence[InsurerEntry] | None = None


def check_details(details: Details, traits: rules.Traits, *, actor: User | None, patient_id: UUID | None) -> Errors:
    """Every field that cannot be, empty when all is well. `patient_id` None: not registered yet."""
    errors: Errors = {}
    if not details.keep_practitioner and details.practitioner_id is not None:
        known = Practitioner.objects.filter(id=details.practitioner_id, active=True).exists()
        # One who has left stays where they are until another one is chosen.
        kept = Patient.objects.filter(primary_practitioner=details.practitioner_id)
        if not known and not (patient_id and kept.filter(id=patient_id).exists()):
            errors["primary_practitioner"] = [_("Choose one of those who practise here.")]
    _check_identifiers(errors, details, traits, actor, patient_id)
    if details.contacts is not None:
        _check_contacts(errors, details.contacts, patient_id)
    if details.insurers is not None:
        _check_insurers(errors, details.insurers, patient_id)
    return errors


def _check_identifiers(
    errors: Errors, details: Details, traits: rules.Traits, actor: User | None, patient_id: UUID | None
) -> None:
    if len(details.new_identifiers) > MOST_IDENTIFIERS:
        errors["identifiers"] = [_("At most %(count)d.") % {"count": MOST_IDENTIFIERS}]
        return
    ended = set(details.end_identifiers)
    if ended - _own(PatientIdentifier, patient_id, ended):
        errors["identifiers"] = [_("This is not a number of this patient. Reload the page.")]
    seen: set[tuple[str, str, str, str]] = set()
    for place, entry in enumerate(details.new_identifiers):
        here = f"identifiers.{place}"
        kind = rules.KINDS.get(entry.kind)
        if kind is None:
            errors[f"{here}.kind"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(rules.KINDS)}]
            continue
        if entry.started_on and entry.ended_on and entry.ended_on < entry.started_on:
            errors[f"{here}.ended_on"] = [_("The end is before the beginning.")]
        country, system = place_of(entry.kind, entry.country, entry.system)
        if kind.needs_country and not re.fullmatch("[A-Z]{2}", country):
            errors[f"{here}.country"] = [_("Type the two letters of the country: FR, DE, MA …")]
        if kind.needs_system and not system:
            errors[f"{here}.system"] = [_("Say who gives this number.")]
        _bounded(errors, f"{here}.system", system, 200)
        try:
            value = kind.read(entry.value)
        except rules.Fault as fault:
            errors[f"{here}.value"] = [str(fault_text(fault.rule))]
            continue
        if (doubts := kind.doubts(value, traits)) and not entry.confirmed:
            errors[f"{here}.confirmed"] = [
                _("This number does not agree with %(what)s. Correct one of them, or confirm that it is so.")
                % {"what": doubts_text(doubts)}
            ]
        if (entry.kind, country, system, value) in seen:
            errors[f"{here}.value"] = [_("This number is here twice.")]
        seen.add((entry.kind, country, system, value))
        holder = holder_of(kind=entry.kind, value=value, country=country, system=system)
        if holder is not None and holder == patient_id:
            if not _ends_it(entry, ended, holder):
                errors[f"{here}.value"] = [_("The patient has this number already.")]
        elif holder is not None:
            errors[f"{here}.value"] = [taken_text(actor, holder)]


def _ends_it(entry: NewIdentifier, ended: set[UUID], patient_id: UUID) -> bool:
    rows = PatientIdentifier.objects.filter(patient_id=patient_id, id__in=ended, kind=entry.kind)
    return any(row.value == rules.KINDS[entry.kind].read(entry.value) for row in rows)


def taken_text(actor: User | None, holder: UUID) -> str:
    """That another patient has the number; which one, to those who may see them, and then it is written down."""
    if actor is not None and sight(actor).contains(holder):
        try:
            card = access_identity(actor=actor, patient_id=holder, purpose="identity", action="match")
        except NotFound:  # out of sight since a moment ago
            return _("Another patient has this number. Ask for both to be checked.")
        return _("Patient %(number)s has this number. Is it the same person?") % {"number": card.record_number}
    return _("Another patient has this number. Ask for both to be checked.")


def _check_contacts(errors: Errors, contacts: Sequence[ContactEntry], patient_id: UUID | None) -> None:
    if len(contacts) > MOST_CONTACTS:
        errors["contacts"] = [_("At most %(count)d.") % {"count": MOST_CONTACTS}]
        return
    ids = {entry.id for entry in contacts if entry.id}
    if ids - _own(EmergencyContact, patient_id, ids):
        errors["contacts"] = [_("This is not a contact of this patient. Reload the page.")]
    for place, entry in enumerate(contacts):
        here = f"contacts.{place}"
        name = _bounded(errors, f"{here}.full_name", entry.full_name, NAME_LENGTH)
        if f"{here}.full_name" not in errors and not rules.has_letter(name):
            errors[f"{here}.full_name"] = [_("A name has at least one letter.")]
        if entry.relation not in EmergencyContact.Relation.values:
            choices = ", ".join(EmergencyContact.Relation.values)
            errors[f"{here}.relation"] = [_("Choose one of: %(choices)s.") % {"choices": choices}]
        for field in ("phone", "other_phone"):
            text = _bounded(errors, f"{here}.{field}", getattr(entry, field), 60)
            if (text or field == "phone") and len(rules.phone_key(text)) < rules.SHORTEST_PHONE:
                errors.setdefault(f"{here}.{field}", [_("Type a phone number of at least six digits.")])


def _check_insurers(errors: Errors, insurers: Sequence[InsurerEntry], patient_id: UUID | None) -> None:
    if len(insurers) > MOST_INSURERS:
        errors["insurers"] = [_("At most %(count)d.") % {"count": MOST_INSURERS}]
        return
    ids = {entry.id for entry in insurers if entry.id}
    if ids - _own(Coverage, patient_id, ids):
        errors["insurers"] = [_("This is not an insurer of this patient. Reload the page.")]
    mandatory: list[tuple[date | None, date | None]] = []
    for place, entry in enumerate(insurers):
        here = f"insurers.{place}"
        if entry.role not in Coverage.Role.values:
            choices = ", ".join(Coverage.Role.values)
            errors[f"{here}.role"] = [_("Choose one of: %(choices)s.") % {"choices": choices}]
        payer = _bounded(errors, f"{here}.payer", entry.payer, PAYER_LENGTH)
        if f"{here}.payer" not in errors and not rules.has_letter(payer):
            errors[f"{here}.payer"] = [_("A name has at least one letter.")]
        _bounded(errors, f"{here}.member_number", entry.member_number or "", MEMBER_LENGTH)
        if entry.starts_on and entry.ends_on and entry.ends_on < entry.starts_on:
            errors[f"{here}.ends_on"] = [_("The end is before the beginning.")]
        elif entry.role == Coverage.Role.MANDATORY:
            mandatory.append((entry.starts_on, entry.ends_on))
            if rules.any_two_overlap(mandatory):
                errors.setdefault(
                    f"{here}.starts_on",
                    [_("Two mandatory insurers cover the same day. End the earlier one the day before this begins.")],
                )
                mandatory.pop()


def _own(model: type[Any], patient_id: UUID | None, ids: set[UUID]) -> set[UUID]:
    return set(model.objects.filter(patient_id=patient_id, id__in=ids).values_list("id", flat=True)) if ids else set()


def _bounded(errors: Errors, field: str, text: str, longest: int) -> str:
    if rules.has_hidden_characters(text):
        errors[field] = [_("Remove the characters that cannot be seen.")]
        return ""
    cleaned = rules.clean_text(text)
    if len(cleaned) > longest:
        errors[field] = [
            _("At most %(count)d characters; this has %(length)d.") % {"count": longest, "length": len(cleaned)}
        ]
    return cleaned


# --- writing, inside the transaction of the service; all of it was checked --------------------------------------------
def write_details(patient_id: UUID, details: Details) -> None:
    now = clock.now()
    if not details.keep_practitioner:
        Patient.objects.filter(id=patient_id).update(primary_practitioner_id=details.practitioner_id)
    if details.end_identifiers:
        PatientIdentifier.objects.filter(patient_id=patient_id, id__in=list(details.end_identifiers)).update(
            status=PatientIdentifier.Status.OLD, ended_on=clock.today(), changed_at=now
        )
    for entry in details.new_identifiers:
        country, system = place_of(entry.kind, entry.country, entry.system)
        row = PatientIdentifier(
            patient_id=patient_id,
            kind=entry.kind,
            country=country,
            system=system,
            started_on=entry.started_on,
            ended_on=entry.ended_on,
        )
        row.set_value(rules.KINDS[entry.kind].read(entry.value))
        row.save(force_insert=True)
    if details.contacts is not None:
        _write_contacts(patient_id, details.contacts)
    if details.insurers is not None:
        _write_insurers(patient_id, details.insurers)


def _write_contacts(patient_id: UUID, contacts: Sequence[ContactEntry]) -> None:
    rows = EmergencyContact.objects.filter(patient_id=patient_id)
    rows.exclude(id__in=[entry.id for entry in contacts if entry.id]).delete()
    for place, entry in enumerate(contacts, start=1):
        values = {
            "place": place,
            "full_name": rules.clean_text(entry.full_name),
            "relation": entry.relation,
            "phone": rules.clean_text(entry.phone),
            "other_phone": rules.clean_text(entry.other_phone),
            "may_be_told": entry.may_be_told,
        }
        if entry.id:
            rows.filter(id=entry.id).update(**values)
        else:
            EmergencyContact.objects.create(patient_id=patient_id, **values)


def _write_insurers(patient_id: UUID, insurers: Sequence[InsurerEntry]) -> None:
    rows = Coverage.objects.filter(patient_id=patient_id).exclude(role="")
    known = {row.id: row for row in rows}
    kept = {entry.id for entry in insurers if entry.id}
    # A row of the record is never deleted: one that was taken out is there by mistake.
    rows.exclude(id__in=kept).update(status=_IN_ERROR, changed_at=clock.now())
    for place, entry in enumerate(insurers, start=1):
        row = known.get(entry.id) if entry.id else None
        if row is None:
            row = Coverage(patient_id=patient_id, status="active")
        row.place, row.role, row.payer = place, entry.role, rules.clean_text(entry.payer)
        row.started_at, row.ended_at = _midnight(entry.starts_on), _midnight(entry.ends_on)
        row.started_precision = row.ended_precision = Precision.DAY
        if entry.member_number is not None:
            row.member_number = rules.clean_text(entry.member_number)
        row.changed_at = clock.now()
        row.save()


def _midnight(day: date | None) -> datetime | None:
    """As imports write a day of a FHIR period: it is read back in UTC."""
    return datetime.combine(day, time(), UTC) if day else None
