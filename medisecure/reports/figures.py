"""What a report says, before anybody draws or writes it: one `Report`, from which both PDF and CSV are made. A plot is
a column of a table, so it cannot say anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from django.utils import formats
from django.utils.translation import get_language

from medisecure.kernel.formats import format_cents
from medisecure.kernel.money import to_decimal
from medisecure.reports import rules

Value = str | int | float | None


class Unit(StrEnum):
    TEXT = "text"
    COUNT = "count"
    PERCENT = "percent"
    MINUTES = "minutes"
    DAYS = "days"
    CENTS = "cents"


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    unit: Unit = Unit.COUNT


@dataclass(frozen=True, slots=True)
class Table:
    """`total`: the last row is the sum of the others."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    total: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """Columns `values` of a table, by its column 0. `course`: over time, from left to right; else one bar a row."""

    title: str
    table: Table
    values: Sequence[int]
    course: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """`facts`: what to know first. `notes`: how it was counted. Words are in one person's language, figures are raw."""

    title: str
    #: Name → what was asked for: period, place, unit, practitioner.
    asked: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, Value, Unit]]
    plots: Sequence[Plot]
    tables: Sequence[Table]
    notes: Sequence[str]


def separator() -> str:
    """Between the cells of a CSV, as spreadsheets of the active language want it: where the comma is in the numbers, it
    cannot be between them."""
    return ";" if decimal_comma() else ","


def decimal_comma() -> bool:
    return not (get_language() or "fr").startswith("en")


def shown(value: Value, unit: Unit) -> str:
    """For people, in the active language."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if unit is Unit.CENTS:
        return format_cents(int(value))
    places = 1 if isinstance(value, float) else 0
    text = str(formats.number_format(value, decimal_pos=places, use_l10n=True, force_grouping=True))
    gap = "\N{NO-BREAK SPACE}"
    return {
        Unit.PERCENT: f"{text}{gap}%" if decimal_comma() else f"{text}%",
        Unit.MINUTES: f"{text}{gap}min",
        Unit.DAYS: f"{text}{gap}{'j' if decimal_comma() else 'd'}",
    }.get(unit, text)


def cell(value: Value, unit: Unit) -> str:
    """For a CSV: no grouping and no unit, the decimal mark of the active language, and nothing that computes."""
    if value is None:
        return ""
    if isinstance(value, str):
        return rules.defused(value)
    text = str(to_decimal(int(value))) if unit is Unit.CENTS else str(Decimal(str(value)))
    return text.replace(".", ",") if decimal_comma() else text
