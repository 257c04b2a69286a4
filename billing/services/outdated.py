"""What has changed under a draft since it was last saved: prices of the list, insurers of the patient."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import rules, selectors, snapshot
from billing.models import Invoice, InvoiceItem, InvoiceShare, Price
from billing.services import payers
from billing.services.lines import mark
from medisecure.kernel import clock
from medisecure.kernel.formats import format_cents

Changes = dict[str, list[str | Promise]]


def changes(invoice: Invoice, items: Sequence[InvoiceItem], covers: Sequence[payers.Cover]) -> Changes:
    """By field, a sentence for each; empty when the draft is as it was saved. `covers` are the insurers of now."""
    found: Changes = {}
    # Lines that were written before marks were kept have none, and nothing to be compared with.
    marked = {item.code for item in items if item.code and item.listed}
    listed = selectors.labels_of(marked, invoice.service_date or clock.today())
    for index, item in enumerate(items):
        if item.code in marked and item.listed != mark(listed.get(item.code)):
            found[f"lines.{index}.unit_price_cents"] = [_price_text(item, listed.get(item.code))]
    if _changed_payers(invoice, items, covers):
        found["payers"] = [
            _("The patient’s insurers have changed since the draft was saved. Open it and save it again.")
        ]
    return found


def _price_text(item: InvoiceItem, price: Price | None) -> str:
    if price is None:
        return _("%(code)s is not in the price list any more. Open the draft and save it again.") % {"code": item.code}
    text = _("The price list has changed since the draft was saved: %(code)s is %(now)s there, %(draft)s here.")
    values = {"code": item.code, "now": format_cents(price.price_cents), "draft": format_cents(item.unit_price_cents)}
    return text % values


def _changed_payers(invoice: Invoice, items: Sequence[InvoiceItem], covers: Sequence[payers.Cover]) -> bool:
    lines = [snapshot.line_of(item) for item in items]
    computed = rules.totals(lines).lines
    now = payers.shares(invoice, lines, computed, covers)
    # A new name of who bears nothing changes nothing.
    return _asked(now) != _asked(payers.shares(invoice, lines, computed, payers.covers_of(invoice)))


def _asked(rows: Sequence[InvoiceShare]) -> list[tuple[str, str, int, int]]:
    return [(row.payer, row.insurer, row.covered_cents, row.amount_cents) for row in rows if row.covered_cents]
