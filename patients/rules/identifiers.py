"""Numbers by which the world outside knows a patient: how each is written, checked and hidden.

A country's number is one more `register_kind`. `read` gives the one spelling that is stored and compared, or raises
`Fault` with the name of the rule that was broken. A number that is right belongs to somebody; it does not say to whom:
that is what `doubts` and the verified identity are for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from stdnum.es import nie
from stdnum.exceptions import ValidationError
from stdnum.fr import nir
from stdnum.gb import nhs

LONGEST_IDENTIFIER: Final = 64
SHORTEST_IDENTIFIER: Final = 4
NIR: Final = "fr-nir"
PASSPORT: Final = "passport"
OTHER: Final = "other"


class Fault(ValueError):
    """`rule` names what is wrong; the sentence for it is in patients/services/wording.py."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(rule)


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a person that a number may speak of too."""

    sex: str = "unknown"
    birth_date: date | None = None
    birth_precision: str = "day"


def _no_doubts(value: str, traits: Traits) -> tuple[str, ...]:
    return ()


def _as_is(value: str) -> str:
    return value


@dataclass(frozen=True, slots=True)
class IdentifierKind:
    code: str
    read: Callable[[str], str]
    #: ISO 3166-1 alpha-2 of the country that gives it; "" when it has to be said with each number.
    country: str = ""
    #: FHIR Identifier.system
    system: str = ""
    #: True when the number means nothing without the country, or without the name of who gives it.
    needs_country: bool = False
    needs_system: bool = False
    #: What of the traits does not agree: "sex", "birth".
    doubts: Callable[[str, Traits], tuple[str, ...]] = _no_doubts
    write: Callable[[str], str] = _as_is


KINDS: dict[str, IdentifierKind] = {}


def register_kind(kind: IdentifierKind) -> None:
    """Raises ValueError for a code that is taken."""
    if kind.code in KINDS:
        raise ValueError(f"identifier kind {kind.code!r} is registered already")
    KINDS[kind.code] = kind


def compact(text: str) -> str:
    """Capital letters and digits of one width, without what separates them."""
    return re.sub(r"[\s.\-/\u2010-\u2015\u00a0\u202f]", "", unicodedata.normalize("NFKC", text)).upper()


def masked(value: str) -> str:
    """All but the last three characters hidden; a short value whole."""
    hidden = len(value) - 3 if len(value) > SHORTEST_IDENTIFIER else len(value)
    return "•" * hidden + value[hidden:]


def search_candidates(text: str) -> list[tuple[str, str]]:
    """(kind, value as stored) of each kind of number that the text may be."""
    found = []
    if any(char.isdigit() for char in text):
        for kind in KINDS.values():
            try:
                found.append((kind.code, kind.read(text)))
            except Fault:
                continue
    return found


# --- France: NIR (décret 46-1432 and the INSEE's rules), with the traits that the INS looks at ------------------------
_NIR: Final = re.compile(r"[1-478]\d{4}(?:\d{2}|2A|2B)\d{6}")
#: 01 to 12; what else is there stands for a month that was not known (INSEE).
_NIR_MONTHS: Final = frozenset((*range(1, 13), *range(20, 43), *range(50, 100)))
_MALE, _FEMALE = "137", "248"


def read_nir(text: str) -> str:
    """The 15 characters of a NIR of which 13 or 15 were typed."""
    number = compact(text)
    if len(number) not in (13, 15):
        raise Fault("nir-length")
    if not _NIR.fullmatch(number[:13]) or not re.fullmatch(r"\d*", number[13:]):
        raise Fault("nir-characters")
    if int(number[3:5]) not in _NIR_MONTHS:
        raise Fault("nir-month")
    key = str(nir.calc_check_digits(number[:13]))
    if len(number) == 15 and number[13:] != key:
        raise Fault("nir-key")
    return number[:13] + key


def nir_doubts(number: str, traits: Traits) -> tuple[str, ...]:
    """A NIR begins with the sex, year and month of birth. They may differ from the person's with good reason (a change
    of sex in the civil register, a foreign birth that was corrected): somebody has to look."""
    found = []
    if (number[0] in _MALE and traits.sex == "female") or (number[0] in _FEMALE and traits.sex == "male"):
        found.append("sex")
    if traits.birth_date is not None:
        month = int(number[3:5])
        wrong_year = int(number[1:3]) != traits.birth_date.year % 100
        month_known = month <= 12 and traits.birth_precision != "year"
        if wrong_year or (month_known and month != traits.birth_date.month):
            found.append("birth")
    return tuple(found)


# --- elsewhere --------------------------------------------------------------------------------------------------------
def _by_library(validate: Callable[[str], str], rule: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            return validate(compact(text))
        except ValidationError:
            raise Fault(rule) from None

    return read


def read_ssn(text: str) -> str:
    """Form alone: since 2011 neither area nor group says anything (SSA), and invented ones begin with 9."""
    number = compact(text)
    if not re.fullmatch(r"\d{9}", number):
        raise Fault("us-ssn")
    return number


def read_passport(text: str) -> str:
    number = compact(text)
    if not re.fullmatch(r"[A-Z0-9]{5,20}", number):
        raise Fault("passport")
    return number


def read_free(text: str) -> str:
    number = compact(text)
    if not SHORTEST_IDENTIFIER <= len(number) <= LONGEST_IDENTIFIER:
        raise Fault("length")
    if not any(char.isalnum() for char in number) or not number.isprintable():
        raise Fault("characters")
    return number


for _kind in (
    IdentifierKind(NIR, read_nir, "FR", "urn:oid:1.2.250.1.213.1.4.8", doubts=nir_doubts, write=nir.format),
    IdentifierKind(
        "gb-nhs", _by_library(nhs.validate, "gb-nhs"), "GB", "https://fhir.nhs.uk/Id/nhs-number", write=nhs.format
    ),
    IdentifierKind("es-nie", _by_library(nie.validate, "es-nie"), "ES", "urn:oid:1.3.6.1.4.1.19126.4"),
    IdentifierKind("us-ssn", read_ssn, "US", "http://hl7.org/fhir/sid/us-ssn"),
    IdentifierKind(PASSPORT, read_passport, needs_country=True),
    IdentifierKind(OTHER, read_free, needs_system=True),
):
    register_kind(_kind)
