"""The paper: made once from what was frozen, kept in object storage, never made again."""

from __future__ import annotations

import hashlib
import io
from uuid import UUID

from billing import snapshot
from billing.models import Invoice
from medisecure.kernel import objects
from medisecure.kernel.databases import BILLING
from medisecure.kernel.pdf import render_pdf
from medisecure.kernel.transactions import atomic

PDF = "application/pdf"


def make_pdf(invoice_id: UUID) -> str:
    """Render, store and note the PDF of an issued invoice; returns its key. A repeat finds it and does nothing.

    The bytes follow from the frozen invoice alone (its date of issue is the document's), so a try that died after it
    had stored them is recognised by their digest and not stored twice.
    """
    invoice = Invoice.objects.issued().get(id=invoice_id)
    if invoice.pdf_key:
        return invoice.pdf_key
    content = render_pdf("invoice", snapshot.paper(invoice, list(invoice.items.all())), created=invoice.issued_at)
    digest = hashlib.sha256(content).hexdigest()
    key = _store(f"invoices/{invoice.year}/{invoice.number}-{invoice.id}.pdf", content, digest)
    with atomic(BILLING):
        if Invoice.objects.filter(id=invoice.id, pdf_key="").update(pdf_key=key, pdf_sha256=digest):
            return key
    # Another worker was first.
    return Invoice.objects.get(id=invoice.id).pdf_key


def _store(key: str, content: bytes, digest: str) -> str:
    bucket = objects.documents()
    if bucket.exists(key):
        with bucket.open(key) as found:
            if hashlib.sha256(found.read()).hexdigest() == digest:
                return key
    # A half-written leftover keeps its name and this one gets another.
    return bucket.save(key, io.BytesIO(content), PDF)
