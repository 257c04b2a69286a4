"""The one place where money meets an invoice: shares, sums and state go together, in the caller's transaction.

Locks are taken in one order: invoices by id, then payments by id. So two that need the same ones wait for each other
and never for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import F, Sum

from billing import rules
from billing.models import Allocation, Invoice, InvoiceShare, Payment, Refund
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import NotFound
from medisecure.kernel.outbox import emit


def lock_invoices(ids: Iterable[UUID]) -> dict[UUID, Invoice]:
    """Those invoices, locked until the transaction ends. Raises `NotFound` when one is not there."""
    wanted = set(ids)
    rows = Invoice.objects.select_for_update().filter(id__in=wanted).order_by("id")
    found = {invoice.id: invoice for invoice in rows}
    if wanted - found.keys():
        raise NotFound
    return found


def lock_payments(ids: Iterable[UUID]) -> dict[UUID, Payment]:
    rows = Payment.objects.select_for_update().filter(id__in=set(ids)).order_by("id")
    return {payment.id: payment for payment in rows}


def share_of(invoice: Invoice, payer: str) -> InvoiceShare | None:
    """The payer's share as it stands; the caller has locked the invoice."""
    return InvoiceShare.objects.filter(invoice=invoice, payer=payer).first()


def free_cents(payments: Iterable[Payment]) -> dict[UUID, int]:
    """Payment → what is left of it: its payer's credit."""
    left = {payment.id: payment.amount_cents for payment in payments}
    for model in (Allocation, Refund):
        sums = model.objects.filter(payment__in=list(left)).order_by().values("payment_id")
        for row in sums.annotate(sum=Sum("amount_cents")):
            left[row["payment_id"]] -= row["sum"]
    return left


def allocate(
    *,
    payment: Payment,
    invoice: Invoice,
    share: InvoiceShare,
    amount_cents: int,
    kind: str,
    actor_id: UUID | None,
    key: str | None = None,
) -> Allocation:
    """Write one use of a payment and what follows from it. Less than zero takes back."""
    row = Allocation.objects.create(
        payment=payment,
        invoice=invoice,
        share=share,
        kind=kind,
        amount_cents=amount_cents,
        made_by=actor_id,
        idempotency_key=key,
    )
    settle(invoice, share, paid_cents=amount_cents)
    return row


def settle(invoice: Invoice, share: InvoiceShare, *, paid_cents: int = 0, written_off_cents: int = 0) -> None:
    """Add to what the share and its invoice have paid or written off; the invoice's state follows."""
    InvoiceShare.objects.filter(id=share.id).update(
        paid_cents=F("paid_cents") + paid_cents, written_off_cents=F("written_off_cents") + written_off_cents
    )
    paid, off = invoice.paid_cents + paid_cents, invoice.written_off_cents + written_off_cents
    status = invoice.status
    if status in (Invoice.Status.ISSUED, Invoice.Status.PAID):
        status = rules.status_for(invoice.total_cents, paid + off).value
    now = clock.now()
    Invoice.objects.filter(id=invoice.id).update(
        paid_cents=paid,
        written_off_cents=off,
        status=status,
        paid_at=now if status == Invoice.Status.PAID else None,
        version=F("version") + 1,
        changed_at=now,
    )
    became_paid = status == Invoice.Status.PAID and invoice.status != Invoice.Status.PAID
    invoice.refresh_from_db()
    share.refresh_from_db()
    if became_paid:
        emit(BILLING, "invoice.paid", {"invoice_id": str(invoice.id), "patient_id": str(invoice.patient_id)})


def release(invoice: Invoice, *, actor_id: UUID | None) -> int:
    """Take back everything that was paid on the invoice: it is its payers' credit again. Returns how much."""
    sums = Allocation.objects.filter(invoice=invoice).order_by().values("payment_id", "share_id")
    held = {(row["payment_id"], row["share_id"]): row["sum"] for row in sums.annotate(sum=Sum("amount_cents"))}
    payments = lock_payments(payment_id for payment_id, _share in held)
    shares = {share.id: share for share in InvoiceShare.objects.filter(invoice=invoice)}
    taken = 0
    for (payment_id, share_id), cents in sorted(held.items()):
        if cents:
            allocate(
                payment=payments[payment_id],
                invoice=invoice,
                share=shares[share_id],
                amount_cents=-cents,
                kind=Allocation.Kind.RELEASED,
                actor_id=actor_id,
            )
            taken += cents
    return taken
