"""The receipt of each payment, and a patient's statement over a period."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from billing import paper_words, selectors
from billing.account import account
from billing.models import Allocation, Paper, Payment, WriteOff
from billing.rules import Payer
from billing.services.kept import keep, print_paper
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock, objects
from medisecure.kernel.errors import Invalid, NotFound, PdfNotReady
from medisecure.kernel.formats import format_cents
from patients.interface import follow, patient_card, same_patient_ids, side_of

#: The longest period of one statement.
MOST_DAYS: Final = 3660
SECONDS: Final = 300
RESOURCE: Final = "billing-paper"


# --- Receipts ---------------------------------------------------------------------------------------------------------
def make_receipt(payment_id: UUID) -> Paper | None:
    """The receipt of a payment, made once. An insurer, which pays by list, gets none."""
    payment = Payment.objects.select_related("invoice").get(id=payment_id)
    used = Allocation.objects.filter(payment=payment, kind=Allocation.Kind.PAID).select_related("invoice", "share")
    rows = list(used.order_by("id"))
    invoice = payment.invoice or (rows[0].invoice if rows else None)
    if payment.payer != Payer.PATIENT or invoice is None:
        return None
    uses = [paper_words.Use(row.invoice, row.amount_cents, _owed_after(row)) for row in rows]
    paper = keep(
        kind=Paper.Kind.RECEIPT,
        subject=f"receipt:{payment.id}",
        number=paper_words.receipt_number(invoice, payment),
        language=(invoice.snapshot or {})["language"],
        content=paper_words.receipt(invoice, payment, uses),
        patient_id=invoice.patient_id,
        invoice_id=invoice.id,
    )
    return print_paper(paper.id)


def _owed_after(row: Allocation) -> int:
    """What the payer owed of the invoice once this was paid, however late the receipt is made."""
    paid = Allocation.objects.filter(share=row.share, id__lte=row.id).aggregate(sum=Sum("amount_cents"))["sum"] or 0
    gone = WriteOff.objects.filter(share=row.share, id__lt=row.id).aggregate(sum=Sum("amount_cents"))["sum"] or 0
    return max(0, row.share.amount_cents - int(paid) - int(gone))


def receipt_url(*, actor: User, payment_id: UUID) -> str:
    """A signed address of a payment's receipt. Raises `NotFound`, or `PdfNotReady` while the worker makes it."""
    payment = Payment.objects.filter(id=payment_id, payer=Payer.PATIENT.value).first()
    if payment is None or payment.patient_id is None:
        raise NotFound
    _see(actor, payment.patient_id)
    paper = Paper.objects.filter(subject=f"receipt:{payment_id}").first()
    if paper is None:
        raise PdfNotReady
    return paper_url(actor=actor, paper_id=paper.id)


# --- Statements -------------------------------------------------------------------------------------------------------
def make_statement(*, actor: User, patient_id: UUID, first: date, last: date) -> Paper:
    """A patient's account from one day to another as a paper; the same account over the same days is the same paper.

    Raises `NotFound` for somebody who has nothing to do with this patient's invoices, `Invalid` for the days.
    """
    _see(actor, patient_id)
    errors = {}
    if last < first:
        errors["last"] = [_("The last day must not be before the first.")]
    elif last - first > timedelta(days=MOST_DAYS):
        errors["first"] = [_("A statement covers ten years at most.")]
    elif last > clock.today():
        errors["last"] = [_("This day has not come yet.")]
    if errors:
        raise Invalid(errors)
    patient = patient_card(follow(patient_id))
    _audit(actor, patient.id, "create", None)
    found = account(same_patient_ids(patient.id), first, last)
    content = paper_words.statement(patient, found, first, last, clock.today())
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    paper = keep(
        kind=Paper.Kind.STATEMENT,
        subject=f"statement:{patient.id}:{digest[:40]}",
        number=f"{patient.record_number}-{first:%Y%m%d}-{last:%Y%m%d}",
        language=content["language"],
        content=content,
        patient_id=patient.id,
        created_by=actor.id,
    )
    return print_paper(paper.id)


def balance_text(patient_id: UUID) -> str:
    """What stands on the account today, in the active language."""
    today = clock.today()
    return format_cents(account(same_patient_ids(patient_id), today, today).closing)


# --- The door to them -------------------------------------------------------------------------------------------------
def paper_url(*, actor: User, paper_id: UUID) -> str:
    """A signed address of a kept paper, after the check and the audit entry."""
    paper = Paper.objects.filter(id=paper_id).first()
    if paper is None:
        raise NotFound
    if paper.patient_id is None:
        if not actor.has_perm("billing.view_books"):
            raise NotFound
    else:
        _see(actor, paper.patient_id)
    if not paper.pdf_key:
        raise PdfNotReady
    _audit(actor, paper.patient_id, "download", paper.id)
    return objects.documents().signed_url(
        paper.pdf_key, seconds=SECONDS, filename=f"{paper.number}.pdf", content_type="application/pdf"
    )


def _see(actor: User, patient_id: UUID) -> None:
    if selectors.sees_all(actor):
        patient_card(patient_id)  # raises NotFound
        return
    ids = {patient_id} | set(same_patient_ids(patient_id))
    stands = [stand for one in ids if (stand := side_of(actor, one)) is not None]
    if not stands or any(stand.restricted for stand in stands):
        raise NotFound


def _audit(actor: User, patient_id: UUID | None, action: str, paper_id: UUID | None) -> None:
    right, purpose = selectors.right_of(actor, patient_id)
    record_access(
        actor=actor,
        patient_id=patient_id,
        action=action,
        resource=RESOURCE,
        resource_id=paper_id,
        purpose=purpose,
        right=right,
    )
