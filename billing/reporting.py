"""Figures on money, for reports: sums, never a patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, IntegerField, QuerySet, Sum, Value, When

from billing import selectors
from billing.models import Allocation, Invoice, Payment, Refund, WriteOff
from medisecure.accounts.models import User
from medisecure.kernel.errors import Refused

#: Instants from the first up to, not including, the second; one after the other.
Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Invoiced:
    """What was issued in one stretch (its place in the sequence) of one practitioner's care, in cents."""

    stretch: int
    practitioner_id: UUID | None
    #: "invoice" or "credit_note"
    kind: str
    number: int
    net_cents: int
    vat_cents: int
    total_cents: int


@dataclass(frozen=True, slots=True)
class Received:
    """Money that came in during one stretch; `method_label` is in the active language."""

    stretch: int
    method: str
    method_label: str
    number: int
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Revenue:
    invoiced: Sequence[Invoiced]
    received: Sequence[Received]
    #: Given back, and given up, in the time: how many and how much.
    refunds: tuple[int, int]
    write_offs: tuple[int, int]
    #: Of the invoices issued in the time, what is not paid, cancelled or written off now.
    owed_cents: int


def revenue(*, actor: User, stretches: Sequence[Stretch], practitioner_id: UUID | None = None) -> Revenue:
    """What was issued and what came in. Five queries. Of one practitioner, a payment counts by the parts of it that pay
    their invoices. Raises `Refused` for who does not see every invoice."""
    if not selectors.sees_all(actor):
        raise Refused
    begin, end = stretches[0][0], stretches[-1][1]
    issued = selectors.visible_invoices(actor).issued().filter(issued_at__gte=begin, issued_at__lt=end)
    refunds = Refund.objects.filter(made_at__gte=begin, made_at__lt=end)
    write_offs = WriteOff.objects.filter(made_at__gte=begin, made_at__lt=end)
    if practitioner_id is not None:
        issued = issued.filter(practitioner_id=practitioner_id)
        refunds = refunds.filter(invoice__practitioner_id=practitioner_id)
        write_offs = write_offs.filter(invoice__practitioner_id=practitioner_id)
    sums = {name: Sum(name) for name in ("net_cents", "vat_cents", "total_cents")}
    bills = (
        _cut(issued, "issued_at", stretches)
        .values("stretch", "practitioner_id", "kind")
        .annotate(number=Count("id"), **{f"sum_{name}": value for name, value in sums.items()})
        .order_by("stretch", "kind", "practitioner_id")
    )
    owed = issued.filter(kind=Invoice.Kind.INVOICE, status=Invoice.Status.ISSUED).aggregate(
        total=Sum("total_cents"), paid=Sum("paid_cents"), written_off=Sum("written_off_cents")
    )
    labels = dict(Payment.Method.choices)
    return Revenue(
        invoiced=[
            Invoiced(
                row["stretch"],
                row["practitioner_id"],
                row["kind"],
                row["number"],
                *(int(row[f"sum_{name}"] or 0) for name in sums),
            )
            for row in bills
        ],
        received=[
            Received(
                row["stretch"],
                row["means"],
                str(labels.get(row["means"], row["means"])),
                row["number"],
                int(row["amount"]),
            )
            for row in _received(stretches, practitioner_id)
        ],
        owed_cents=int(owed["total"] or 0) - int(owed["paid"] or 0) - int(owed["written_off"] or 0),
        refunds=_sum(refunds),
        write_offs=_sum(write_offs),
    )


def _received(stretches: Sequence[Stretch], practitioner_id: UUID | None) -> QuerySet[Any]:
    begin, end = stretches[0][0], stretches[-1][1]
    if practitioner_id is None:
        rows = _cut(Payment.objects.filter(received_at__gte=begin, received_at__lt=end), "received_at", stretches)
    else:
        parts = Allocation.objects.filter(made_at__gte=begin, made_at__lt=end, invoice__practitioner_id=practitioner_id)
        rows = _cut(parts, "made_at", stretches)
    how = "method" if practitioner_id is None else "payment__method"
    found: QuerySet[Any] = (
        rows.values("stretch", means=F(how))
        .annotate(number=Count("id"), amount=Sum("amount_cents"))
        .order_by("stretch", "means")
    )
    return found


def _sum(rows: QuerySet[Any]) -> tuple[int, int]:
    found = rows.aggregate(number=Count("id"), amount=Sum("amount_cents"))
    return found["number"], int(found["amount"] or 0)


def _cut(rows: QuerySet[Any], column: str, stretches: Sequence[Stretch]) -> QuerySet[Any]:
    """`stretch`: in which of them each row lies. Instants are compared, because MariaDB knows time zones only where
    somebody has loaded them."""
    whens = [When(**{f"{column}__lt": end}, then=Value(index)) for index, (_begin, end) in enumerate(stretches)]
    found: QuerySet[Any] = rows.order_by().annotate(
        stretch=Case(*whens, default=Value(-1), output_field=IntegerField())
    )
    return found
