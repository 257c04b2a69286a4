"""Taking money: for one invoice, for several at once, and more than is owed, which stays its payer's credit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import rules, selectors
from billing.models import Allocation, Payment
from billing.services import ledger, tills
from medisecure.accounts.models import User
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, InvoiceNotOpen, NotFound
from medisecure.kernel.formats import format_cents
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional
from patients.interface import same_patient_ids

TAKE = "billing.take_payment"
MOST_PARTS = 50

Errors = dict[str, list[str | Promise]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The payment, and whether this call made it: a repeat finds the one that was made before."""

    payment: Payment
    created: bool


@dataclass(frozen=True, slots=True)
class Part:
    """So much of a payment is for this invoice."""

    invoice_id: UUID
    amount_cents: int


def record_payment(
    *,
    actor: User,
    invoice_id: UUID,
    amount_cents: int,
    method: str,
    reference: str = "",
    idempotency_key: str,
    payer: str = rules.Payer.PATIENT.value,
    keep_rest: bool = False,
) -> Recorded:
    """Record money received from one payer of an issued invoice, which is paid when nobody owes anything any more.

    The same `idempotency_key` with the same content is the same payment; with other content it is `Invalid`, as are an
    amount that is not positive or above what is owed, and an unknown method. With `keep_rest`, what is above stays the
    patient's credit. Raises `NotFound`, `Refused`, `InvoiceNotOpen` for a draft, a credit note or a cancelled invoice.
    """
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, TAKE)
    wanted = _wanted(actor.id, invoice.patient_id, payer, amount_cents, method, reference, idempotency_key)
    wanted.invoice_id = invoice_id
    check(wanted)
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="pay", invoice_id=invoice.id)
    return take(wanted, [Part(invoice_id, amount_cents)], keep_rest=keep_rest)


def record_split_payment(
    *,
    actor: User,
    amount_cents: int,
    method: str,
    parts: Sequence[Part],
    reference: str = "",
    idempotency_key: str,
    payer: str = rules.Payer.PATIENT.value,
    keep_rest: bool = False,
) -> Recorded:
    """Record one sum of money that pays several invoices, each by its part.

    A patient's are all of the same person; an insurer's may be anybody's. What the parts leave is `Invalid`, unless
    `keep_rest` keeps it as the patient's credit. Raises as `record_payment` does.
    """
    invoices = [selectors.find(actor, part.invoice_id) for part in parts[:MOST_PARTS]]
    selectors.require(actor, TAKE)
    people = {invoice.patient_id for invoice in invoices}
    one = next(iter(people), None)
    same = one is not None and people <= same_patient_ids(one)
    errors: Errors = {}
    if not 1 <= len(parts) <= MOST_PARTS or len({part.invoice_id for part in parts}) != len(parts):
        errors["parts"] = [_("Name from 1 to 50 invoices, each once.")]
    elif any(part.amount_cents <= 0 for part in parts):
        errors["parts"] = [_("Enter an amount above zero.")]
    elif sum(part.amount_cents for part in parts) > amount_cents:
        errors["parts"] = [_("The parts are more than the payment.")]
    elif payer == rules.Payer.PATIENT and not same:
        errors["parts"] = [_("A patient’s payment is for their own invoices only.")]
    elif not keep_rest and sum(part.amount_cents for part in parts) != amount_cents:
        errors["parts"] = [_("The parts are less than the payment.")]
    wanted = _wanted(actor.id, one if same else None, payer, amount_cents, method, reference, idempotency_key)
    check(wanted, errors)
    for invoice in invoices:
        selectors.audit(actor=actor, patient_id=invoice.patient_id, action="pay", invoice_id=invoice.id)
    return take(wanted, parts, keep_rest=keep_rest)


def _wanted(
    actor_id: UUID | None, patient_id: UUID | None, payer: str, cents: int, method: str, reference: str, key: str
) -> Payment:
    return Payment(
        patient_id=patient_id,
        payer=payer,
        amount_cents=cents,
        method=method,
        reference=reference.strip(),
        taken_by=actor_id,
        idempotency_key=key.strip(),
    )


