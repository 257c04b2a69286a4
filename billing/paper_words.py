"""What receipts and statements say, as texts that are ready, in the reader's language. Reads no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats, translation
from django.utils.translation import gettext

from billing import legal, snapshot
from billing.account import Account, Movement
from billing.models import Invoice, Payment
from medisecure.kernel import clock
from medisecure.kernel.formats import format_cents
from patients.interface import PatientCard


def local_day(instant: datetime) -> date:
    return clock.local(instant, ZoneInfo(settings.TIME_ZONE)).date()


def day(value: date) -> str:
    return formats.date_format(value, "j F Y", use_l10n=True)


def receipt_number(invoice: Invoice, payment: Payment) -> str:
    """A name that people can say, of the invoice and of what tells its payments apart."""
    return f"{invoice.number}-{payment.id.hex[-6:].upper()}"


@dataclass(frozen=True, slots=True)
class Use:
    """What a payment paid of an invoice, and what its payer still owed of it afterwards, in cents."""

    invoice: Invoice
    paid_cents: int
    still_owed_cents: int


def receipt(invoice: Invoice, payment: Payment, uses: Sequence[Use]) -> dict[str, Any]:
    """A payment, addressed as the first of the invoices that it paid."""
    frozen: dict[str, Any] = invoice.snapshot or {}
    language = frozen["language"]
    left = payment.amount_cents - sum(use.paid_cents for use in uses)
    with translation.override(language):
        buyer = snapshot.buyer_of(frozen)
        return {
            "language": language,
            "seller": frozen["seller"],
            "number": receipt_number(invoice, payment),
            "to": {"name": buyer["name"], "address": buyer["address"]} if buyer else frozen["patient"],
            "patient": frozen["patient"],
            "amount": format_cents(payment.amount_cents),
            "method": str(payment.get_method_display()),
            "reference": payment.reference,
            "received_on": day(local_day(payment.received_at)),
            "uses": [
                {
                    "number": use.invoice.number,
                    "issued_on": day(snapshot.local_day(use.invoice)),
                    "paid": format_cents(use.paid_cents),
                    "still_owed": format_cents(use.still_owed_cents),
                }
                for use in uses
            ],
            "kept": format_cents(left) if left else "",
        }


def statement(patient: PatientCard, found: Account, first: date, last: date, made_on: date) -> dict[str, Any]:
    """A patient's account over a period."""
    language = legal.language_of(patient.language)
    with translation.override(language):
        balance, rows = found.opening, []
        for movement in found.movements:
            balance += movement.cents
            rows.append(_row(movement, balance))
        return {
            "language": language,
            "seller": dict(legal.seller()),
            "patient": {
                "name": patient.full_name,
                "record_number": patient.record_number,
                "address": list(patient.address_lines),
            },
            "first": day(first),
            "last": day(last),
            "made_on": day(made_on),
            "opening": format_cents(found.opening),
            "rows": rows,
            "charged": format_cents(_sum(found.movements, 1)),
            "paid": format_cents(_sum(found.movements, -1)),
            "closing": format_cents(abs(found.closing)),
            "owed": found.closing > 0,
            "in_favour": found.closing < 0,
        }


def _sum(movements: Sequence[Movement], sign: int) -> int:
    return sum(sign * row.cents for row in movements if sign * row.cents > 0)


def _row(movement: Movement, balance: int) -> dict[str, str]:
    labels = {
        "invoice": gettext("Invoice"),
        "credit_note": gettext("Credit note"),
        "payment": gettext("Payment"),
        "refund": gettext("Refund"),
        "write_off": gettext("Written off"),
    }
    label = labels[movement.kind]
    if movement.method:
        label = f"{label} · {dict(Payment.Method.choices)[Payment.Method(movement.method)]}"
    return {
        "day": formats.date_format(movement.day, "j M Y"),
        "label": label,
        "reference": movement.reference,
        "charged": format_cents(movement.cents) if movement.cents > 0 else "",
        "paid": format_cents(-movement.cents) if movement.cents <= 0 else "",
        "balance": format_cents(balance),
    }
