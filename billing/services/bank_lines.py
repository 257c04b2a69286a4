"""The clerk's worklist of what the bank brought and nothing matched: assign it to invoices, or set it aside."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from billing import rules, selectors
from billing.models import BankLine, Invoice, Payment
from billing.services import ledger
from billing.services.bank_files import pay
from billing.services.drafts import clean_reason
from billing.services.payments import TAKE, Part
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Conflict, Invalid, NotFound
from medisecure.kernel.formats import format_cents
from medisecure.kernel.transactions import transactional
from patients.interface import same_patient_ids


class BankLineDecided(Conflict):
    code = "bank-line-decided"
    title = _("Somebody has decided about this line already.")


def find(actor: User, line_id: UUID) -> BankLine:
    """Raises `NotFound`."""
    line = BankLine.objects.filter(id=line_id).first() if selectors.sees_all(actor) else None
    if line is None:
        raise NotFound
    return line


def assign(*, actor: User, line_id: UUID, numbers: Sequence[str], payer: str, keep_rest: bool = False) -> Payment:
    """Let the line pay these invoices, each what the payer still owes of it, in this order.

    What is left is `Invalid`, unless `keep_rest` keeps it as the patient's credit. Raises `NotFound`, `Refused`,
    `BankLineDecided`.
    """
    line = find(actor, line_id)
    selectors.require(actor, TAKE)
    if payer not in set(rules.Payer):
        raise Invalid({"payer": [_("Unknown payer.")]})
    rows = {row.number: row for row in Invoice.objects.issued().filter(number__in=list(numbers))}
    missing = [number for number in numbers if number not in rows]
    if missing or not 1 <= len(numbers) <= 50:
        names = {"names": ", ".join(missing)}
        raise Invalid({"numbers": [_("No such invoice: %(names)s") % names if missing else _("Name an invoice.")]})
    invoices = [rows[number] for number in dict.fromkeys(numbers)]
    people = {invoice.patient_id for invoice in invoices}
    same = people <= same_patient_ids(invoices[0].patient_id)
    if payer == rules.Payer.PATIENT and not same:
        raise Invalid({"numbers": [_("A patient’s payment is for their own invoices only.")]})
    for invoice in invoices:
        selectors.audit(actor=actor, patient_id=invoice.patient_id, action="pay", invoice_id=invoice.id)
    patient_id = invoices[0].patient_id if same else None
    keep = keep_rest and payer == rules.Payer.PATIENT
    return _assign(line.id, [invoice.id for invoice in invoices], payer, patient_id, keep, actor.id)


@transactional(BILLING)
def _assign(
    line_id: UUID, invoice_ids: Sequence[UUID], payer: str, patient_id: UUID | None, keep_rest: bool, actor_id: UUID
) -> Payment:
    invoices = ledger.lock_invoices(invoice_ids)
    line = _lock(line_id)
    left, parts = line.amount_cents, []
    for invoice_id in invoice_ids:
        invoice = invoices[invoice_id]
        share = ledger.share_of(invoice, payer)
        owed = share.balance_cents if share and invoice.is_open else 0
        if cents := min(owed, left):
            parts.append(Part(invoice_id, cents))
            left -= cents
    if not parts:
        raise Invalid({"numbers": [_("Nothing is owed there by this payer.")]})
    if left and not keep_rest:
        raise Invalid({"numbers": [_("%(left)s would be left over.") % {"left": format_cents(left)}]})
    payment = pay(
        fingerprint=line.fingerprint,
        amount_cents=line.amount_cents,
        reference=line.reference,
        patient_id=patient_id,
        payer=payer,
        # What is above goes with the first part, which keeps it as credit.
        parts=[Part(parts[0].invoice_id, parts[0].amount_cents + left), *parts[1:]],
        actor_id=actor_id,
        keep_rest=keep_rest,
    )
    _decide(line, actor_id, status=BankLine.Status.MATCHED, payment=payment)
    return payment


def set_aside(*, actor: User, line_id: UUID, reason: str) -> None:
    """What is nobody's invoice: interest, a gift, a mistake of the bank. Raises as `assign` does."""
    find(actor, line_id)
    selectors.require(actor, TAKE)
    reason = clean_reason(reason)
    selectors.audit(actor=actor, patient_id=None, action="set-aside")
    _set_aside(line_id, reason, actor.id)


@transactional(BILLING)
def _set_aside(line_id: UUID, reason: str, actor_id: UUID) -> None:
    _decide(_lock(line_id), actor_id, status=BankLine.Status.SET_ASIDE, reason=reason)


def _lock(line_id: UUID) -> BankLine:
    line = BankLine.objects.select_for_update().filter(id=line_id).first()
    if line is None:
        raise NotFound
    if line.status != BankLine.Status.OPEN:
        raise BankLineDecided
    return line


def _decide(line: BankLine, actor_id: UUID, **values: object) -> None:
    BankLine.objects.filter(id=line.id).update(decided_by=actor_id, decided_at=clock.now(), **values)
