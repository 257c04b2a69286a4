"""Drafts: made from a completed appointment or by hand, changed until they are issued or discarded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import rules, selectors
from billing.models import Invoice, Price
from billing.querysets import InvoiceQuerySet
from billing.services import lines as draft_lines
from billing.services import payers
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, InvoiceIssued, Merged, NotFound, Stale
from medisecure.kernel.transactions import transactional
from patients.interface import follow, patient_card, practitioner_cards

#: The version of a draft that was made for an appointment and has not been touched since.
_AS_MADE: Final = 2

ADD, CHANGE = "billing.add_invoice", "billing.change_invoice"


def line_from_price(price: Price, *, quantity: Decimal = Decimal(1)) -> rules.Line:
    """A line as the price list has it. Drafts speak the hospital's language; issuing turns to the patient's."""
    return rules.Line(
        price.code,
        price.label(settings.LANGUAGE_CODE),
        quantity,
        price.price_cents,
        price.vat_rate,
        price.exemption,
        mandatory_rate=price.mandatory_rate,
        complementary_rate=price.complementary_rate,
    )


@transactional(BILLING)
def draft_for_appointment(
    *,
    appointment_id: UUID,
    patient_id: UUID,
    practitioner_id: UUID,
    type_code: str,
    service_date: date,
    said_at: datetime | None = None,
) -> Invoice:
    """The draft of a completed appointment, with the price list's lines for its type on that day; made once.

    `said_at` is when the completion was said. A draft that nobody has worked on keeps it as `created_at`, so that what
    was said last counts, in whatever order it arrives: see `withdraw_for_appointment`.

    A type that the price list does not know gives a draft without lines, which waits in the clerk's worklist: a visit
    is never lost because nobody had priced it.
    """
    said_at = said_at or clock.now()
    invoice = Invoice.objects.filter(appointment_id=appointment_id).first()
    if invoice is None:
        selectors.audit(actor=None, patient_id=patient_id, action="create")
        invoice = Invoice.objects.create(
            appointment_id=appointment_id,
            patient_id=patient_id,
            practitioner_id=practitioner_id,
            service_date=service_date,
            created_at=said_at,
        )
    else:
        set_aside = invoice.status == Invoice.Status.DISCARDED
        fresh = _untouched(appointment_id, before=said_at).update(
            created_at=said_at,
            status=Invoice.Status.DRAFT,
            reason="",
            practitioner_id=practitioner_id,
            service_date=service_date,
        )
        invoice.refresh_from_db()
        if not (fresh and set_aside):
            return invoice
        selectors.audit(actor=None, patient_id=patient_id, action="change", invoice_id=invoice.id)
    prices = selectors.prices_for_type(type_code, service_date)
    covers = payers.covers_on(patient_id, service_date)
    draft_lines.write(invoice, [line_from_price(price) for price in prices], covers)
    Invoice.objects.filter(id=invoice.id).update(version=_AS_MADE)
    invoice.refresh_from_db()
    return invoice


def _untouched(appointment_id: UUID, *, before: datetime) -> InvoiceQuerySet[Invoice]:
    """The appointment's draft, set aside or not, if no clerk has changed or discarded it and it speaks of `before`."""
    return Invoice.objects.filter(
        appointment_id=appointment_id,
        status__in=[Invoice.Status.DRAFT, Invoice.Status.DISCARDED],
        version=_AS_MADE,
        created_at__lt=before,
    )


def charged_for(appointment_id: UUID) -> Invoice | None:
    """What charges the appointment by a clerk's hand: it was changed or issued, and no reopened visit takes it back."""
    rows = Invoice.objects.filter(appointment_id=appointment_id).exclude(status=Invoice.Status.DISCARDED)
    return rows.exclude(status=Invoice.Status.DRAFT, version=_AS_MADE).first()


@transactional(BILLING)
def withdraw_for_appointment(*, appointment_id: UUID, patient_id: UUID, said_at: datetime) -> None:
    """The visit was not over after all: put its draft aside, unless somebody has worked on it since. When the visit is
    completed once more the draft is there again; a completion that was said before and comes later makes none."""
    with translation.override(settings.LANGUAGE_CODE):
        reason = gettext("The visit was not over: its completion was taken back.")
    aside = {"created_at": said_at, "status": Invoice.Status.DISCARDED, "reason": reason, "changed_at": clock.now()}
    if Invoice.objects.filter(appointment_id=appointment_id).exists():
        if _untouched(appointment_id, before=said_at).update(**aside):
            selectors.audit(actor=None, patient_id=patient_id, action="discard")
        return
    selectors.audit(actor=None, patient_id=patient_id, action="create")
    Invoice.objects.create(appointment_id=appointment_id, patient_id=patient_id, version=_AS_MADE, **aside)


