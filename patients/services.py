"""Writes of people: one use case, one transaction, its audit entry, and what it makes stale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import F
from django.utils.translation import gettext as _

from medisecure.accounts.interface import (
    Role,
    change_language,
    create_user,
    password_link,
    password_link_end,
    user_card,
)
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.cache import forget_on_commit, patient_scope, practitioner_scope, record_scope
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from medisecure.kernel.transactions import transactional
from medisecure.notifications.interface import queue_mail
from patients import rules
from patients.access import access_identity
from patients.cards import PatientCard, PractitionerCard, card_of_patient, card_of_practitioner, interface_language
from patients.models import MedicalRecord, Patient, Practitioner, RecordNumberCounter
from patients.models.people import Precision, Sex

_COUNTER: Final = "patient"
SYSTEM: Final = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How to reach a patient. Every text may be empty."""

    phone: str = ""
    email: str = ""
    address_line: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    language: str = "fr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a patient is, as they say or as a document says."""

    family_name: str
    given_names: str
    birth_date: date
    sex: str = Sex.UNKNOWN
    used_name: str = ""


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
    """Drop the card and the record, which shows the card, when the transaction commits."""
    forget_on_commit(DEFAULT, patient_scope(patient_id), record_scope(patient_id))


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


@transactional(DEFAULT)
def invite_patient(
    *, actor: User | None, patient_id: UUID, email: str = "", password: str | None = None, check: bool = True
) -> UUID:
    """Make the patient an account to sign in with, at `email` or at their own address. Returns the account's id.

    Without a password the patient sets one by the password reset. Raises `Conflict` when they have an account,
    `Invalid` for an address that is malformed, missing or taken.
    """
    if actor is not None:
        access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="invite")
        if not actor.has_perm("patients.change_patient"):
            raise Refused
    patient = Patient.objects.select_for_update().filter(id=patient_id).first()
    if patient is None:
        raise NotFound
    if patient.user_id is not None:
        raise Conflict(_("This patient has an account already."))
    user = create_user(
        email=email or patient.email,
        full_name=patient.full_name,
        role=Role.PATIENT,
        password=password,
        language=interface_language(patient.language),
        check=check,
    )
    _link(patient_id, user.id)
    return user.id


@transactional(DEFAULT)
def give_portal_access(*, actor: User, patient_id: UUID) -> str:
    """Make the patient an account at their own address and promise them a mail with the link that sets its password.

    Returns the address. Raises as `invite_patient`; `Invalid` when the patient has no address.
    """
    user_id = invite_patient(actor=actor, patient_id=patient_id)
    user = user_card(user_id)
    if user is None:
        raise NotFound
    queue_mail(
        dedupe_key=f"portal-invitation:{user_id}",
        to_email=user.email,
        language=user.language,
        template="portal_invitation",
        context={
            "name": user.full_name,
            "email": user.email,
            "url": password_link(user_id),
            "until": password_link_end(),
        },
        user_id=user_id,
    )
    return user.email


@transactional(DEFAULT)
def choose_language(*, user: User, language: str) -> None:
    """The language that a person chose: of their account, and of their row when they are a patient, which is where
    mails about them look. Raises `Invalid` for one we do not speak."""
    change_language(user, language)
    patient = Patient.objects.filter(user=user).first()
    # "en-US" says more than "en", and is not lost to a choice that agrees with it.
    if patient is None or patient.language.split("-")[0].lower() == language:
        return
    access_identity(actor=user, patient_id=patient.id, purpose="own language", action="change")
    Patient.objects.filter(id=patient.id).update(language=language, version=F("version") + 1, changed_at=clock.now())
    forget_patient(patient.id)


@transactional(DEFAULT)
def link_account(*, patient_id: UUID, user_id: UUID) -> None:
    """Say that this account is this patient's: by the system, once somebody has checked it. Raises `NotFound`, or
    `Conflict` when either has a counterpart."""
    if user_card(user_id) is None:
        raise NotFound
    patient = Patient.objects.select_for_update().filter(id=patient_id).first()
    if patient is None:
        raise NotFound
    if patient.user_id == user_id:
        return
    if patient.user_id is not None or Patient.objects.filter(user_id=user_id).exists():
        raise Conflict
    _link(patient_id, user_id)


