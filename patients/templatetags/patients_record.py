"""How a medical record's values are written on a page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format, get_format
from django.utils.translation import gettext_lazy as _

from patients.rules import written_unit

register = template.Library()

#: What a row says besides its name, in the order in which it is read.
_DETAILS = ("dosage", "reason", "severity", "criticality", "lot_number", "payer", "place", "practitioner_name", "note")

#: FHIR's codes of a row's state, in words.
_STATES = {
    "active": _("active"),
    "cancelled": _("cancelled"),
    "completed": _("completed"),
    "entered-in-error": _("entered in error"),
    "finished": _("finished"),
    "inactive": _("inactive"),
    "in-progress": _("in progress"),
    "not-done": _("not done"),
    "on-hold": _("on hold"),
    "planned": _("planned"),
    "recurrence": _("recurrence"),
    "relapse": _("relapse"),
    "remission": _("remission"),
    "resolved": _("resolved"),
    "stopped": _("stopped"),
}


@register.filter
def in_words(code: str) -> str:
    """A state that is not known here stays the code that the source gave."""
    return str(_STATES.get(code, code))


@register.simple_tag
def known_date(at: datetime | None, precision: str) -> str:
    """A date as far as it is known: a year, a month, a day, or the local date of an instant."""
    if at is None:
        return "–"
    if precision == "instant":
        return date_format(timezone.localtime(at), "SHORT_DATE_FORMAT")
    day = at.astimezone(UTC).date()
    if precision == "year":
        return str(day.year)
    return date_format(day, "YEAR_MONTH_FORMAT" if precision == "month" else "SHORT_DATE_FORMAT")


@register.filter
def details(row: Mapping[str, Any]) -> str:
    found = [str(row[name]) for name in _DETAILS if row.get(name)]
    found += [item["display"] for item in row.get("reactions") or [] if item.get("display")]
    return "\n".join(found)


@register.filter
def measured(row: Mapping[str, Any]) -> str:
    """An observation's value with its unit, or those of its components."""
    if parts := row.get("components"):
        return ", ".join(f"{part.get('display', '')} {_value(part)}".strip() for part in parts)
    return _value(row)


def _value(row: Mapping[str, Any]) -> str:
    if row.get("quantity"):
        figure = localized_digits(str(row["quantity"]))
        return f"{row.get('comparator', '')}{figure} {written_unit(str(row.get('unit') or ''))}".strip()
    return str(row.get("value_text") or row.get("value_code") or "–")


@register.filter
def tick(value: float, decimals: int) -> str:
    """A figure of a plot's scale in the active language, without zeros that say nothing."""
    text = f"{value:.{decimals}f}"
    return localized_digits(text.rstrip("0").rstrip(".") if "." in text else text)


@register.filter
def localized_digits(text: str) -> str:
    """Digits with the decimal sign of the active language, none added and none taken away."""
    return text.replace(".", get_format("DECIMAL_SEPARATOR")) if "." in text else text


@register.filter
def entry_words(values: Mapping[str, Any]) -> str:
    """One state of an entry as lines of words: what it says, and nothing that only a program reads."""
    lines = []
    for name, value in values.items():
        if name not in _ENTRY_LABELS or value in ("", None, []):
            continue
        if name == "reactions":
            value = ", ".join(str(item.get("display", "")) for item in value)
        elif name.endswith("_at"):
            precision = str(values.get(f"{name.removesuffix('_at')}_precision", "instant"))
            value = known_date(datetime.fromisoformat(value), precision)
        elif name in ("status", "verification"):
            value = in_words(value)
        lines.append(f"{_ENTRY_LABELS[name]} {value}")
    if values.get("components") or values.get("quantity"):
        lines.append(measured(values))
    return "\n".join(lines)


_ENTRY_LABELS = {
    "display": _("Name:"),
    "code": _("Code:"),
    "status": _("Status:"),
    "verification": _("Verification:"),
    "started_at": _("From:"),
    "ended_at": _("Until:"),
    "severity": _("Severity:"),
    "criticality": _("Risk:"),
    "reactions": _("Reactions:"),
    "dosage": _("Dosage:"),
    "reason": _("Indication:"),
    "lot_number": _("Lot:"),
    "place": _("Place:"),
    "note": _("Remark:"),
}
