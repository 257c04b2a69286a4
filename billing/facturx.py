"""The invoice to a business as Factur-X: EN 16931 as XML (Cross Industry Invoice), made from what was frozen.

The business terms (BT-…) and groups (BG-…) are those of EN 16931-1. The library writes the XML in the order of the
schema and checks it against the schema of the profile; `tests/billing/test_facturx.py` checks the rules too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from billing import buyer_rules, rules, snapshot
from billing.models import Invoice, InvoiceItem
from medisecure.kernel.money import to_decimal

FILE_NAME: Final = "factur-x.xml"
PROFILE: Final = "EN 16931"
_INVOICE, _CREDIT_NOTE = "380", "381"  # UNTDID 1001
_PIECE: Final = "C62"  # UN/ECE recommendation 20: one
_SEPA_TRANSFER: Final = "58"  # UNTDID 4461
_SIREN, _SIRET = "0002", "0009"  # ISO 6523
#: Directive 2006/112/EC, art. 132(1)(c): care by the medical professions; CGI art. 261-4-1°.
_REASON_CODES: Final = {rules.Exemption.CARE.value: "VATEX-EU-132-1C"}
_POSTCODE_CITY: Final = re.compile(r"(\d{5})\s+(.+)")


def xml_of(invoice: Invoice, items: Sequence[InvoiceItem]) -> bytes:
    """The XML of an invoice or credit note to a business. Raises ValueError for one that is not to a business, and the
    library's own error when what was made does not fit the schema."""
    # Half a second to read, for workers alone.
    from facturx import generate_cii_xml

    frozen: dict[str, Any] = invoice.snapshot or {}
    if not frozen.get("bill_to"):
        raise ValueError("not to a business")
    # The rules of the standard are checked by tests, which have a processor for them; asked here, the library would
    # send the invoice to a server.
    content: bytes = generate_cii_xml(_terms(invoice, items, frozen), level="en16931", check_schematron=False)
    return content


def _terms(invoice: Invoice, items: Sequence[InvoiceItem], frozen: dict[str, Any]) -> dict[str, Any]:
    buyer, seller = buyer_rules.read(frozen["bill_to"]), frozen["seller"]
    credit_note = invoice.kind == Invoice.Kind.CREDIT_NOTE
    computed = rules.totals([snapshot.line_of(item) for item in items])
    # What insurers pay of it is asked of them.
    prepaid = sum(row["amount_cents"] for row in frozen.get("payers", ()) if row["payer"] != rules.Payer.PATIENT)
    terms: dict[str, Any] = {
        "BT-1": invoice.number,
        "BT-2": snapshot.local_day(invoice),
        "BT-3": _CREDIT_NOTE if credit_note else _INVOICE,
        "BT-5": invoice.currency,
        "BT-10": buyer.reference,
        "BT-20": " ".join(frozen["terms"]),
        "BG-1": [{"BT-21": code, "BT-22": text} for code, text in frozen.get("notes", {}).items()],
        "BG-4": _seller(seller),
        "BG-7": _buyer(buyer),
        "BG-25": [_line(item) for item in items],
        "BG-23": [_vat(group, frozen["mentions"]) for group in computed.groups],
        "BT-106": _amount(invoice.net_cents),
        "BT-109": _amount(invoice.net_cents),
        "BT-110": _amount(invoice.vat_cents),
        "BT-112": _amount(invoice.total_cents),
        "BT-113": _amount(prepaid),
        "BT-115": _amount(invoice.total_cents - prepaid),
    }
    if invoice.service_date is not None:
        terms["BT-72"] = invoice.service_date
    if credit_note:
        # BR-55: what it corrects is named.
        terms["BG-3"] = [{"BT-25": frozen["credited"]["number"], "BT-26": frozen["credited"]["issued_on"]}]
    else:
        terms |= {
            "BT-9": invoice.due_date,
            "BT-81": _SEPA_TRANSFER,
            "BT-83": invoice.number,
            "BT-84": _packed(seller["iban"]),
            "BT-86": _packed(seller["bic"]),
        }
    return terms


def _amount(cents: int) -> str:
    return f"{to_decimal(cents):.2f}"


def _packed(text: str) -> str:
    return re.sub(r"[\s.]", "", text)


def _seller(seller: dict[str, Any]) -> dict[str, Any]:
    """Its address is lines for people: the one with a postal code names the town, those before it the street."""
    street: list[str] = []
    postcode = city = ""
    for line in seller["lines"]:
        if found := _POSTCODE_CITY.match(line):
            postcode, city = found.groups()
            break
        street.append(line)
    street = [*street, "", "", ""][:3]
    siret = _packed(seller["siret"])
    return {
        "name": seller["name"],
        "identifiers": {_SIRET: siret},
        "legal_identifier": siret[:9],
        "legal_identifier_schemeid": _SIREN,
        "vat_identifier": _packed(seller["vat_number"]),
        "addr_l1": street[0],
        "addr_l2": street[1],
        "addr_l3": street[2],
        "postcode": postcode,
        "city": city,
        "country_code": "FR",
        "contacts": [{"name": seller["name"], "phone": seller["phone"], "email": seller["email"]}],
    }


def _buyer(buyer: buyer_rules.BusinessBuyer) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if buyer.registration:
        named = {"legal_identifier": buyer.siren, "legal_identifier_schemeid": _SIREN}
        if len(buyer.registration) == 14:
            named["identifiers"] = {_SIRET: buyer.registration}
    return {
        "name": buyer.name,
        "vat_identifier": buyer.vat_number,
        "addr_l1": buyer.line1,
        "addr_l2": buyer.line2,
        "postcode": buyer.postcode,
        "city": buyer.city,
        "country_code": buyer.country,
        **named,
    }


def _category(rate: int) -> str:
    return "S" if rate else "E"


def _rate(rate: int) -> str:
    return f"{Decimal(rate).scaleb(-2):.2f}"


def _line(item: InvoiceItem) -> dict[str, Any]:
    line: dict[str, Any] = {
        "BT-126": str(item.position + 1),
        "BT-129": f"{item.quantity.normalize():f}",
        "BT-130": _PIECE,
        "BT-131": _amount(item.net_cents),
        "BT-146": _amount(item.unit_price_cents),
        "BT-151": _category(item.vat_rate),
        "BT-152": _rate(item.vat_rate),
        "BT-153": item.label,
        "BT-155": item.code,
    }
    if item.discount_cents:
        line["BG-27"] = [{"amount": _amount(item.discount_cents), "reason": "Remise"}]
    return line


def _vat(group: rules.VatGroup, mentions: dict[str, str]) -> dict[str, Any]:
    row = {
        "BT-116": _amount(group.amounts.net_cents),
        "BT-117": _amount(group.amounts.vat_cents),
        "BT-118": _category(group.vat_rate),
        "BT-119": _rate(group.vat_rate),
    }
    if group.exemption:
        row |= {"BT-120": mentions[group.exemption], "BT-121": _REASON_CODES[group.exemption]}
    return row
