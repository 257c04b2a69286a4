"""Entering a patient and correcting who they are and how to reach them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError
from django.db.models import F
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel.cache import SEARCH_SCOPE, forget_on_commit
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, Refused
from medisecure.kernel.transactions import transactional
from patients import duplicates, rules
from patients.cards import PatientCard, card_of_patient
from patients.models import MedicalRecord, Patient, RecordNumberCounter
from patients.services.checks import Contact, Identity, check_contact, check_identity
from patients.services.details import Details, check_details, write_details
from patients.services.identity import collected, raise_taken, save_patient

_COUNTER: Final = "patient"
SYSTEM: Final = "system"


def allocate_record_numbers(count: int) -> list[str]:
    """The next record numbers. Inside the caller's transaction: the counter's row is locked until it ends, so no number
    is given twice, and one that is rolled back is given again."""
    RecordNumberCounter.objects.get_or_create(name=_COUNTER)
    rows = RecordNumberCounter.objects.filter(name=_COUNTER)
    rows.update(value=F("value") + count)
    last = rows.values_list("value", flat=True).get()
    return [rules.record_number(number) for number in range(last - count + 1, last + 1)]


def search_text_of(patient: Patient) -> str:
    return rules.search_text(patient.family_name, patient.used_name, patient.given_names)


def register_patient(
    *,
    actor: User | None,
    identity: Identity,
    contact: Contact | None = None,
    details: Details | None = None,
    user_id: UUID | None = None,
    key: str = "",
    confirm_new: bool = False,
    compared: Collection[UUID] | None = None,
) -> PatientCard:
    """Enter a new patient with a provisional identity and a number of their own.

    `actor` None is the system itself (demonstration data). `key`: made by the form or client, so that the same
    registration sent twice is one patient. Raises `Refused` without the permission, `Invalid` naming each field that
    cannot be, `Conflict` when the key came with another person, and `PossibleDuplicate` when somebody like this is here
    already: with `confirm_new` the actor says that it is another person, which is remembered. `compared`: the patients
    that they were shown before they said so; a likely one who is not among them is asked about again.
    """
    if actor is not None and not actor.has_perm("patients.add_patient"):
        raise Refused
    details = details or Details()
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {"user_id": user_id}
    values |= collected(errors, check_identity, identity)
    values |= collected(errors, check_contact, contact or Contact())
    hashed = _registration_key(actor, key)
    # Before what was entered the first time is found to be somebody else's.
    if not errors and (before := _registered_before(hashed, values)):
        return before
    errors |= check_details(details, rules.Traits(identity.sex, identity.birth_date), actor=actor, patient_id=None)
    if errors:
        raise Invalid(errors)
    try:
        alike = partial(_alike, actor, identity, contact, details, confirm_new, compared)
        return _register(actor, values | {"registration_key": hashed}, details, alike)
    except IntegrityError:
        # Two at once: the other one was first with the key, or with a number.
        if before := _registered_before(hashed, values):
            return before
        raise_taken(actor, details, None)
        raise


def _registration_key(actor: User | None, key: str) -> str | None:
    return hashlib.sha256(f"{actor.id if actor else SYSTEM} {key}".encode()).hexdigest() if key else None


def has_registered(actor: User | None, key: str) -> bool:
    """Whether somebody was registered with this key of this actor's."""
    hashed = _registration_key(actor, key)
    return hashed is not None and Patient.objects.filter(registration_key=hashed).exists()


def _registered_before(hashed: str | None, values: Mapping[str, Any]) -> PatientCard | None:
    """Who was registered with this key. Never another person: a client that uses a key twice is told."""
    found = Patient.objects.filter(registration_key=hashed).first() if hashed else None
    if found is None:
        return None
    if any(getattr(found, name) != values[name] for name in ("family_name", "given_names", "birth_date", "sex")):
        raise Conflict(_("This form has registered another patient already. Open a new one."))
    return card_of_patient(found)


def _alike(
    actor: User | None,
    identity: Identity,
    contact: Contact | None,
    details: Details,
    confirm_new: bool,
    compared: Collection[UUID] | None,
) -> Sequence[duplicates.Candidate]:
    """Who is here already and looks like this person. Raises `PossibleDuplicate` unless the actor has seen them all."""
    if actor is None:
        return []
    numbers = details.new_identifiers
    alike = duplicates.candidates(duplicates.person(identity, contact, numbers), numbers)
    new = {one.id for one in alike} - set(compared if compared is not None else [one.id for one in alike])
    if alike and (not confirm_new or new):
        raise duplicates.possible_duplicate(actor, alike)
    return alike


@transactional(DEFAULT)
def _register(
    actor: User | None,
    values: Mapping[str, Any],
    details: Details,
    find_alike: Callable[[], Sequence[duplicates.Candidate]],
) -> PatientCard:
    # The number first: it locks the counter, so that of two identical forms at once the second one finds the first.
    patient = Patient(record_number=allocate_record_numbers(1)[0], **values)
    hashed = values["registration_key"]
    if hashed and Patient.objects.filter(registration_key=hashed).exists():
        # The same form, sent twice: not somebody alike, and the caller finds the one that is there.
        raise IntegrityError("registered already")
    alike = find_alike()
    patient.search_text = search_text_of(patient)
    patient.save(force_insert=True)
    MedicalRecord.objects.create(patient=patient)
    forget_on_commit(DEFAULT, SEARCH_SCOPE)
    record_access(
        actor=actor,
        patient_id=patient.id,
        action="create",
        resource="patient",
        resource_id=patient.id,
        purpose="identity",
        right=_right(actor, "patients.add_patient"),
    )
    write_details(patient.id, details)
    duplicates.remember_distinct(
        actor=actor, patient_id=patient.id, others=[(one.id, one.likeness.score) for one in alike]
    )
    return card_of_patient(patient)


def update_identity(*, actor: User, patient_id: UUID, version: int, identity: Identity) -> PatientCard:
    """Correct who a patient is. Raises as `save_patient`."""
    return save_patient(actor=actor, patient_id=patient_id, version=version, identity=identity)


def update_contact(*, actor: User, patient_id: UUID, version: int, contact: Contact) -> PatientCard:
    """Change how a patient is reached: the patient, or staff with the right to. Raises as `save_patient`."""
    return save_patient(actor=actor, patient_id=patient_id, version=version, contact=contact)


def _right(actor: User | None, permission: str) -> str:
    return f"permission:{permission}" if actor else SYSTEM
