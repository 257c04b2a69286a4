"""Changing who a patient is, and saying by which document that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from medisecure.kernel.transactions import transactional
from patients import rules
from patients.access import access_identity
from patients.cards import PatientCard, card_of_patient
from patients.identifiers import holder_of, traits_of
from patients.models import Coverage, IdentityCheck, Patient, PatientIdentifier
from patients.models.people import IdentityStatus, Precision
from patients.services.checks import Contact, Identity, check_contact, check_identity
from patients.services.details import Details, check_details, taken_text, write_details
from patients.services.forgetting import forget_patient

T = TypeVar("T")

#: What an identity document says: whoever changes one of these has another person, or a document to look at again.
TRAITS: Final = ("family_name", "given_names", "birth_date", "sex", "birth_place_code")
_LONGEST_NUMBER: Final = 40


def save_patient(
    *,
    actor: User,
    patient_id: UUID,
    version: int,
    identity: Identity | None = None,
    contact: Contact | None = None,
    details: Details | None = None,
) -> PatientCard:
    """Change what is given and nothing else, all of it or nothing.

    A verified identity whose traits change is provisional again. Raises `NotFound`, `Refused`, `Invalid` with every
    field that cannot be, `Stale` when somebody changed the patient since `version` was read.
    """
    access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="change")
    may = actor.has_perm("patients.change_patient")
    only_contact = identity is None and details is None
    if not may and not (only_contact and Patient.objects.filter(id=patient_id, user=actor).exists()):
        raise Refused
    patient = Patient.objects.filter(id=patient_id).first()
    if patient is None:
        raise NotFound
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    traits = traits_of(patient)
    if identity is not None:
        values |= collected(errors, check_identity, identity)
        traits = rules.Traits(identity.sex, identity.birth_date)
    if contact is not None:
        values |= collected(errors, check_contact, contact)
    if details is not None:
        errors |= check_details(details, traits, actor=actor, patient_id=patient_id)
    if errors:
        raise Invalid(errors)
    if identity is not None:
        if values["birth_date"] != patient.birth_date:
            values["birth_precision"] = Precision.DAY
        values["search_text"] = rules.search_text(values["family_name"], values["used_name"], values["given_names"])
    try:
        return _save(actor, patient_id, version, values, details)
    except IntegrityError:
        raise_taken(actor, details, patient_id)
        raise


def collected(errors: dict[str, list[str]], check: Callable[[T], dict[str, Any]], given: T) -> dict[str, Any]:
    """The values of one check; its faults go to the others'."""
    try:
        return check(given)
    except Invalid as error:
        errors |= {field: [str(text) for text in texts] for field, texts in error.errors.items()}
        return {}


def raise_taken(actor: User | None, details: Details | None, patient_id: UUID | None) -> None:
    """Somebody else was entered with one of these numbers while they were being checked."""
    errors: dict[str, list[str]] = {}
    for place, entry in enumerate(details.new_identifiers if details else ()):
        holder = holder_of(kind=entry.kind, value=entry.value, country=entry.country, system=entry.system)
        if holder is not None and holder != patient_id:
            errors[f"identifiers.{place}.value"] = [taken_text(actor, holder)]
    if errors:
        raise Invalid(errors) from None


@transactional(DEFAULT)
def _save(
    actor: User, patient_id: UUID, version: int, values: Mapping[str, Any], details: Details | None
) -> PatientCard:
    patient = _claim(patient_id, version)
    if patient.identity_status == IdentityStatus.VERIFIED and any(
        name in values and values[name] != getattr(patient, name) for name in TRAITS
    ):
        _make_provisional(actor, patient_id, IdentityCheck.Ended.TRAITS_CHANGED)
    if values:
        Patient.objects.filter(id=patient_id).update(**values)
    if details is not None:
        write_details(patient_id, details)
    forget_patient(patient_id)
    return card_of_patient(Patient.objects.get(id=patient_id))


def _claim(patient_id: UUID, version: int) -> Patient:
    """Take the patient's row for this transaction: whoever comes later with the same version is `Stale`."""
    rows = Patient.objects.filter(id=patient_id)
    if not rows.filter(version=version).update(version=version + 1, changed_at=clock.now()):
        raise Stale
    return rows.get()