def check(wanted: Payment, errors: Errors | None = None) -> None:
    """Raises `Invalid` with `errors` and what is wrong with the payment itself."""
    errors = errors or {}
    if wanted.amount_cents <= 0:
        errors["amount_cents"] = [_("Enter an amount above zero.")]
    elif wanted.amount_cents > rules.MAX_TOTAL_CENTS:
        errors["amount_cents"] = [_("This is too large.")]
    if wanted.payer not in set(rules.Payer):
        errors["payer"] = [_("Unknown payer.")]
    if wanted.method not in Payment.Method.values:
        errors["method"] = [_("Unknown method of payment.")]
    if len(wanted.reference) > 100 or not wanted.reference.isprintable():
        errors["reference"] = [_("At most 100 printable characters.")]
    if not 1 <= len(wanted.idempotency_key) <= 100 or not wanted.idempotency_key.isprintable():
        errors["idempotency_key"] = [_("From 1 to 100 printable characters.")]
    if errors:
        raise Invalid(errors)


def take(wanted: Payment, parts: Sequence[Part], *, keep_rest: bool, must_fit: bool = True) -> Recorded:
    """Write a payment that was checked. Where it need not fit (`must_fit` false: the money is there already, whatever
    the invoice says by now) each part pays what is still owed and the rest is credit."""
    try:
        return _take(wanted, parts, keep_rest=keep_rest, must_fit=must_fit)
    except IntegrityError:
        # The same key at the same time on another invoice: the unique index let one of them in.
        found = _same(wanted, parts)
        if found is None:
            raise
        return Recorded(found, created=False)


def _same(wanted: Payment, parts: Sequence[Part]) -> Payment | None:
    """The payment that bears this key, when there is one. Raises `Invalid` when it is another payment."""
    found = Payment.objects.filter(idempotency_key=wanted.idempotency_key).first()
    if found is None:
        return None
    names = ("invoice_id", "payer", "amount_cents", "method", "reference")
    if any(getattr(found, name) != getattr(wanted, name) for name in names) or (
        wanted.invoice_id is None and not set(_invoices_of(found)) <= {part.invoice_id for part in parts}
    ):
        raise Invalid({"idempotency_key": [_("This key belongs to another payment.")]})
    return found


def _invoices_of(payment: Payment) -> list[UUID]:
    rows = Allocation.objects.filter(payment=payment, kind=Allocation.Kind.PAID)
    return list(rows.values_list("invoice_id", flat=True))


@transactional(BILLING)
def _take(wanted: Payment, parts: Sequence[Part], *, keep_rest: bool, must_fit: bool) -> Recorded:
    invoices = ledger.lock_invoices(part.invoice_id for part in parts)
    # After the lock: a repeat that came at the same time waits here, and then finds the first one.
    found = _same(wanted, parts)
    if found is not None:
        return Recorded(found, created=False)
    uses = []
    for part in parts:
        invoice = invoices[part.invoice_id]
        if must_fit and not invoice.is_open:
            raise InvoiceNotOpen
        share = ledger.share_of(invoice, wanted.payer)
        owed = share.balance_cents if share and invoice.is_open else 0
        rest = part.amount_cents > owed
        if rest and must_fit and not (keep_rest and wanted.payer == rules.Payer.PATIENT):
            raise Invalid({"amount_cents": [_("Only %(owed)s is still owed.") % {"owed": format_cents(owed)}]})
        if share and min(part.amount_cents, owed):
            uses.append((invoice, share, min(part.amount_cents, owed)))
    payment = _write(wanted)
    tills.note_payment(payment)
    for invoice in invoices.values():
        ids = {"invoice_id": str(invoice.id), "patient_id": str(invoice.patient_id)}
        emit(BILLING, "payment.recorded", {"payment_id": str(payment.id), **ids})
    for invoice, share, cents in uses:
        ledger.allocate(
            payment=payment,
            invoice=invoice,
            share=share,
            amount_cents=cents,
            kind=Allocation.Kind.PAID,
            actor_id=wanted.taken_by,
        )
    return Recorded(payment, created=True)


def _write(wanted: Payment) -> Payment:
    # A fresh row for each try: this may run more than once.
    names = ("invoice_id", "patient_id", "payer", "amount_cents", "method", "reference", "taken_by", "idempotency_key")
    return Payment.objects.create(**{name: getattr(wanted, name) for name in names})


def require_payment(actor: User, payment_id: UUID) -> Payment:
    """A payment of somebody whose invoices the actor sees all of. Raises `NotFound`."""
    payment = Payment.objects.filter(id=payment_id).first() if selectors.sees_all(actor) else None
    if payment is None:
        raise NotFound
    return payment
