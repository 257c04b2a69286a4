"""Lines of a draft: checked, computed and written as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db.models import F
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import rules
from billing.models import Invoice, InvoiceItem
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


def write(invoice: Invoice, lines: Sequence[rules.Line]) -> rules.Totals:
    """Replace the draft's lines and totals; the caller has locked the draft. Raises as `check` does."""
    computed = check(lines)
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
            net_cents=amounts.net_cents,
            vat_cents=amounts.vat_cents,
            total_cents=amounts.total_cents,
        )
        for position, (line, amounts) in enumerate(zip(lines, computed.lines, strict=True), start=1)
    )
    whole = computed.whole
    Invoice.objects.filter(id=invoice.id).update(
        net_cents=whole.net_cents,
        vat_cents=whole.vat_cents,
        total_cents=whole.total_cents,
        version=F("version") + 1,
        changed_at=clock.now(),
    )
    return computed
