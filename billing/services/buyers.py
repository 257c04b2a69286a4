"""To which business a draft is made out, instead of to the patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from billing import selectors
from billing.buyer_rules import BusinessBuyer, clean
from billing.models import Buyer, Invoice
from billing.services.drafts import CHANGE, lock_draft
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid
from medisecure.kernel.transactions import transactional

TEXTS: Final = {
    "missing": _("This is needed."),
    "too-long": _("This is too long."),
    "not-printable": _("This holds a character that cannot be printed."),
    "not-siren": _("This is no valid SIREN (9 digits) or SIRET (14 digits)."),
    "not-vat": _("This is no valid VAT number of the European Union."),
    "not-postcode": _("This is no postal code."),
    "not-country": _("Two letters, such as FR."),
}


def bill_to(*, actor: User, invoice_id: UUID, values: Mapping[str, str] | None) -> Invoice:
    """Make a draft out to a business; to the patient again when `values` is None. Its keys are those of `Buyer`.

    Raises `NotFound`, `Refused`, `InvoiceIssued` for what is a draft no more, `Invalid` for what a business must have.
    """
    invoice = selectors.find(actor, invoice_id)
    selectors.require(actor, CHANGE)
    buyer = None
    if values is not None:
        buyer = clean(values)
        if buyer.faults:
            raise Invalid({name: [TEXTS[fault]] for name, fault in buyer.faults.items()})
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="change", invoice_id=invoice.id)
    return _bill_to(invoice_id, buyer)


@transactional(BILLING)
def _bill_to(invoice_id: UUID, buyer: BusinessBuyer | None) -> Invoice:
    invoice = lock_draft(invoice_id)
    Buyer.objects.filter(invoice=invoice).delete()
    if buyer is not None:
        Buyer.objects.create(invoice=invoice, **buyer.kept())
    Invoice.objects.filter(id=invoice.id).update(version=F("version") + 1, changed_at=clock.now())
    invoice.refresh_from_db()
    return invoice


def buyer_of(invoice: Invoice) -> BusinessBuyer | None:
    """Whom a draft is made out to, when it is a business."""
    row = Buyer.objects.filter(invoice=invoice).first()
    return row.as_buyer() if row else None
