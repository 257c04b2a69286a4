"""A patient's account: what was charged to them and what they paid, in the order in which it happened.

What an insurer or a business bears is theirs and stands in nobody's account here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from billing.models import Invoice, InvoiceShare, Payment, Refund, WriteOff
from billing.rules import Payer
from medisecure.kernel import clock


@dataclass(frozen=True, slots=True)
class Movement:
    """`cents` above zero is charged, below zero is paid or taken back. `kind`: invoice, credit_note,
    payment, refund, write_off."""

    at: datetime
    kind: str
    reference: str
    method: str
    cents: int

    @property
    def day(self) -> date:
        return clock.local(self.at, ZoneInfo(settings.TIME_ZONE)).date()


@dataclass(frozen=True, slots=True)
class Account:
    """The movements of a period, and what was owed before and after it, in cents; below zero: too much was paid."""

    opening: int
    movements: Sequence[Movement]
    closing: int


def _charged(patient_ids: Iterable[UUID]) -> Iterable[Movement]:
    shares = InvoiceShare.objects.filter(
        payer=Payer.PATIENT.value, invoice__patient_id__in=patient_ids, invoice__buyer=None
    ).select_related("invoice")
    for share in shares:
        row = share.invoice
        if row.is_issued and row.issued_at is not None:
            sign = -1 if row.kind == Invoice.Kind.CREDIT_NOTE else 1
            yield Movement(row.issued_at, row.kind, row.number or "", "", sign * share.amount_cents)


def _paid(patient_ids: Iterable[UUID]) -> Iterable[Movement]:
    own = Q(payer=Payer.PATIENT.value, patient_id__in=patient_ids) & (Q(invoice=None) | Q(invoice__buyer=None))
    for row in Payment.objects.filter(own).select_related("invoice"):
        yield Movement(row.received_at, "payment", _number(row.invoice), row.method, -row.amount_cents)
    back = Q(payment__payer=Payer.PATIENT.value, payment__patient_id__in=patient_ids)
    back &= Q(payment__invoice=None) | Q(payment__invoice__buyer=None)
    for given in Refund.objects.filter(back).select_related("payment__invoice"):
        yield Movement(given.made_at, "refund", _number(given.payment.invoice), given.method, given.amount_cents)


def _given_up(patient_ids: Iterable[UUID]) -> Iterable[Movement]:
    rows = WriteOff.objects.filter(
        share__payer=Payer.PATIENT.value, invoice__patient_id__in=patient_ids, invoice__buyer=None
    ).select_related("invoice")
    for row in rows:
        yield Movement(row.made_at, "write_off", _number(row.invoice), "", -row.amount_cents)


def _number(invoice: Invoice | None) -> str:
    return (invoice.number if invoice else "") or ""


def account(patient_ids: Iterable[UUID], first: date, last: date) -> Account:
    """The account of one person, under whichever ids, from one day to another, both included."""
    ids = list(patient_ids)
    found = [*_charged(ids), *_paid(ids), *_given_up(ids)]
    everything = sorted(found, key=lambda row: (row.at, row.kind != "invoice", row.kind, row.reference))
    opening = sum(row.cents for row in everything if row.day < first)
    within = [row for row in everything if first <= row.day <= last]
    return Account(opening, within, opening + sum(row.cents for row in within))
