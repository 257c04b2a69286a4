"""Money that is credit, given back, or given up. Nothing is changed: each adds rows, with who, why and a key."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError
from django.db.models import Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import rules, selectors
from billing.models import Allocation, Invoice, Payment, Refund, WriteOff
from billing.services import ledger, tills
from billing.services.drafts import clean_reason
from billing.services.payments import require_payment
from medisecure.accounts.models import User
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, InvoiceNotOpen
from medisecure.kernel.formats import format_cents
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional
from patients.interface import same_patient_ids

TAKE, REFUND, WRITE_OFF = "billing.take_payment", "billing.refund_payment", "billing.write_off"

Errors = dict[str, list[str | Promise]]


def _check(amount_cents: int, key: str, errors: Errors | None = None) -> None:
    errors = errors or {}
    if amount_cents <= 0:
        errors["amount_cents"] = [_("Enter an amount above zero.")]
    if not 1 <= len(key) <= 100 or not key.isprintable():
        errors["idempotency_key"] = [_("From 1 to 100 printable characters.")]
    if errors:
        raise Invalid(errors)


def _other_content() -> Invalid:
    return Invalid({"idempotency_key": [_("This key belongs to another payment.")]})


# --- credit -----------------------------------------------------------------------------------------------------------
def credit_payments(patient_id: UUID, payer: str = rules.Payer.PATIENT.value) -> list[tuple[Payment, int]]:
    """The person's payments of which something is left, oldest first, and how much."""
    rows = list(Payment.objects.filter(patient_id__in=same_patient_ids(patient_id), payer=payer))
    left = ledger.free_cents(rows)
    return [(payment, left[payment.id]) for payment in rows if left[payment.id] > 0]


def credit_cents(patient_id: UUID) -> int:
    """What the hospital holds of the patient's money."""
    return sum(cents for _payment, cents in credit_payments(patient_id))


def apply_credit(
    *,
    actor: User,
    invoice_id: UUID,
    amount_cents: int,
    idempotency_key: str,
    payer: str = rules.Payer.PATIENT.value,
) -> Invoice:
    """Pay an invoice, or a part of it, from its payer's credit, the oldest first. Raises as `record_payment` does."""
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, TAKE)
    key = idempotency_key.strip()
    _check(amount_cents, key)
    people = same_patient_ids(invoice.patient_id)
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="use-credit", invoice_id=invoice.id)
    return _apply_credit(invoice_id, frozenset(people), payer, amount_cents, key, actor.id)


@transactional(BILLING)
def _apply_credit(
    invoice_id: UUID, people: frozenset[UUID], payer: str, amount_cents: int, key: str, actor_id: UUID
) -> Invoice:
    invoice = ledger.lock_invoices([invoice_id])[invoice_id]
    used = Allocation.objects.filter(idempotency_key__startswith=f"{key}#").select_related("share")
    if rows := [row for row in used if row.idempotency_key and row.idempotency_key.rpartition("#")[0] == key]:
        same = {(row.invoice_id, row.share.payer) for row in rows} == {(invoice_id, payer)}
        if not same or sum(row.amount_cents for row in rows) != amount_cents:
            raise _other_content()
        return invoice
    if not invoice.is_open:
        raise InvoiceNotOpen
    share = ledger.share_of(invoice, payer)
    owed = share.balance_cents if share else 0
    if share is None or amount_cents > owed:
        raise Invalid({"amount_cents": [_("Only %(owed)s is still owed.") % {"owed": format_cents(owed)}]})
    ids = Payment.objects.filter(patient_id__in=people, payer=payer).values_list("id", flat=True)
    payments = ledger.lock_payments(list(ids))
    left = ledger.free_cents(payments.values())
    if amount_cents > sum(left.values()):
        there = format_cents(sum(left.values()))
        raise Invalid({"amount_cents": [_("There is only %(there)s of credit.") % {"there": there}]})
    wanted = amount_cents
    for number, payment in enumerate(sorted(payments.values(), key=lambda row: (row.received_at, row.id))):
        part = min(wanted, left[payment.id])
        if part > 0:
            ledger.allocate(
                payment=payment,
                invoice=invoice,
                share=share,
                amount_cents=part,
                kind=Allocation.Kind.CREDIT,
                actor_id=actor_id,
                key=f"{key}#{number}",
            )
            wanted -= part
    return invoice


