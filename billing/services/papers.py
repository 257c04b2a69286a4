"""The paper of an invoice: made once from what was frozen, kept in object storage, never made again."""

from __future__ import annotations

import hashlib
from typing import Final
from uuid import UUID

from billing import facturx, snapshot
from billing.models import Invoice
from billing.services.storing import store_once
from medisecure.kernel.databases import BILLING
from medisecure.kernel.pdf import render_pdf
from medisecure.kernel.pdf_metadata import Property, Schema, describe
from medisecure.kernel.transactions import atomic

#: By which readers find the XML in the paper (Factur-X 1.07, §6.2.2).
_FACTURX: Final = Schema(
    title="Factur-X PDFA Extension Schema",
    namespace="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#",
    prefix="fx",
    properties=(
        Property("DocumentFileName", facturx.FILE_NAME, "The name of the embedded XML document"),
        Property("DocumentType", "INVOICE", "The type of the hybrid document"),
        Property("Version", "1.0", "The version of the Factur-X schema of the XML"),
        Property("ConformanceLevel", facturx.PROFILE, "The profile of the XML"),
    ),
)


def make_pdf(invoice_id: UUID) -> str:
    """Render, store and note the PDF of an issued invoice; returns its key. A repeat finds it and does nothing.

    The bytes follow from the frozen invoice alone (its date of issue is the document's), so a try that died after it
    had stored them is recognised by their digest and not stored twice.
    """
    invoice = Invoice.objects.issued().get(id=invoice_id)
    if invoice.pdf_key:
        return invoice.pdf_key
    content = pdf_of(invoice)
    digest = hashlib.sha256(content).hexdigest()
    key = store_once(f"invoices/{invoice.year}/{invoice.number}-{invoice.id}.pdf", content)
    with atomic(BILLING):
        if Invoice.objects.filter(id=invoice.id, pdf_key="").update(pdf_key=key, pdf_sha256=digest):
            return key
    # Another worker was first.
    return Invoice.objects.get(id=invoice.id).pdf_key


def pdf_of(invoice: Invoice) -> bytes:
    """The bytes of an issued invoice's paper; to a business, with its Factur-X inside."""
    items = list(invoice.items.all())
    data = snapshot.paper(invoice, items)
    if not (invoice.snapshot or {}).get("bill_to"):
        return render_pdf("invoice", data, created=invoice.issued_at)
    xml = facturx.xml_of(invoice, items).decode("utf-8")
    return describe(render_pdf("invoice", data, created=invoice.issued_at, attachment=xml), _FACTURX)
