"""What other apps may ask of billing: ids and frozen dataclasses. Nothing else in this app is theirs to import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from billing import online, papers, selectors
from billing.books.fec import check as check_fec
from billing.books.fec import export as export_fec
from billing.books.fec import file_name as fec_file_name
from billing.demo import ensure_price_list, seed_demo
from billing.models import Invoice, Price
from billing.online import CheckoutCard, answer_test_payment, checkout_card, test_payment
from billing.reporting import Invoiced, Received, Revenue, revenue
from billing.rules import Payer
from billing.services import create_price, credit_cents, make_statement, paper_url, price_files, receipt_url
from billing.services.bank_files import apply as apply_bank_file
from billing.services.bank_files import plan as plan_bank_file
from billing.services.checkouts import Started, start_checkout
from billing.services.price_files import apply as apply_prices
from billing.services.price_files import decode as read_bank_file
from billing.services.price_files import decode as read_price_file
from billing.services.price_files import plan as plan_prices
from billing.verification import Finding as InvoiceFinding
from billing.verification import Problem as InvoiceProblem
from billing.verification import Verification as InvoiceVerification
from billing.verification import issued_count
from billing.verification import verify as verify_invoices
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound
from patients.interface import side_of

__all__ = [
    "CheckoutCard",
    "InvoiceCard",
    "InvoiceFinding",
    "InvoiceLine",
    "InvoiceProblem",
    "InvoiceVerification",
    "Invoiced",
    "PaymentLine",
    "Received",
    "Revenue",
    "ShareLine",
    "Started",
    "answer_test_payment",
    "apply_bank_file",
    "apply_prices",
    "check_fec",
    "checkout_card",
    "create_price",
    "credit_of",
    "ensure_price_list",
    "export_fec",
    "export_prices",
    "fec_file_name",
    "invoice_card",
    "invoice_pdf_url",
    "invoices_for_patient",
    "issued_count",
    "pays_online",
    "plan_bank_file",
    "plan_prices",
    "read_bank_file",
    "read_price_file",
    "receipt_url",
    "revenue",
    "seed_demo",
    "start_checkout",
    "statement_url",
    "test_payment",
    "verify_invoices",
]


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line, in cents; rates in basis points (2000 is 20 %). `discount_cents` has been taken off `net_cents`."""

    code: str
    label: str
    quantity: Decimal
    unit_price_cents: int
    vat_rate: int
    net_cents: int
    vat_cents: int
    total_cents: int
    discount_cents: int = 0


@dataclass(frozen=True, slots=True)
class ShareLine:
    """What one payer bears and owes, in cents; `payer_label` is in the active language, `insurer` a name or empty."""

    payer: str
    payer_label: str
    insurer: str
    #: The insurer pays the hospital itself; else the patient does, and gets `covered_cents` back from the insurer.
    third_party: bool
    covered_cents: int
    amount_cents: int
    paid_cents: int
    written_off_cents: int
    balance_cents: int


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """What a payment has paid of an invoice, in cents; less than zero was taken back. `method_label` and `payer_label`
    are in the active language."""

    received_at: datetime
    method_label: str
    amount_cents: int
    payer: str = "patient"
    payer_label: str = ""
    #: The payment, when this is what was paid at once: it has a receipt.
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class InvoiceCard:
    """An invoice or credit note (`kind`: "invoice", "credit_note"), in cents. `balance_cents` is what the patient owes;
    what insurers owe is `insurers_balance_cents` and never part of it. `overdue` too is about the patient alone."""

    id: UUID
    patient_id: UUID
    appointment_id: UUID | None
    kind: str
    #: draft, issued, paid, credited or discarded; `status_label` says it in the active language.
    status: str
    status_label: str
    number: str
    issued_at: datetime | None
    due_date: date | None
    service_date: date | None
    net_cents: int
    vat_cents: int
    total_cents: int
    paid_cents: int
    balance_cents: int
    insurers_balance_cents: int
    #: The business that it is made out to, which pays it instead of the patient; empty when it is the patient.
    billed_to: str
    overdue: bool
    pdf_ready: bool
    #: Filled by `invoice_card`, empty in lists.
    lines: tuple[InvoiceLine, ...] = ()
    payments: tuple[PaymentLine, ...] = ()
    #: Insurers first, the patient last.
    shares: tuple[ShareLine, ...] = ()

    @property
    def insurers(self) -> tuple[ShareLine, ...]:
        """Those who bear a part; empty for an invoice that is the patient's alone."""
        return tuple(share for share in self.shares if share.insurer and share.covered_cents)