# --- refunds ----------------------------------------------------------------------------------------------------------
def refund(
    *,
    actor: User,
    payment_id: UUID,
    amount_cents: int,
    method: str,
    reason: str,
    reference: str = "",
    idempotency_key: str,
    invoice_id: UUID | None = None,
) -> Refund:
    """Give money back of the payment that it came in with: credit, or, with `invoice_id`, what it has paid there, which
    is owed again from then on (a cheque that bounced, a wrong patient).

    Raises `NotFound`, `Refused`, and `Invalid` for more than there is.
    """
    payment = require_payment(actor, payment_id)
    selectors.require(actor, REFUND)
    reason, key, reference = clean_reason(reason), idempotency_key.strip(), reference.strip()
    errors: Errors = {}
    if method not in Payment.Method.values:
        errors["method"] = [_("Unknown method of payment.")]
    if len(reference) > 100 or not reference.isprintable():
        errors["reference"] = [_("At most 100 printable characters.")]
    _check(amount_cents, key, errors)
    wanted = Refund(
        payment_id=payment_id,
        invoice_id=invoice_id,
        amount_cents=amount_cents,
        method=method,
        reference=reference,
        reason=reason,
        made_by=actor.id,
        idempotency_key=key,
    )
    selectors.audit(actor=actor, patient_id=payment.patient_id, action="refund", invoice_id=invoice_id)
    try:
        return _refund(wanted)
    except IntegrityError:
        found = _same_refund(wanted)
        if found is None:
            raise
        return found


def _same_refund(wanted: Refund) -> Refund | None:
    found = Refund.objects.filter(idempotency_key=wanted.idempotency_key).first()
    names = ("payment_id", "invoice_id", "amount_cents", "method")
    if found is not None and any(getattr(found, name) != getattr(wanted, name) for name in names):
        raise _other_content()
    return found


@transactional(BILLING)
def _refund(wanted: Refund) -> Refund:
    invoice = ledger.lock_invoices([wanted.invoice_id])[wanted.invoice_id] if wanted.invoice_id else None
    payment = ledger.lock_payments([wanted.payment_id])[wanted.payment_id]
    if found := _same_refund(wanted):
        return found
    if invoice is not None:
        _take_back(invoice, payment, wanted)
    left = ledger.free_cents([payment])[payment.id]
    if wanted.amount_cents > left:
        raise Invalid({"amount_cents": [_("There is only %(there)s of credit.") % {"there": format_cents(left)}]})
    names = ("payment_id", "invoice_id", "amount_cents", "method", "reference", "reason", "made_by", "idempotency_key")
    made = Refund.objects.create(**{name: getattr(wanted, name) for name in names})
    tills.note_refund(made)
    patient_id = payment.patient_id or (invoice.patient_id if invoice else None)
    values = {"refund_id": str(made.id), "payment_id": str(payment.id)}
    emit(BILLING, "payment.refunded", {**values, "patient_id": str(patient_id) if patient_id else None})
    return made


def _take_back(invoice: Invoice, payment: Payment, wanted: Refund) -> None:
    share = ledger.share_of(invoice, payment.payer)
    rows = Allocation.objects.filter(payment=payment, invoice=invoice)
    held = rows.aggregate(sum=Sum("amount_cents"))["sum"] or 0
    if share is None or wanted.amount_cents > held:
        text = _("This payment has paid only %(held)s of this invoice.") % {"held": format_cents(held)}
        raise Invalid({"amount_cents": [text]})
    ledger.allocate(
        payment=payment,
        invoice=invoice,
        share=share,
        amount_cents=-wanted.amount_cents,
        kind=Allocation.Kind.RELEASED,
        actor_id=wanted.made_by,
    )


# --- write-offs -------------------------------------------------------------------------------------------------------
def write_off(
    *, actor: User, invoice_id: UUID, amount_cents: int, reason: str, idempotency_key: str, payer: str
) -> WriteOff:
    """Give up what a payer still owes of an invoice, or a part of it. Raises as `record_payment` does."""
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, WRITE_OFF)
    reason, key = clean_reason(reason), idempotency_key.strip()
    _check(amount_cents, key)
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="write-off", invoice_id=invoice.id)
    try:
        return _write_off(invoice_id, payer, amount_cents, reason, key, actor.id)
    except IntegrityError:
        found = _same_write_off(key, invoice_id, payer, amount_cents)
        if found is None:
            raise
        return found


def _same_write_off(key: str, invoice_id: UUID, payer: str, amount_cents: int) -> WriteOff | None:
    found = WriteOff.objects.filter(idempotency_key=key).select_related("share").first()
    if found is not None and (found.invoice_id, found.share.payer, found.amount_cents) != (
        invoice_id,
        payer,
        amount_cents,
    ):
        raise _other_content()
    return found


@transactional(BILLING)
def _write_off(invoice_id: UUID, payer: str, amount_cents: int, reason: str, key: str, actor_id: UUID) -> WriteOff:
    invoice = ledger.lock_invoices([invoice_id])[invoice_id]
    if found := _same_write_off(key, invoice_id, payer, amount_cents):
        return found
    if not invoice.is_open:
        raise InvoiceNotOpen
    share = ledger.share_of(invoice, payer)
    owed = share.balance_cents if share else 0
    if share is None or amount_cents > owed:
        raise Invalid({"amount_cents": [_("Only %(owed)s is still owed.") % {"owed": format_cents(owed)}]})
    made = WriteOff.objects.create(
        invoice=invoice, share=share, amount_cents=amount_cents, reason=reason, made_by=actor_id, idempotency_key=key
    )
    ledger.settle(invoice, share, written_off_cents=amount_cents)
    emit(BILLING, "invoice.written_off", {"invoice_id": str(invoice.id), "patient_id": str(invoice.patient_id)})
    return made
