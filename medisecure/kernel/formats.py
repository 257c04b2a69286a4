"""How amounts are shown to people, apart from `money`, which only computes and knows no Django."""

from __future__ import annotations

from django.utils import formats
from django.utils.translation import get_language

from medisecure.kernel.money import to_decimal


def format_cents(cents: int) -> str:
    """The amount as people read it in the active language: "1 234,56 €" in French, "€1,234.56" in English."""
    figure = formats.number_format(to_decimal(abs(cents)), decimal_pos=2, use_l10n=True, force_grouping=True)
    sign = "-" if cents < 0 else ""
    if (get_language() or "fr").startswith("en"):
        return f"{sign}€{figure}"
    # A no-break space keeps the sign with its figure at the end of a line.
    return f"{sign}{figure}\N{NO-BREAK SPACE}€"
