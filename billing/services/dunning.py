"""Reminders: a look finds whose step is due, each is written once with its event; disputes and plans hold them back.

Only what a patient owes of their own: an insurer is never reminded here, nor a business.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from billing import dunning_rules, selectors
from billing.dunning_rules import Part
from billing.models import DunningHold, Instalment, Invoice, Reminder
from billing.paper_words import local_day
from billing.rules import Payer
from billing.services.drafts import clean_reason
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Conflict, Invalid, InvoiceNotOpen, NotFound
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional

MANAGE: Final = "billing.manage_dunning"
BATCH: Final = 500
_FAULTS: Final = {
    "none": _("Enter at least one instalment."),
    "too-many": _("At most 36 instalments."),
    "past": _("The first instalment must not be due before today."),
    "order": _("Each instalment is due after the one before it."),
    "amount": _("Each instalment is above zero."),
    "sum": _("The instalments do not add up to what is owed."),
    "too-long": _("A plan ends within three years."),
}


class OnHold(Conflict):
    code = "dunning-on-hold"
    title = _("Reminders of this invoice are held back already.")


# --- The look ---------------------------------------------------------------------------------------------------------
def look(*, today: date | None = None, batch: int = BATCH) -> int:
    """Write every reminder that is due; returns how many. Two looks at once, or one that dies, write each step once."""
    today = today or clock.today()
    _end_broken_plans(today)
    written, after = 0, None
    while rows := list(_candidates(today, after)[:batch]):
        for row in rows:
            made = [local_day(one.made_at) for one in sorted(row.reminders.all(), key=lambda one: one.step)]
            due = row.due_date
            if due and dunning_rules.next_step(due, today, made, settings.DUNNING_DAYS):
                written += _remind_once(row.id, today)
        after = rows[-1].id
    return written


def _candidates(today: date, after: UUID | None) -> QuerySet[Invoice]:
    rows = owing().filter(due_date__lte=today - timedelta(days=settings.DUNNING_DAYS[0]))
    rows = rows.annotate(steps=Count("reminders", distinct=True)).filter(steps__lt=dunning_rules.STEPS)
    rows = rows.exclude(holds__holds__isnull=False).order_by("id").prefetch_related("reminders")
    return rows.filter(id__gt=after) if after else rows


def owing() -> QuerySet[Invoice]:
    """Issued invoices of which the patient still owes their own part."""
    return Invoice.objects.filter(
        Q(shares__payer=Payer.PATIENT.value)
        & Q(shares__amount_cents__gt=F("shares__paid_cents") + F("shares__written_off_cents")),
        kind=Invoice.Kind.INVOICE,
        status=Invoice.Status.ISSUED,
        buyer=None,
    )


def _remind_once(invoice_id: UUID, today: date) -> int:
    try:
        return _remind(invoice_id, today)
    except IntegrityError:
        # Another look was first.
        return 0


@transactional(BILLING)
def _remind(invoice_id: UUID, today: date) -> int:
    # Asked again under the lock that payments, credit notes and holds take too.
    invoice = Invoice.objects.select_for_update().get(id=invoice_id)
    made = list(Reminder.objects.filter(invoice=invoice).order_by("step").values_list("made_at", flat=True))
    owed = invoice.balance_cents if may_be_reminded(invoice) else 0
    step = (
        owed
        and invoice.due_date
        and dunning_rules.next_step(invoice.due_date, today, [local_day(one) for one in made], settings.DUNNING_DAYS)
    )
    if not step:
        return 0
    reminder = Reminder.objects.create(invoice=invoice, patient_id=invoice.patient_id, step=step, owed_cents=owed)
    emit(
        BILLING,
        "invoice.reminded",
        {
            "reminder_id": str(reminder.id),
            "invoice_id": str(invoice.id),
            "patient_id": str(invoice.patient_id),
            "step": step,
        },
    )
    return 1


def may_be_reminded(invoice: Invoice) -> bool:
    """The patient owes something of it now, and nothing holds it back."""
    return (
        invoice.kind == Invoice.Kind.INVOICE
        and invoice.status == Invoice.Status.ISSUED
        and invoice.balance_cents > 0
        and not hasattr(invoice, "buyer")
        and not DunningHold.objects.filter(holds=invoice.id).exists()
    )


def true_claims(claims: Collection[str]) -> list[str]:
    """Asked when mails are handed over: which reminders (`dunning:<reminder>`) are still true?"""
    ids = {claim: UUID(claim.partition(":")[2]) for claim in claims}
    rows = Reminder.objects.select_related("invoice").prefetch_related("invoice__shares").in_bulk(ids.values())
    return [claim for claim, key in ids.items() if key in rows and may_be_reminded(rows[key].invoice)]


def _end_broken_plans(today: date) -> int:
    """Plans of which an instalment did not come, and those that nobody needs any more."""
    plans = DunningHold.objects.filter(kind=DunningHold.Kind.PLAN, holds__isnull=False)
    ended = 0
    for plan in plans.select_related("invoice").prefetch_related("instalments", "invoice__shares"):
        owed = plan.invoice.balance_cents
        parts = [Part(row.due_on, row.amount_cents) for row in plan.instalments.all()]
        if not owed:
            ended += _end(plan.id, DunningHold.End.SETTLED, None, "")
        elif dunning_rules.is_broken(parts, plan.owed_cents - owed, today):
            ended += _end(plan.id, DunningHold.End.BROKEN, None, "")
    return ended


@transactional(BILLING)
def _end(hold_id: UUID, ended: str, by: UUID | None, reason: str) -> int:
    return DunningHold.objects.filter(id=hold_id, holds__isnull=False).update(
        holds=None, ended_at=clock.now(), ended=ended, ended_by=by, end_reason=reason
    )


# --- What holds it back -----------------------------------------------------------------------------------------------
def dispute(*, actor: User, invoice_id: UUID, reason: str) -> DunningHold:
    """Hold reminders back while the patient disputes the invoice. Raises `NotFound`, `Refused`, `Invalid`, `OnHold`,
    `InvoiceNotOpen` when nothing of it is owed."""
    reason = _check(actor, invoice_id, reason, "hold")
    return _hold(invoice_id, actor.id, DunningHold.Kind.DISPUTE, reason, ())


def agree_plan(*, actor: User, invoice_id: UUID, parts: Sequence[Part], reason: str) -> DunningHold:
    """Hold reminders back while the patient pays by instalments that add up to what is owed. Raises as `dispute`."""
    reason = _check(actor, invoice_id, reason, "hold")
    return _hold(invoice_id, actor.id, DunningHold.Kind.PLAN, reason, tuple(parts))


def resume(*, actor: User, invoice_id: UUID, reason: str) -> None:
    """Take the reminders up again. Raises `NotFound` when nothing holds them back."""
    reason = _check(actor, invoice_id, reason, "release-hold")
    hold = DunningHold.objects.filter(holds=invoice_id).first()
    if hold is None or not _end(hold.id, DunningHold.End.RESUMED, actor.id, reason):
        raise NotFound


def _check(actor: User, invoice_id: UUID, reason: str, action: str) -> str:
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, MANAGE)
    cleaned: str = clean_reason(reason)
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action=action, invoice_id=invoice.id)
    return cleaned


def _hold(invoice_id: UUID, by: UUID, kind: str, reason: str, parts: Sequence[Part]) -> DunningHold:
    try:
        return _write_hold(invoice_id, by, kind, reason, parts)
    except IntegrityError:
        raise OnHold from None


@transactional(BILLING)
def _write_hold(invoice_id: UUID, by: UUID, kind: str, reason: str, parts: Sequence[Part]) -> DunningHold:
    invoice = Invoice.objects.select_for_update().get(id=invoice_id)
    owed = invoice.balance_cents
    if invoice.status != Invoice.Status.ISSUED or not owed:
        raise InvoiceNotOpen
    if DunningHold.objects.filter(holds=invoice.id).exists():
        raise OnHold
    if kind == DunningHold.Kind.PLAN and (faults := dunning_rules.plan_faults(parts, owed, clock.today())):
        raise Invalid({"parts": [_FAULTS[fault] for fault in faults]})
    hold = DunningHold.objects.create(
        invoice=invoice, kind=kind, reason=reason, owed_cents=owed, started_by=by, holds=invoice.id
    )
    Instalment.objects.bulk_create(
        [Instalment(hold=hold, due_on=part.due_on, amount_cents=part.cents) for part in parts]
    )
    return hold
