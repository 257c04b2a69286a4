"""What a business that pays must be known by: pure Python, no database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from stdnum.eu import vat
from stdnum.fr import siren, siret

_POSTCODE: Final = re.compile(r"[0-9A-Z][0-9A-Z \-]{1,14}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_LONGEST: Final[Mapping[str, int]] = {
    "name": 200,
    "registration": 14,
    "vat_number": 20,
    "line1": 100,
    "line2": 100,
    "postcode": 16,
    "city": 100,
    "country": 2,
    "reference": 100,
}


@dataclass(frozen=True, slots=True)
class BusinessBuyer:
    """A business to which an invoice is made out, instead of to the patient.

    `registration` is its SIREN or SIRET (French businesses), `vat_number` its VAT number, empty when it has none.
    """

    name: str
    registration: str = ""
    vat_number: str = ""
    line1: str = ""
    line2: str = ""
    postcode: str = ""
    city: str = ""
    country: str = "FR"
    #: What the buyer wants to read on the invoice: an order, a file, a service code.
    reference: str = ""
    #: Which of the above were wrong as they came; not kept.
    faults: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def siren(self) -> str:
        return self.registration[:9]

    @property
    def address_lines(self) -> list[str]:
        return [line for line in (self.line1, self.line2, f"{self.postcode} {self.city}".strip()) if line] + (
            [] if self.country == "FR" else [self.country]
        )

    def kept(self) -> dict[str, str]:
        """As it is stored and frozen."""
        values = asdict(self)
        values.pop("faults")
        return values


def read(values: Mapping[str, Any]) -> BusinessBuyer:
    """The buyer as it was kept."""
    names = {one.name for one in fields(BusinessBuyer)} - {"faults"}
    kept: dict[str, Any] = {name: str(values.get(name, "")) for name in names}
    return BusinessBuyer(**kept)


def clean(values: Mapping[str, str]) -> BusinessBuyer:
    """The buyer as people typed it, tidied, with what is wrong in `faults`.

    Codes: missing, too-long, not-printable, not-siren, not-vat, not-postcode, not-country.
    """
    text = {name: " ".join(str(values.get(name, "")).split()) for name in _LONGEST}
    for name in ("registration", "vat_number"):
        text[name] = re.sub(r"[\s.\-]", "", text[name]).upper()
    text["country"] = text["country"].upper() or "FR"
    text["postcode"] = text["postcode"].upper()
    faults: dict[str, str] = {}
    for name, longest in _LONGEST.items():
        if not text[name].isprintable():
            faults[name] = "not-printable"
        elif len(text[name]) > longest:
            faults[name] = "too-long"
    for name in ("name", "line1", "postcode", "city"):
        if not text[name]:
            faults[name] = "missing"
    if not _COUNTRY.fullmatch(text["country"]):
        faults["country"] = "not-country"
    if text["postcode"] and not _POSTCODE.fullmatch(text["postcode"]):
        faults["postcode"] = "not-postcode"
    if text["country"] == "FR":
        # Code de commerce R123-237: a French business is named by its number.
        if not text["registration"]:
            faults["registration"] = "missing"
        elif not (siren.is_valid(text["registration"]) or siret.is_valid(text["registration"])):
            faults["registration"] = "not-siren"
    if text["vat_number"] and not vat.is_valid(text["vat_number"]):
        faults["vat_number"] = "not-vat"
    return replace(read(text), faults=faults)
