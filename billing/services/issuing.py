"""Issuing: the number, the date and the frozen copy, all in one transaction; and the credit note that undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from billing import rules, seals, selectors, snapshot
from billing.buyer_rules import read as read_buyer
from billing.models import Buyer, Invoice, InvoiceCounter, InvoiceItem, InvoiceShare, Price
from billing.services import ledger, outdated, payers
from billing.services import lines as draft_lines
from billing.services.buyers import buyer_of
from billing.services.drafts import clean_reason, lock_draft
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import DraftOutdated, Invalid, InvoiceNotOpen, NotFound
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional
from patients.interface import PatientCard, PractitionerCard, patient_card, practitioner_card

ISSUE = "billing.issue_invoice"


def issue_invoice(*, actor: User, invoice_id: UUID) -> Invoice:
    """Give the draft its number and its date and freeze it; it cannot change any more.

    Raises `NotFound`, `Refused`, `InvoiceIssued` when it is a draft no more, `Invalid` when it has no line, and
    `DraftOutdated` when the price list or the patient's insurers have changed since it was last saved: what is issued
    is what somebody has seen.
    """
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, ISSUE)
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="issue", invoice_id=invoice.id)
    # People live in another database: they are read before the transaction, so that it holds its locks for as short
    # as can be.
    patient, practitioner = patient_card(invoice.patient_id), _practitioner(invoice)
    covers = payers.covers_on(invoice.patient_id, invoice.service_date, payers.chosen_of(invoice))
    return _issue(invoice_id, actor.id, patient, practitioner, covers)


def _practitioner(invoice: Invoice) -> PractitionerCard | None:
    return practitioner_card(invoice.practitioner_id) if invoice.practitioner_id else None


@transactional(BILLING)
def _issue(
    invoice_id: UUID,
    actor_id: UUID,
    patient: PatientCard,
    practitioner: PractitionerCard | None,
    covers: Sequence[payers.Cover],
) -> Invoice:
    invoice = lock_draft(invoice_id)
    items = list(invoice.items.all())
    lines = [snapshot.line_of(item) for item in items]
    if not lines:
        raise Invalid({"lines": [_("Add at least one line.")]})
    if changed := outdated.changes(invoice, items, covers):
        raise DraftOutdated(errors=changed)
    spoken = _in_language_of(patient, lines, invoice.service_date or clock.today())
    # Computed again from the lines themselves: whatever the draft's totals said, the paper's are right.
    draft_lines.write(invoice, spoken, payers.covers_of(invoice))
    shares = list(InvoiceShare.objects.filter(invoice=invoice))
    _number(
        invoice,
        actor_id=actor_id,
        frozen=snapshot.take(
            patient=patient, practitioner=practitioner, lines=spoken, shares=shares, bill_to=buyer_of(invoice)
        ),
        days=rules.PAYMENT_DAYS,
    )
    return invoice


def _in_language_of(patient: PatientCard, lines: Sequence[rules.Line], on: date) -> list[rules.Line]:
    """Labels that the price list wrote, in the patient's language; what a person wrote stays as it is."""
    known: dict[str, Price] = selectors.labels_of({line.code for line in lines if line.code}, on)
    found = []
    for line in lines:
        price = known.get(line.code)
        if price is not None and line.label in (price.label_fr, price.label_en):
            label = price.label(patient.language)
            line = replace(line, label=label)
        found.append(line)
    return found


def _number(invoice: Invoice, *, actor_id: UUID, frozen: dict[str, object], days: int) -> None:
    """Take the next number and leave the drafts, in the caller's transaction: a rollback gives the number back."""
    series = rules.SERIES[rules.Kind(invoice.kind)]
    year, sequence, issued_at = _next_number(series)
    invoice.refresh_from_db()
    Invoice.objects.filter(id=invoice.id, status=Invoice.Status.DRAFT).update(
        status=rules.status_for(invoice.total_cents, 0)
        if invoice.kind == Invoice.Kind.INVOICE
        else Invoice.Status.ISSUED,
        series=series,
        year=year,
        sequence=sequence,
        number=rules.number(series, year, sequence),
        issued_at=issued_at,
        issued_by=actor_id,
        due_date=rules.due_date(_local_day(issued_at), days),
        snapshot=frozen,
        version=F("version") + 1,
        changed_at=issued_at,
    )
    invoice.refresh_from_db()
    _seal(invoice)
    payload = {"invoice_id": str(invoice.id), "patient_id": str(invoice.patient_id)}
    emit(BILLING, "invoice.issued", payload)
    if invoice.status == Invoice.Status.PAID:
        emit(BILLING, "invoice.paid", payload)


