"""Code systems by name, and whether a code can be one of theirs. No content of a terminology is kept here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from stdnum import luhn, verhoeff

ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
LOINC: Final = "http://loinc.org"
SNOMED_CT: Final = "http://snomed.info/sct"
ATC: Final = "http://www.whocc.no/atc"
CVX: Final = "http://hl7.org/fhir/sid/cvx"


@dataclass(frozen=True, slots=True)
class System:
    url: str
    name: str
    pattern: re.Pattern[str]
    example: str


SYSTEMS: Final = {
    system.url: system
    for system in (
        System(ICD10, "ICD-10", re.compile(r"[A-Z][0-9]{2}(\.[0-9]{1,4})?[+*]?"), "E11.9"),
        System(ATC, "ATC", re.compile(r"[A-DGHJLMNPRSV]([0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?)?"), "A10BA02"),
        System(LOINC, "LOINC", re.compile(r"[0-9]{1,7}-[0-9]"), "8867-4"),
        System(SNOMED_CT, "SNOMED CT", re.compile(r"[0-9]{6,18}"), "38341003"),
        System(CVX, "CVX", re.compile(r"[0-9]{1,3}"), "140"),
    )
}


def clean_code(code: str) -> str:
    """As the systems write them: no blanks, capitals."""
    return "".join(code.split()).upper()


def possible_code(system: str, code: str) -> bool:
    """Whether `code` has the form, and the check digit, of its system. A system that is not known here takes any."""
    known = SYSTEMS.get(system)
    if known is None:
        return True
    if known.pattern.fullmatch(code) is None:
        return False
    if system == LOINC:
        return bool(luhn.is_valid(code.replace("-", "")))
    # SNOMED CT's release file specification, section 5: the last digit checks the others (Verhoeff).
    return system != SNOMED_CT or bool(verhoeff.is_valid(code))
