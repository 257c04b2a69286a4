"""A table of figures, and how its cells are written: once for people, once for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats
from django.utils.functional import Promise

from medisecure.kernel import clock
from medisecure.kernel.formats import format_cents
from medisecure.kernel.money import to_decimal

Text = str | Promise
Cell = str | int | date | datetime | Decimal | None


class Kind(StrEnum):
    TEXT = "text"
    #: Whole cents.
    MONEY = "money"
    NUMBER = "number"
    DAY = "day"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Column:
    code: str
    title: Text
    kind: Kind = Kind.TEXT

    @property
    def right(self) -> bool:
        return self.kind in (Kind.MONEY, Kind.NUMBER)


@dataclass(frozen=True, slots=True)
class Table:
    """`total` has a cell for each column, None where there is nothing to add up."""

    code: str
    title: Text
    period: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    total: Sequence[Cell] = ()
    notes: Sequence[Text] = field(default_factory=tuple)

    def shown(self, row: Sequence[Cell]) -> list[str]:
        """The cells of a row as people read them."""
        return [show(column, cell) for column, cell in zip(self.columns, row, strict=True)]


#: A cell of these beginnings would be a formula to a spreadsheet (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def show(column: Column, cell: Cell) -> str:
    if cell is None:
        return ""
    match column.kind:
        case Kind.MONEY:
            return format_cents(int(str(cell)))
        case Kind.NUMBER:
            return str(formats.number_format(_figure(cell), use_l10n=True))
        case Kind.DAY if isinstance(cell, date):
            return formats.date_format(cell, "SHORT_DATE_FORMAT")
        case Kind.TIME if isinstance(cell, datetime):
            return formats.time_format(clock.local(cell, ZoneInfo(settings.TIME_ZONE)).time(), "H:i")
    return str(cell)


def _figure(cell: Cell) -> str:
    """A number without the zeros at its end."""
    return f"{cell.normalize():f}" if isinstance(cell, Decimal) else str(cell)


def _plain(column: Column, cell: Cell) -> str:
    if cell is None:
        return ""
    match column.kind:
        case Kind.MONEY:
            return f"{to_decimal(int(str(cell))):.2f}"
        case Kind.NUMBER:
            return _figure(cell)
        case Kind.DAY if isinstance(cell, date):
            return cell.isoformat()
        case Kind.TIME if isinstance(cell, datetime):
            return clock.local(cell, ZoneInfo(settings.TIME_ZONE)).isoformat(timespec="seconds")
    text = str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_csv(table: Table) -> str:
    """Headings, rows, and the total as the last line. Amounts in euros with a point, days as YYYY-MM-DD."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([column.code for column in table.columns])
    lines: Iterable[Sequence[Cell]] = [*table.rows, *([table.total] if table.total else [])]
    writer.writerows([[_plain(column, cell) for column, cell in zip(table.columns, row, strict=True)] for row in lines])
    return out.getvalue()


def as_content(table: Table, *, language: str, seller: dict[str, Any], made_on: str) -> dict[str, Any]:
    """What `templates/pdf/book.typ` prints."""
    return {
        "language": language,
        "seller": seller,
        "title": str(table.title),
        "period": table.period,
        "made_on": made_on,
        "columns": [{"title": str(column.title), "right": column.right} for column in table.columns],
        "rows": [table.shown(row) for row in table.rows],
        "total": table.shown(table.total) if table.total else [],
        "notes": [str(note) for note in table.notes],
    }
