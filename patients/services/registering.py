"""Entering a patient and correcting who they are and how to reach them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.db.models import F

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.cache import SEARCH_SCOPE, forget_on_commit, patient_scope, record_scope
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Refused, Stale
from medisecure.kernel.transactions import transactional
from patients import rules
from patients.access import access_identity
from patients.cards import PatientCard, card_of_patient
from patients.models import MedicalRecord, Patient, RecordNumberCounter
from patients.models.people import Precision
from patients.services.checks import Contact, Identity, check_contact, check_identity

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


def forget_patient(patient_id: UUID) -> None:
    """Drop the card, the record, which shows the card, and what searches found, when the transaction commits."""
    forget_on_commit(DEFAULT, patient_scope(patient_id), record_scope(patient_id), SEARCH_SCOPE)


@transactional(DEFAULT)
def register_patient(
    *, actor: User | None, identity: Identity, contact: Contact | None = None, user_id: UUID | None = None
) -> PatientCard:
    """Enter a new patient with a provisional identity and a number of their own.

    `actor` None is the system itself (demonstration data). Raises `Refused` without the permission, `Invalid` naming
    each field that cannot be true.
    """
    if actor is not None and not actor.has_perm("patients.add_patient"):
        raise Refused
    values = check_identity(identity) | check_contact(contact or Contact())
    patient = Patient(record_number=allocate_record_numbers(1)[0], user_id=user_id, **values)
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
    return card_of_patient(patient)


@transactional(DEFAULT)
def update_identity(*, actor: User, patient_id: UUID, version: int, identity: Identity) -> PatientCard:
    """Correct who a patient is. Raises `NotFound`, `Refused`, `Invalid`, or `Stale` when somebody changed it since
    `version` was read."""
    access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="change")
    if not actor.has_perm("patients.change_patient"):
        raise Refused
    values = check_identity(identity)
    values["birth_precision"] = Precision.DAY
    values["search_text"] = rules.search_text(values["family_name"], values["used_name"], values["given_names"])
    return _save_if_current(patient_id, version, values)


@transactional(DEFAULT)
def update_contact(*, actor: User, patient_id: UUID, version: int, contact: Contact) -> PatientCard:
    """Change how a patient is reached: the patient, or staff with the right to. Raises as `update_identity`."""
    access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="change")
    is_self = Patient.objects.filter(id=patient_id, user=actor).exists()
    if not (is_self or actor.has_perm("patients.change_patient")):
        raise Refused
    return _save_if_current(patient_id, version, check_contact(contact))


def _save_if_current(patient_id: UUID, version: int, values: Mapping[str, Any]) -> PatientCard:
    rows = Patient.objects.filter(id=patient_id)
    if not rows.filter(version=version).update(version=version + 1, changed_at=clock.now(), **values):
        raise Stale
    forget_patient(patient_id)
    return card_of_patient(rows.get())


def _right(actor: User | None, permission: str) -> str:
    return f"permission:{permission}" if actor else SYSTEM