def _seal(invoice: Invoice) -> None:
    """While the counter's row is locked: the invoice before this one is committed or was never there."""
    series, year, sequence = invoice.series, invoice.year or 0, invoice.sequence or 0
    rows = Invoice.objects.filter(series=series, year=year, sequence=sequence - 1)
    before = rows.values_list("seal", flat=True).first() if sequence > 1 else None
    # Over the rows as they are stored, which is what a later check reads.
    invoice.seal = seals.seal(
        before or seals.first(series, year),
        invoice,
        InvoiceItem.objects.filter(invoice=invoice),
        InvoiceShare.objects.filter(invoice=invoice),
    )
    Invoice.objects.filter(id=invoice.id).update(seal=invoice.seal)


def _local_day(instant: datetime) -> date:
    return clock.local(instant, ZoneInfo(settings.TIME_ZONE)).date()


def _next_number(series: str) -> tuple[int, int, datetime]:
    """(year, sequence, instant of issue). The counter's row stays locked until the transaction ends, so numbers are
    given one after the other, without a gap, and in the order of time."""
    year = _local_day(clock.now()).year
    while True:
        counter, _created = InvoiceCounter.objects.select_for_update().get_or_create(series=series, year=year)
        issued_at = max(clock.now(), counter.last_issued_at or clock.now())
        if _local_day(issued_at).year <= year:
            break
        # The lock was waited for past midnight on 31 December.
        year = _local_day(issued_at).year
    InvoiceCounter.objects.filter(id=counter.id).update(last=counter.last + 1, last_issued_at=issued_at)
    return year, counter.last + 1, issued_at


def credit(*, actor: User, invoice_id: UUID, reason: str) -> Invoice:
    """Cancel an issued invoice by a credit note over its whole amount, in its own series. Returns the credit note.

    Raises `NotFound`, `Refused`, `Invalid` without a reason, `InvoiceNotOpen` for a draft, a credit note, or an invoice
    that one cancels already. What was paid is its payers' credit, to be given back or used for another invoice; the
    credit note says how much.
    """
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, ISSUE)
    reason = clean_reason(reason)
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="credit", invoice_id=invoice.id)
    patient, practitioner = patient_card(invoice.patient_id), _practitioner(invoice)
    return _credit(invoice_id, actor.id, reason, patient, practitioner)


@transactional(BILLING)
def _credit(
    invoice_id: UUID, actor_id: UUID, reason: str, patient: PatientCard, practitioner: PractitionerCard | None
) -> Invoice:
    invoice = Invoice.objects.select_for_update().filter(id=invoice_id).first()
    if invoice is None:
        raise NotFound
    if invoice.kind != Invoice.Kind.INVOICE or not rules.may_follow(
        rules.Status(invoice.status), rules.Status.CREDITED
    ):
        raise InvoiceNotOpen
    lines = [snapshot.line_of(item) for item in invoice.items.all()]
    note = Invoice.objects.create(
        kind=Invoice.Kind.CREDIT_NOTE,
        credits=invoice,
        patient_id=invoice.patient_id,
        practitioner_id=invoice.practitioner_id,
        service_date=invoice.service_date,
        reason=reason,
    )
    # The same lines for the same payers: it takes back from each what the invoice asked of them.
    draft_lines.write(note, lines, payers.covers_of(invoice))
    # To whom the invoice was made out, as it was printed.
    business = (invoice.snapshot or {}).get("bill_to")
    if business:
        Buyer.objects.create(invoice=note, **business)
    frozen = snapshot.take(
        patient=patient,
        practitioner=practitioner,
        lines=lines,
        shares=list(InvoiceShare.objects.filter(invoice=note)),
        credited=invoice,
        bill_to=read_buyer(business) if business else None,
    )
    _number(note, actor_id=actor_id, frozen=frozen, days=0)
    ledger.release(invoice, actor_id=actor_id)
    Invoice.objects.filter(id=invoice.id).update(
        status=Invoice.Status.CREDITED, version=F("version") + 1, changed_at=note.issued_at
    )
    return note
