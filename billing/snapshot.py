"""What an invoice freezes when it is issued, and what its paper prints. Nothing here reads a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats, translation

from billing import legal, rules
from billing.buyer_rules import BusinessBuyer
from billing.buyer_rules import read as read_buyer
from billing.models import Invoice, InvoiceItem, InvoiceShare
from medisecure.kernel import clock
from medisecure.kernel.formats import format_cents
from patients.interface import PatientCard, PractitionerCard


def take(
    *,
    patient: PatientCard,
    practitioner: PractitionerCard | None,
    lines: Sequence[rules.Line],
    shares: Sequence[InvoiceShare] = (),
    credited: Invoice | None = None,
    bill_to: BusinessBuyer | None = None,
) -> dict[str, Any]:
    """The JSON that stays with the invoice for good: people, seller, mentions and terms, in the patient's language."""
    language = legal.language_of(patient.language)
    reasons = sorted({line.exemption for line in lines if line.exemption})
    terms = legal.CREDIT_TERMS if credited else legal.BUSINESS_TERMS if bill_to else legal.TERMS
    frozen: dict[str, Any] = {
        "language": language,
        "seller": dict(legal.seller()),
        "patient": {
            "name": patient.full_name,
            "record_number": patient.record_number,
            "address": list(patient.address_lines),
        },
        "practitioner": practitioner.full_name if practitioner else "",
        "mentions": {reason: legal.EXEMPTION_MENTIONS[reason][language] for reason in reasons},
        **_payers(shares),
        "terms": list(terms[language]),
        "credited": {
            "number": credited.number,
            "issued_on": local_day(credited).isoformat(),
            "paid_cents": credited.paid_cents,
        }
        if credited
        else None,
    }
    if bill_to is not None:
        # Only then, so that the others are what they were before there were businesses.
        frozen["bill_to"] = bill_to.kept()
        frozen["notes"] = {code: texts[language] for code, texts in legal.BUSINESS_NOTES.items()}
    return frozen


def _payers(shares: Sequence[InvoiceShare]) -> dict[str, Any]:
    """Who pays what, when it is not the patient alone."""
    if all(share.payer == rules.Payer.PATIENT for share in shares):
        return {}
    return {
        "payers": [
            {
                "payer": share.payer,
                "insurer": share.insurer,
                "third_party": share.third_party,
                "covered_cents": share.covered_cents,
                "amount_cents": share.amount_cents,
            }
            for share in shares
        ]
    }


def local_day(invoice: Invoice) -> date:
    """The day of issue on the hospital's wall clock: the one that the paper shows and the year belongs to."""
    if invoice.issued_at is None:
        raise ValueError("a draft has no day of issue")
    return clock.local(invoice.issued_at, ZoneInfo(settings.TIME_ZONE)).date()


def line_of(item: InvoiceItem) -> rules.Line:
    return rules.Line(
        item.code,
        item.label,
        item.quantity,
        item.unit_price_cents,
        item.vat_rate,
        item.exemption,
        item.discount_rate,
        # With a rate the amount follows from it.
        0 if item.discount_rate else item.discount_cents,
        item.mandatory_rate,
        item.complementary_rate,
    )


def paper(invoice: Invoice, items: Sequence[InvoiceItem]) -> dict[str, Any]:
    """What `templates/pdf/invoice.typ` prints: texts that are ready, in the invoice's own language."""
    frozen: dict[str, Any] = invoice.snapshot or {}
    with translation.override(frozen["language"]):
        computed = rules.totals([line_of(item) for item in items])
        credited = frozen["credited"]
        return {
            "language": frozen["language"],
            "credit_note": invoice.kind == Invoice.Kind.CREDIT_NOTE,
            "number": invoice.number,
            "issued_on": _day(local_day(invoice)),
            "due_date": _day(invoice.due_date),
            "service_date": _day(invoice.service_date),
            "reason": invoice.reason,
            "seller": frozen["seller"],
            "patient": frozen["patient"],
            "bill_to": buyer_of(frozen),
            "notes": list(frozen.get("notes", {}).values()),
            "practitioner": frozen["practitioner"],
            "mentions": [frozen["mentions"][reason] for reason in sorted(frozen["mentions"])],
            "terms": frozen["terms"],
            "credited": {
                "number": credited["number"],
                "issued_on": _day(date.fromisoformat(credited["issued_on"])),
                "paid": format_cents(credited["paid_cents"]) if credited["paid_cents"] else "",
            }
            if credited
            else None,
            "lines": [
                {
                    "code": item.code,
                    "label": item.label,
                    "quantity": _figure(item.quantity.normalize()),
                    "unit_price": format_cents(item.unit_price_cents),
                    "vat": _percent(item.vat_rate),
                    "discount": format_cents(item.discount_cents) if item.discount_cents else "",
                    "discount_rate": _percent(item.discount_rate),
                    "net": format_cents(item.net_cents),
                }
                for item in items
            ],
            "vat": [
                {
                    "rate": _percent(group.vat_rate),
                    "reason": frozen["mentions"].get(group.exemption, ""),
                    "net": format_cents(group.amounts.net_cents),
                    "vat": format_cents(group.amounts.vat_cents),
                }
                for group in computed.groups
            ],
            "payers": [
                {
                    "payer": row["payer"],
                    "insurer": row["insurer"],
                    "third_party": row["third_party"],
                    "covered": format_cents(row["covered_cents"]),
                    "amount": format_cents(row["amount_cents"]),
                }
                for row in frozen.get("payers", [])
            ],
            "net": format_cents(invoice.net_cents),
            "vat_total": format_cents(invoice.vat_cents),
            "total": format_cents(invoice.total_cents),
        }


def buyer_of(frozen: dict[str, Any]) -> dict[str, Any] | None:
    """The business that an issued invoice is made out to, with its address as lines; None when it is the patient."""
    kept: dict[str, str] | None = frozen.get("bill_to")
    if kept is None:
        return None
    buyer = read_buyer(kept)
    return {**kept, "siren": buyer.siren, "address": buyer.address_lines}


def _day(day: date | None) -> str:
    return formats.date_format(day, "j F Y", use_l10n=True) if day else ""


def _figure(value: Any) -> str:
    return str(formats.number_format(f"{value:f}", use_l10n=True))


def _percent(basis_points: int) -> str:
    """2000 → "20 %", 550 → "5,5 %"; nothing for a line without VAT."""
    if not basis_points:
        return ""
    return f"{_figure(Decimal(basis_points).scaleb(-2).normalize())}\N{NARROW NO-BREAK SPACE}%"
