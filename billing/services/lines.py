"""Lines of a draft: checked, computed and written as one, with who pays which part of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from django.db.models import F
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import rules, selectors
from billing.models import Invoice, InvoiceItem, Price
from billing.services import payers
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid

TEXTS: Final[dict[str, str | Promise]] = {
    "missing": _("This field is required."),
    "too-long": _("This is too long."),
    "not-positive": _("Enter a number above zero."),
    "too-large": _("This is too large."),
    "too-precise": _("At most three decimals."),
    "negative": _("This cannot be negative."),
    "exemption-needed": _("Choose a VAT rate, or the reason why there is none."),
    "exemption-not-allowed": _("A line with VAT has no exemption."),
    "discount-twice": _("Give the discount in percent or as an amount, not both."),
    "above-price": _("A discount is at most the price of the line."),
    "above-whole": _("The insurers bear at most 100 % together."),
}


def check(lines: Sequence[rules.Line]) -> rules.Totals:
    """The amounts of these lines. Raises `Invalid` with `lines.<index>.<field>` for each fault."""
    errors: dict[str, list[str | Promise]] = {
        f"lines.{index}.{field}": [TEXTS[code]]
        for index, line in enumerate(lines)
        for field, code in rules.line_faults(line).items()
    }
    if len(lines) > rules.MAX_LINES:
        errors["lines"] = [_("An invoice has at most 200 lines.")]
    if errors:
        raise Invalid(errors)
    computed = rules.totals(lines)
    if computed.whole.total_cents > rules.MAX_TOTAL_CENTS:
        raise Invalid({"lines": [_("The total is too large.")]})
    return computed


def mark(price: Price | None) -> str:
    """What the price list says of a code on a day, in one word that is compared."""
    if price is None:
        return ""
    rates = (price.vat_rate, price.exemption, price.mandatory_rate, price.complementary_rate)
    return "|".join(str(part) for part in (price.price_cents, *rates))


def marks(lines: Iterable[rules.Line], on: date) -> dict[str, str]:
    """Code → the mark of its price on that day."""
    listed = selectors.labels_of({line.code for line in lines if line.code}, on)
    return {code: mark(price) for code, price in listed.items()}


def write(invoice: Invoice, lines: Sequence[rules.Line], covers: Iterable[payers.Cover] = ()) -> rules.Totals:
    """Replace the draft's lines, shares and totals; the caller has locked the draft. Raises as `check` does."""
    computed = check(lines)
    listed = marks(lines, invoice.service_date or clock.today())
    InvoiceItem.objects.filter(invoice=invoice).delete()
    InvoiceItem.objects.bulk_create(
        InvoiceItem(
            invoice=invoice,
            position=position,
            code=line.code,
            label=line.label.strip(),
            quantity=line.quantity,
            unit_price_cents=line.unit_price_cents,
            vat_rate=line.vat_rate,
            exemption=line.exemption,
            discount_rate=line.discount_rate,
            discount_cents=amounts.discount_cents,
            mandatory_rate=line.mandatory_rate,
            complementary_rate=line.complementary_rate,
            listed=listed.get(line.code, ""),
            net_cents=amounts.net_cents,
            vat_cents=amounts.vat_cents,
            total_cents=amounts.total_cents,
        )
        for position, (line, amounts) in enumerate(zip(lines, computed.lines, strict=True), start=1)
    )
    payers.write(invoice, lines, computed.lines, covers)
    whole = computed.whole
    Invoice.objects.filter(id=invoice.id).update(
        net_cents=whole.net_cents,
        vat_cents=whole.vat_cents,
        total_cents=whole.total_cents,
        version=F("version") + 1,
        changed_at=clock.now(),
    )
    return computed
