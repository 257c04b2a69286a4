"""Handing out the paper."""

from __future__ import annotations

from uuid import UUID

from billing import selectors
from medisecure.accounts.models import User
from medisecure.kernel import objects
from medisecure.kernel.errors import PdfNotReady

SECONDS = 300


def pdf_url(*, actor: User, invoice_id: UUID) -> str:
    """A signed address of the PDF, valid for `SECONDS`; see `interface.invoice_pdf_url`."""
    invoice = selectors.find(actor, invoice_id)
    if not invoice.pdf_key:
        raise PdfNotReady
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="download", invoice_id=invoice.id)
    return objects.documents().signed_url(
        invoice.pdf_key, seconds=SECONDS, filename=f"{invoice.number}.pdf", content_type="application/pdf"
    )