def create_draft(
    *,
    actor: User,
    patient_id: UUID,
    lines: Sequence[rules.Line] = (),
    service_date: date | None = None,
    practitioner_id: UUID | None = None,
    third_party: Mapping[rules.Payer, bool] | None = None,
) -> Invoice:
    """A draft by hand, shared with the insurers that the patient has on the day of care; `third_party` says of each
    whether it pays the hospital itself, which it does when nothing is said.

    Raises `Refused`, `NotFound` for an unknown patient, `Invalid` for a line or date.
    """
    selectors.require(actor, ADD)
    patient_card(patient_id)  # raises NotFound
    if (current := follow(patient_id)) != patient_id:
        raise Merged(patient_id, current)
    _check_context(service_date, practitioner_id)
    draft_lines.check(lines)
    selectors.audit(actor=actor, patient_id=patient_id, action="create")
    covers = payers.covers_on(patient_id, service_date, third_party)
    return _create(patient_id, lines, service_date, practitioner_id, covers)


@transactional(BILLING)
def _create(
    patient_id: UUID,
    lines: Sequence[rules.Line],
    service_date: date | None,
    practitioner_id: UUID | None,
    covers: Sequence[payers.Cover],
) -> Invoice:
    invoice = Invoice.objects.create(patient_id=patient_id, service_date=service_date, practitioner_id=practitioner_id)
    draft_lines.write(invoice, lines, covers)
    invoice.refresh_from_db()
    return invoice


def edit_draft(
    *,
    actor: User,
    invoice_id: UUID,
    version: int,
    lines: Sequence[rules.Line],
    service_date: date | None = None,
    practitioner_id: UUID | None = None,
    third_party: Mapping[rules.Payer, bool] | None = None,
) -> Invoice:
    """Replace what a draft charges. `version` is the one the caller has seen. The insurers are read anew;
    `third_party` None leaves them paying as they do.

    Raises `Stale` when somebody changed it since, `InvoiceIssued` when it has left the drafts, `Invalid` for a line.
    """
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, CHANGE)
    _check_context(service_date, practitioner_id)
    draft_lines.check(lines)
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="change", invoice_id=invoice.id)
    if third_party is None:
        third_party = payers.chosen_of(invoice)
    covers = payers.covers_on(invoice.patient_id, service_date, third_party)
    return _edit(invoice_id, version, lines, service_date, practitioner_id, covers)


@transactional(BILLING)
def _edit(
    invoice_id: UUID,
    version: int,
    lines: Sequence[rules.Line],
    service_date: date | None,
    practitioner_id: UUID | None,
    covers: Sequence[payers.Cover],
) -> Invoice:
    invoice = lock_draft(invoice_id)
    if invoice.version != version:
        raise Stale
    Invoice.objects.filter(id=invoice.id).update(service_date=service_date, practitioner_id=practitioner_id)
    invoice.refresh_from_db()
    draft_lines.write(invoice, lines, covers)
    invoice.refresh_from_db()
    return invoice


def discard_draft(*, actor: User, invoice_id: UUID, reason: str) -> Invoice:
    """Put a draft aside that is not to be charged. It stays in the table, with the reason. Raises as `edit_draft`."""
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, CHANGE)
    reason = clean_reason(reason)
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="discard", invoice_id=invoice.id)
    return _discard(invoice_id, reason)


@transactional(BILLING)
def _discard(invoice_id: UUID, reason: str) -> Invoice:
    invoice = lock_draft(invoice_id)
    Invoice.objects.filter(id=invoice.id).update(
        status=Invoice.Status.DISCARDED, reason=reason, version=F("version") + 1, changed_at=clock.now()
    )
    invoice.refresh_from_db()
    return invoice


def lock_draft(invoice_id: UUID) -> Invoice:
    """The draft, locked until the transaction ends. Raises `InvoiceIssued` when it is a draft no more."""
    invoice = Invoice.objects.select_for_update().filter(id=invoice_id).first()
    if invoice is None:
        raise NotFound
    if invoice.status != Invoice.Status.DRAFT:
        raise InvoiceIssued
    return invoice


def clean_reason(reason: str) -> str:
    reason = " ".join(reason.split())
    if not reason or len(reason) > 200 or not reason.isprintable():
        raise Invalid({"reason": [_("Give a reason, in at most 200 characters.")]})
    return reason


def _check_context(service_date: date | None, practitioner_id: UUID | None) -> None:
    if service_date is not None and service_date > clock.today():
        raise Invalid({"service_date": [_("Care that has not been given yet cannot be charged.")]})
    if practitioner_id is not None and practitioner_id not in practitioner_cards([practitioner_id]):
        raise Invalid({"practitioner_id": [_("No such practitioner.")]})
