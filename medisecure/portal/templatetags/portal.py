"""What the portal's templates need beyond Django's own tags."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils import formats
from django.utils.http import urlencode

from medisecure.kernel.formats import format_cents

register = template.Library()


@register.simple_tag(takes_context=True)
def page_address(context: dict[str, Any], key: str, number: int) -> str:
    """This page's own address with another page number, its other parameters kept."""
    request: HttpRequest = context["request"]
    values = request.GET.copy()
    values[key] = str(number)
    return f"?{urlencode(values, doseq=True)}"


@register.filter
def euros(cents: int | None) -> str:
    """Cents as an amount in the active language; nothing for None."""
    return "" if cents is None else format_cents(cents)


#: State → how its badge looks; what it means is said by its text.
_BADGES = {
    "booked": "info",
    "confirmed": "good",
    "arrived": "good",
    "in_progress": "good",
    "no_show": "bad",
    "issued": "warn",
    "overdue": "bad",
    "paid": "good",
    "ready": "good",
    "asked": "info",
    "running": "info",
    "failed": "bad",
    "open": "info",
    "decided": "info",
    "done": "good",
}


@register.filter
def badge(state: str) -> str:
    """The class of the badge of an appointment's or invoice's state; plain for one that needs no attention."""
    kind = _BADGES.get(state, "")
    return f"badge badge-{kind}" if kind else "badge"


@register.filter
def figure(value: Decimal) -> str:
    """A quantity in the active language's notation, without the zeros that its column adds: 0.500 is 0.5."""
    return str(formats.number_format(f"{value.normalize():f}", use_l10n=True))