# --- verification -----------------------------------------------------------------------------------------------------
def verify_identity(
    *, actor: User, patient_id: UUID, version: int, document: str, seen_on: date, country: str = "", number: str = ""
) -> PatientCard:
    """Say that this document was seen and says the same as the patient's identity. Raises as `save_patient`, and
    `Conflict` when too little is known of the birth date to be compared."""
    access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="verify")
    if not actor.has_perm("patients.change_patient"):
        raise Refused
    patient = Patient.objects.filter(id=patient_id).first()
    if patient is None:
        raise NotFound
    if patient.birth_date is None or patient.birth_precision != Precision.DAY or not patient.given_names:
        raise Conflict(_("Enter the given names and the whole birth date first: they are what the document is for."))
    errors: dict[str, list[str]] = {}
    if document not in IdentityCheck.Document.values:
        choices = ", ".join(IdentityCheck.Document.values)
        errors["document"] = [_("Choose one of: %(choices)s.") % {"choices": choices}]
    if not patient.birth_date <= seen_on <= clock.today():
        errors["seen_on"] = [_("A document is seen after the birth and not in the future.")]
    number, country = rules.compact(number), rules.clean_text(country).upper()
    if len(number) > _LONGEST_NUMBER or not number.isprintable():
        errors["number"] = [_("Type at most %(count)d letters and digits.") % {"count": _LONGEST_NUMBER}]
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        errors["country"] = [_("Type the two letters of the country: FR, DE, MA …")]
    if errors:
        raise Invalid(errors)
    return _verify(
        actor, patient_id, version, document=document, document_country=country, seen_on=seen_on, number=number
    )


@transactional(DEFAULT)
def _verify(actor: User, patient_id: UUID, version: int, *, number: str, **values: Any) -> PatientCard:
    _claim(patient_id, version)
    IdentityCheck.objects.filter(patient_id=patient_id, ended_at=None).update(ended_at=clock.now())
    check = IdentityCheck(patient_id=patient_id, checked_by=actor, **values)
    check.number = number
    check.save(force_insert=True)
    Patient.objects.filter(id=patient_id).update(identity_status=IdentityStatus.VERIFIED)
    forget_patient(patient_id)
    return card_of_patient(Patient.objects.get(id=patient_id))


def withdraw_verification(*, actor: User, patient_id: UUID, version: int, because: str) -> PatientCard:
    """Back to provisional. Raises as `save_patient`, and `Conflict` when it is provisional already."""
    access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="unverify")
    if not actor.has_perm("patients.change_patient"):
        raise Refused
    reasons = [IdentityCheck.Ended.MISTAKE.value, IdentityCheck.Ended.DOUBT.value]
    if because not in reasons:
        raise Invalid({"because": [_("Choose one of: %(choices)s.") % {"choices": ", ".join(reasons)}]})
    return _withdraw(actor, patient_id, version, because)


@transactional(DEFAULT)
def _withdraw(actor: User, patient_id: UUID, version: int, because: str) -> PatientCard:
    if _claim(patient_id, version).identity_status != IdentityStatus.VERIFIED:
        raise Conflict(_("This identity is provisional already."))
    _make_provisional(None, patient_id, because)
    forget_patient(patient_id)
    return card_of_patient(Patient.objects.get(id=patient_id))


def _make_provisional(actor: User | None, patient_id: UUID, because: str) -> None:
    """`actor`: writes the entry, where the door was passed for something else."""
    if actor is not None:
        record_access(
            actor=actor,
            patient_id=patient_id,
            action="unverify",
            resource="patient",
            resource_id=patient_id,
            purpose="identity",
            right="permission:patients.change_patient",
        )
    IdentityCheck.objects.filter(patient_id=patient_id, ended_at=None).update(
        ended_at=clock.now(), ended_because=because
    )
    Patient.objects.filter(id=patient_id).update(identity_status=IdentityStatus.PROVISIONAL)


# --- whole numbers ----------------------------------------------------------------------------------------------------
def reveal_identifier(*, actor: User, patient_id: UUID, identifier_id: UUID) -> str:
    """The whole number as it is written, after an entry that says whose and which. Raises `NotFound`, `Refused`."""
    row = PatientIdentifier.objects.filter(id=identifier_id, patient_id=patient_id).first()
    if row is None:
        raise NotFound
    _reveal(actor, patient_id, "identifier", row.id)
    kind, value = rules.KINDS.get(row.kind), str(row.value)
    return kind.write(value) if kind else value


def reveal_member_number(*, actor: User, patient_id: UUID, coverage_id: UUID) -> str:
    """The number by which an insurer knows the patient. Raises as `reveal_identifier`."""
    row = Coverage.objects.filter(id=coverage_id, patient_id=patient_id).first()
    if row is None:
        raise NotFound
    _reveal(actor, patient_id, "coverage", row.id)
    return str(row.member_number)


def _reveal(actor: User, patient_id: UUID, resource: str, row_id: UUID) -> None:
    is_self = Patient.objects.filter(id=patient_id, user=actor).exists()
    access_identity(
        actor=actor,
        patient_id=patient_id,
        purpose="self" if is_self else "identity",
        action="reveal",
        resource=resource,
        resource_id=row_id,
    )
    if not (is_self or actor.has_perm("patients.reveal_identifier")):
        raise Refused
