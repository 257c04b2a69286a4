"""People: Patient, Practitioner, PractitionerRole, and Coverage."""

from __future__ import annotations

import re
from typing import Final

from medisecure.ops.fhir.mapping.identifiers import identifiers
from medisecure.ops.fhir.mapping.shared import Mapped, dates
from medisecure.ops.fhir.values import Node
from patients.interface import IncomingCoverage, IncomingPatient, IncomingPractitioner, IncomingSpecialty

#: R4 value sets with a required binding.
_GENDER: Final = ("male", "female", "other", "unknown")
_COVERAGE: Final = ("active", "cancelled", "draft", "entered-in-error")


def patient(node: Node, source_id: str) -> list[Mapped]:
    family, given, used = _names(node)
    birth, precision = node.day("birthDate")
    died = node.when("deceasedDateTime")
    if birth and died.at and died.precision == "instant" and died.at.date() < birth:
        raise node.refuse("deceasedDateTime", "is before birthDate")
    contact = {kind: _telecom(node, kind) for kind in ("phone", "email")}
    address = next(iter(sorted(node.nodes("address"), key=lambda item: item.text("use") == "old")), None)
    language = next((item.concept("language").code for item in node.nodes("communication")), "")
    return [
        IncomingPatient(
            source_id=source_id,
            family_name=family,
            given_names=given,
            used_name=used,
            birth_date=birth,
            birth_precision=precision,
            deceased=died.at is not None or node.boolean("deceasedBoolean", False),
            deceased_at=died.at,
            sex=node.code("gender", _GENDER) or "unknown",
            address_line=", ".join(address.texts("line")) if address else "",
            postal_code=address.text("postalCode") if address else "",
            city=address.text("city") if address else "",
            region=address.text("state") if address else "",
            country=address.text("country") if address else "",
            language=language or "fr",
            active=node.boolean("active", True),
            **contact,
        ),
        *identifiers(node, source_id),
    ]


def _names(node: Node) -> tuple[str, str, str]:
    """(birth name, given names, used name when it is another). FHIR calls the birth name of the married `maiden`."""
    names = node.nodes("name")
    if not names:
        raise node.refuse("name", "is missing")
    by_use = {item.text("use"): item for item in reversed(names)}
    main = by_use.get("official") or by_use.get("usual") or names[0]
    family = main.text("family")
    given = " ".join(main.texts("given"))
    if not family and not given:
        # R4 Patient.name may be text alone; it cannot be taken apart, so it stands as the family name.
        family = main.text("text", required=True)
    born = by_use["maiden"].text("family") if "maiden" in by_use else ""
    if born and born != family:
        return born, given, family
    return family or given, given if family else "", ""


def _telecom(node: Node, system: str) -> str:
    found = [item for item in node.nodes("telecom") if item.text("system") == system and item.text("use") != "old"]
    return found[0].text("value") if found else ""


def practitioner(node: Node, source_id: str) -> list[Mapped]:
    names = node.nodes("name")
    parts = [*names[0].texts("prefix"), *names[0].texts("given"), names[0].text("family")] if names else []
    identifier = next(iter(node.nodes("identifier")), None)
    name = " ".join(part for part in parts if part) or (names[0].text("text") if names else "")
    if not name:
        raise node.refuse("name", "is missing")
    return [
        IncomingPractitioner(
            source_id=source_id,
            full_name=name,
            identifier=identifier.text("value") if identifier else "",
            identifier_system=identifier.text("system") if identifier else "",
            active=node.boolean("active", True),
        )
    ]


def role(node: Node, source_id: str) -> list[Mapped]:
    specialties = node.concepts("specialty") or node.concepts("code")
    practitioner = node.reference("practitioner")
    if not specialties or not practitioner:
        return []
    first = specialties[0]
    # A specialty that has only a text gets a code made of it, so that practitioners can be listed by it.
    code = first.code or re.sub(r"[^a-z0-9]+", "-", first.display.casefold()).strip("-")
    return [
        IncomingSpecialty(
            source_id=source_id, practitioner=practitioner, specialty=code, specialty_label=first.display or first.code
        )
    ]


def coverage(node: Node, source_id: str) -> list[Mapped]:
    plan = next(
        (item for item in node.nodes("class") if item.concept("type").code == "plan"),
        next(iter(node.nodes("class")), None),
    )
    payers = [text for item in node.nodes("payor") if (text := item.text("display") or item.text("reference"))]
    kind = node.concept("type")
    return [
        IncomingCoverage(
            source_id=source_id,
            patient=node.reference("beneficiary", required=True),
            status=node.code("status", _COVERAGE, required=True),
            code=kind.code,
            code_system=kind.system,
            other_codings=kind.other_codings(),
            display=(plan.text("name") if plan else "") or kind.display,
            plan_code=plan.text("value") if plan else "",
            payer="; ".join(payers),
            member_number=node.text("subscriberId"),
            **dates(*node.period("period")),
        )
    ]
