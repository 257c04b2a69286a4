"""Taking money."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from billing import rules, selectors
from billing.models import Invoice, InvoiceShare, Payment
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, InvoiceNotOpen, NotFound
from medisecure.kernel.formats import format_cents
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional

TAKE = "billing.take_payment"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The payment, and whether this call made it: a repeat finds the one that was made before."""

    payment: Payment
    created: bool


def record_payment(
    *,
    actor: User,
    invoice_id: UUID,
    amount_cents: int,
    method: str,
    reference: str = "",
    idempotency_key: str,
    payer: str = rules.Payer.PATIENT.value,
) -> Recorded:
    """Record money received from one payer of an issued invoice, which is paid when nobody owes anything any more.

    The same `idempotency_key` with the same content is the same payment; with other content it is `Invalid`, as are an
    amount that is not positive or above what is owed, and an unknown method. Raises `NotFound`, `Refused`,
    `InvoiceNotOpen` for a draft, a credit note or a cancelled invoice.
    """
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, TAKE)
    wanted = Payment(
        invoice_id=invoice_id,
        payer=payer,
        amount_cents=amount_cents,
        method=method,
        reference=reference.strip(),
        taken_by=actor.id,
        idempotency_key=idempotency_key.strip(),
    )
    _check(wanted)
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="pay", invoice_id=invoice.id)
    try:
        return _record(wanted)
    except IntegrityError:
        # The same key at the same time on another invoice: the unique index let one of them in.
        found = _same(wanted)
        if found is None:
            raise
        return Recorded(found, created=False)


def _check(wanted: Payment) -> None:
    errors: dict[str, list[object]] = {}
    if wanted.amount_cents <= 0:
        errors["amount_cents"] = [_("Enter an amount above zero.")]
    if wanted.payer not in set(rules.Payer):
        errors["payer"] = [_("Unknown payer.")]
    if wanted.method not in Payment.Method.values:
        errors["method"] = [_("Unknown method of payment.")]
    if len(wanted.reference) > 100 or not wanted.reference.isprintable():
        errors["reference"] = [_("At most 100 printable characters.")]
    if not 1 <= len(wanted.idempotency_key) <= 100 or not wanted.idempotency_key.isprintable():
        errors["idempotency_key"] = [_("From 1 to 100 printable characters.")]
    if errors:
        raise Invalid(errors)  # type: ignore[arg-type]


def _same(wanted: Payment) -> Payment | None:
    """The payment that bears this key, when there is one. Raises `Invalid` when it is another payment."""
    found = Payment.objects.filter(idempotency_key=wanted.idempotency_key).first()
    if found is None:
        return None
    if any(
        getattr(found, name) != getattr(wanted, name)
        for name in ("invoice_id", "payer", "amount_cents", "method", "reference")
    ):
        raise Invalid({"idempotency_key": [_("This key belongs to another payment.")]})
    return found


@transactional(BILLING)
def _record(wanted: Payment) -> Recorded:
    invoice = Invoice.objects.select_for_update().filter(id=wanted.invoice_id).first()
    if invoice is None:
        raise NotFound
    # After the lock: a repeat that came at the same time waits here, and then finds the first one.
    found = _same(wanted)
    if found is not None:
        return Recorded(found, created=False)
    if not invoice.is_open:
        raise InvoiceNotOpen
    share = InvoiceShare.objects.filter(invoice=invoice, payer=wanted.payer).first()
    owed = share.balance_cents if share else 0
    if share is None or wanted.amount_cents > owed:
        raise Invalid({"amount_cents": [_("Only %(owed)s is still owed.") % {"owed": format_cents(owed)}]})
    payment = Payment.objects.create(
        invoice_id=wanted.invoice_id,
        payer=wanted.payer,
        amount_cents=wanted.amount_cents,
        method=wanted.method,
        reference=wanted.reference,
        taken_by=wanted.taken_by,
        idempotency_key=wanted.idempotency_key,
    )
    InvoiceShare.objects.filter(id=share.id).update(paid_cents=F("paid_cents") + payment.amount_cents)
    paid = invoice.paid_cents + payment.amount_cents
    status = rules.status_for(invoice.total_cents, paid + invoice.written_off_cents)
    now = clock.now()
    Invoice.objects.filter(id=invoice.id).update(
        paid_cents=paid,
        status=status,
        paid_at=now if status is rules.Status.PAID else None,
        version=F("version") + 1,
        changed_at=now,
    )
    ids = {"invoice_id": str(invoice.id), "patient_id": str(invoice.patient_id)}
    emit(BILLING, "payment.recorded", {"payment_id": str(payment.id), **ids})
    if status is rules.Status.PAID:
        emit(BILLING, "invoice.paid", ids)
    return Recorded(payment, created=True)