def _link(patient_id: UUID, user_id: UUID) -> None:
    Patient.objects.filter(id=patient_id).update(user_id=user_id, version=F("version") + 1, changed_at=clock.now())
    forget_patient(patient_id)


@transactional(DEFAULT)
def register_practitioner(
    *,
    actor: User | None,
    full_name: str,
    specialty: str = "",
    specialty_label: str = "",
    identifier: str = "",
    identifier_system: str = "",
    user_id: UUID | None = None,
) -> PractitionerCard:
    """Enter a practitioner; `specialty` is a code, `specialty_label` what people read. Raises `Refused`, `Invalid`."""
    if actor is not None and not actor.has_perm("patients.add_practitioner"):
        raise Refused
    errors: dict[str, list[str]] = {}
    full_name = _name(errors, "full_name", full_name, required=True)
    values = {
        "specialty": _text(errors, Practitioner, "specialty", specialty),
        "specialty_label": _text(errors, Practitioner, "specialty_label", specialty_label),
        "identifier": _text(errors, Practitioner, "identifier", identifier),
        "identifier_system": _text(errors, Practitioner, "identifier_system", identifier_system),
    }
    if errors:
        raise Invalid(errors)
    practitioner = Practitioner.objects.create(full_name=full_name, user_id=user_id, **values)
    return card_of_practitioner(practitioner)


@transactional(DEFAULT)
def save_practitioner(*, actor: User, practitioner: Practitioner) -> None:
    """Store what a form has validated, new or changed; drops the cached card. Raises `Refused`."""
    needed = "patients.add_practitioner" if practitioner._state.adding else "patients.change_practitioner"
    if not actor.has_perm(needed):
        raise Refused
    practitioner.changed_at = clock.now()
    practitioner.save()
    forget_on_commit(DEFAULT, practitioner_scope(practitioner.id))


def _right(actor: User | None, permission: str) -> str:
    return f"permission:{permission}" if actor else SYSTEM


# --- Checks of what people type ---------------------------------------------------------------------------------------
def check_identity(identity: Identity) -> dict[str, Any]:
    """The values to store. Raises `Invalid` with every field that cannot be true."""
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {
        "family_name": _name(errors, "family_name", identity.family_name, required=True),
        "given_names": _name(errors, "given_names", identity.given_names, required=True),
        "used_name": _name(errors, "used_name", identity.used_name, required=False),
        "birth_date": identity.birth_date,
        "sex": identity.sex,
    }
    if not rules.possible_birth(identity.birth_date, clock.today()):
        errors["birth_date"] = [_("Enter a date of birth that is not in the future and not before 1850.")]
    if identity.sex not in Sex.values:
        errors["sex"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(Sex.values)}]
    if errors:
        raise Invalid(errors)
    return values


def check_contact(contact: Contact) -> dict[str, Any]:
    """The values to store. Raises `Invalid`."""
    errors: dict[str, list[str]] = {}
    values = {field.name: _text(errors, Patient, field.name, getattr(contact, field.name)) for field in fields(contact)}
    values["phone_key"] = rules.phone_key(values["phone"])
    if values["email"]:
        try:
            validate_email(values["email"])
        except ValidationError:
            errors["email"] = [_("Enter a valid email address.")]
    if errors:
        raise Invalid(errors)
    return values


def _name(errors: dict[str, list[str]], field: str, text: str, *, required: bool) -> str:
    model = Practitioner if field == "full_name" else Patient
    name = _text(errors, model, field, text)
    if field in errors:
        return name
    if required and not name:
        errors[field] = [_("This field is required.")]
    elif name and not rules.has_letter(name):
        errors[field] = [_("A name has at least one letter.")]
    return name


def _text(errors: dict[str, list[str]], model: type[Patient | Practitioner], field: str, text: str) -> str:
    if rules.has_hidden_characters(text):
        errors[field] = [_("Remove the characters that cannot be seen.")]
        return ""
    cleaned = rules.clean_text(text)
    longest: int = getattr(model._meta.get_field(field), "max_length", None) or 0
    if longest and len(cleaned) > longest:
        errors[field] = [
            _("At most %(count)d characters; this has %(length)d.") % {"count": longest, "length": len(cleaned)}
        ]
    return cleaned
