"""What people type about people, checked field by field before it is stored."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid
from patients import rules
from patients.models import Patient, Practitioner
from patients.models.people import Sex


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
    #: None is refused: it stands for what an import did not know.
    birth_date: date | None
    sex: str = Sex.UNKNOWN
    used_name: str = ""
    birth_place: str = ""
    birth_place_code: str = ""


def check_identity(identity: Identity) -> dict[str, Any]:
    """The values to store. Raises `Invalid` with every field that cannot be true."""
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {
        "family_name": clean_name(errors, "family_name", identity.family_name, required=True),
        "given_names": clean_name(errors, "given_names", identity.given_names, required=True),
        "used_name": clean_name(errors, "used_name", identity.used_name, required=False),
        "birth_date": identity.birth_date,
        "sex": identity.sex,
        "birth_place": clean_field(errors, Patient, "birth_place", identity.birth_place),
        "birth_place_code": identity.birth_place_code.strip().upper(),
    }
    if values["birth_place_code"] and not rules.is_place_code(values["birth_place_code"]):
        errors["birth_place_code"] = [_("INSEE’s code of a place has five characters: 75056, 2A004, 99350.")]
    if identity.birth_date is None:
        errors["birth_date"] = [_("This field is required.")]
    elif not rules.possible_birth(identity.birth_date, clock.today()):
        errors["birth_date"] = [_("Enter a date of birth that is not in the future and not before 1850.")]
    if identity.sex not in Sex.values:
        errors["sex"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(Sex.values)}]
    if errors:
        raise Invalid(errors)
    return values


def check_contact(contact: Contact) -> dict[str, Any]:
    """The values to store. Raises `Invalid`."""
    errors: dict[str, list[str]] = {}
    values = {
        field.name: clean_field(errors, Patient, field.name, getattr(contact, field.name)) for field in fields(contact)
    }
    values["phone_key"] = rules.phone_key(values["phone"])
    if values["email"]:
        try:
            validate_email(values["email"])
        except ValidationError:
            errors["email"] = [_("Enter a valid email address.")]
    if errors:
        raise Invalid(errors)
    return values


def clean_name(errors: dict[str, list[str]], field: str, text: str, *, required: bool) -> str:
    model = Practitioner if field == "full_name" else Patient
    name = clean_field(errors, model, field, text)
    if field in errors:
        return name
    if required and not name:
        errors[field] = [_("This field is required.")]
    elif name and not rules.has_letter(name):
        errors[field] = [_("A name has at least one letter.")]
    return name


def clean_field(errors: dict[str, list[str]], model: type[Patient | Practitioner], field: str, text: str) -> str:
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
