"""What a request says about a patient, as the services take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from patients import services
from patients.models import Patient

#: Fields of a request that belong to the details.
DETAILS: Final = frozenset({"primary_practitioner_id", "identifiers", "end_identifiers", "contacts", "insurers"})


def chosen(values: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    """Those of the values that are fields of the dataclass."""
    return {field.name: values[field.name] for field in fields(kind) if field.name in values}


def changed(patient: Patient, values: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    """The dataclass's fields as they are to be; empty when the request says nothing about them."""
    sent = chosen(values, kind)
    return {field.name: getattr(patient, field.name) for field in fields(kind)} | sent if sent else {}


def details_of(values: Mapping[str, Any]) -> services.Details:
    """What was not sent stays as it is."""
    lists: dict[str, Any] = {}
    for name, entry in (("contacts", services.ContactEntry), ("insurers", services.InsurerEntry)):
        if name in values:
            lists[name] = [entry(**item) for item in values[name]]
    return services.Details(
        keep_practitioner="primary_practitioner_id" not in values,
        practitioner_id=values.get("primary_practitioner_id"),
        new_identifiers=[services.NewIdentifier(**item) for item in values.get("identifiers", ())],
        end_identifiers=values.get("end_identifiers", ()),
        **lists,
    )
