"""What goes to the patient by post, because there is no mail address."""

from __future__ import annotations

from uuid import UUID

from billing import selectors
from billing.models import Invoice
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import InvoiceNotOpen
from medisecure.kernel.transactions import transactional

ISSUE = "billing.issue_invoice"


def mark_sent(*, actor: User, invoice_id: UUID) -> None:
    """Note that the paper was posted; the first time counts. Raises `NotFound`, `Refused`, `InvoiceNotOpen` for what
    has no paper yet."""
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, ISSUE)
    if not invoice.is_issued or not invoice.pdf_key:
        raise InvoiceNotOpen
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="send", invoice_id=invoice.id)
    _mark(invoice_id)


@transactional(BILLING)
def _mark(invoice_id: UUID) -> None:
    Invoice.objects.filter(id=invoice_id, sent_at=None).update(sent_at=clock.now())