def _shares(invoice: Invoice) -> tuple[ShareLine, ...]:
    return tuple(
        ShareLine(
            payer=row.payer,
            payer_label=str(row.get_payer_display()),
            insurer=row.insurer,
            third_party=row.third_party,
            covered_cents=row.covered_cents,
            amount_cents=row.amount_cents,
            paid_cents=row.paid_cents,
            written_off_cents=row.written_off_cents,
            balance_cents=row.balance_cents if invoice.is_open else 0,
        )
        for row in invoice.shares.all()
    )


def _card(
    invoice: Invoice, today: date, lines: tuple[InvoiceLine, ...] = (), payments: tuple[PaymentLine, ...] = ()
) -> InvoiceCard:
    business = (invoice.snapshot or {}).get("bill_to")
    return InvoiceCard(
        id=invoice.id,
        patient_id=invoice.patient_id,
        appointment_id=invoice.appointment_id,
        kind=invoice.kind,
        status=invoice.status,
        status_label=invoice.get_status_display(),
        number=invoice.number or "",
        issued_at=invoice.issued_at,
        due_date=invoice.due_date,
        service_date=invoice.service_date,
        net_cents=invoice.net_cents,
        vat_cents=invoice.vat_cents,
        total_cents=invoice.total_cents,
        paid_cents=invoice.paid_cents,
        balance_cents=0 if business else invoice.balance_cents,
        insurers_balance_cents=invoice.insurers_balance_cents,
        billed_to=business["name"] if business else "",
        overdue=invoice.is_overdue(today) and not business,
        pdf_ready=bool(invoice.pdf_key),
        lines=lines,
        payments=payments,
        shares=_shares(invoice),
    )


def invoices_for_patient(*, actor: User, patient_id: UUID, limit: int = 100) -> list[InvoiceCard]:
    """The patient's invoices that the actor may see, newest first; audited as one look.

    Raises `NotFound` for somebody who has nothing to do with this patient's invoices.
    """
    if not selectors.sees_all(actor) and ((stand := side_of(actor, patient_id)) is None or stand.restricted):
        raise NotFound
    today = clock.today()
    return [_card(row, today) for row in selectors.open_list(actor=actor, patient_id=patient_id)[:limit]]


def invoice_card(*, actor: User, invoice_id: UUID) -> InvoiceCard:
    """One invoice with its lines and payments, after the check and the audit entry. Raises `NotFound`."""
    invoice = selectors.open_invoice(actor=actor, invoice_id=invoice_id)
    lines = tuple(
        InvoiceLine(
            item.code,
            item.label,
            item.quantity,
            item.unit_price_cents,
            item.vat_rate,
            item.net_cents,
            item.vat_cents,
            item.total_cents,
            item.discount_cents,
        )
        for item in invoice.items.all()
    )
    payments = tuple(
        PaymentLine(
            row.made_at,
            str(row.payment.get_method_display() if row.kind == row.Kind.PAID else row.get_kind_display()),
            row.amount_cents,
            row.payment.payer,
            str(row.payment.get_payer_display()),
            row.payment_id if row.kind == row.Kind.PAID and row.payment.payer == Payer.PATIENT else None,
        )
        for row in invoice.allocations.select_related("payment")
    )
    return _card(invoice, clock.today(), lines, payments)


def credit_of(*, actor: User, patient_id: UUID) -> int:
    """What the hospital holds of the patient's money, in cents. Raises `NotFound` as `invoices_for_patient` does, which
    the caller has asked too: that is the look that is audited."""
    if not selectors.sees_all(actor) and ((stand := side_of(actor, patient_id)) is None or stand.restricted):
        raise NotFound
    return credit_cents(patient_id)


def invoice_pdf_url(*, actor: User, invoice_id: UUID) -> str:
    """An address that serves the PDF for 300 seconds, after the check and the audit entry.

    Raises `NotFound`, or `PdfNotReady` (409) while the worker has not made it, and for a draft, which has none.
    """
    return papers.pdf_url(actor=actor, invoice_id=invoice_id)


def statement_url(*, actor: User, patient_id: UUID, first: date, last: date) -> str:
    """An address that serves the patient's account over these days as a PDF, made now and kept. Raises `NotFound`, and
    `Invalid` for the days."""
    paper = make_statement(actor=actor, patient_id=patient_id, first=first, last=last)
    return paper_url(actor=actor, paper_id=paper.id)


def export_prices() -> Iterator[str]:
    """The whole price list as CSV, line by line."""
    return price_files.export(Price.objects.order_by("code", "valid_from").iterator())


def pays_online() -> bool:
    """Whether there is a payment provider."""
    return online.available()
