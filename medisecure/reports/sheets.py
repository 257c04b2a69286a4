"""Rows of cells as a CSV or as a sheet of a spreadsheet, written as they come. No cell computes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any, Final, Protocol

import xlsxwriter
from django.utils.translation import gettext as _

from medisecure.kernel.errors import DomainError
from medisecure.reports import rules
from medisecure.reports.figures import decimal_comma, separator
from medisecure.reports.lists import Cell
from medisecure.reports.models import JobFile
from medisecure.reports.store import scratch_folder


class TooManyRows(DomainError):
    code = "too-many-rows"
    status = 422


class Sheet(Protocol):
    def write(self, cells: Sequence[Cell]) -> None: ...


class Csv:
    """RFC 4180 in UTF-8, with the mark by which spreadsheets know it; separator and decimal mark of the active
    language. A text that a spreadsheet would compute gets a quote before it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(file, "utf-8", newline="", write_through=False)
        self._text.write("\ufeff")
        self._writer = csv.writer(self._text, delimiter=separator())
        self._comma = decimal_comma()
        self._words = {True: _("Yes"), False: _("No")}

    def write(self, cells: Sequence[Cell]) -> None:
        self._writer.writerow([self._cell(value) for value in cells])

    def _cell(self, value: Cell) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return rules.defused(value)
        if isinstance(value, bool):
            return self._words[value]
        if isinstance(value, datetime):
            return value.isoformat(" ", "seconds")
        text = str(value)
        return text.replace(".", ",") if self._comma and isinstance(value, float | Decimal) else text

    def close(self) -> None:
        """What is still in memory goes to the file."""
        self._text.flush()
        # The file is its owner's to close.
        self._text.detach()


class Xlsx:
    """One sheet. Each row goes to disk when the next one begins (`constant_memory`). Texts are written as texts, never
    as formulas or links; one that looks like a formula is marked so that editing the cell does not make it one."""

    #: What Excel counts days from.
    _SINCE: Final = datetime(1899, 12, 31)  # noqa: DTZ001 - a spreadsheet knows no zones

    def __init__(self, file: IO[bytes], folder: str) -> None:
        options: dict[str, Any] = {
            "constant_memory": True,
            "tmpdir": folder,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = xlsxwriter.Workbook(file, options)
        self._sheet = self._book.add_worksheet()
        self._quoted = self._book.add_format({"quote_prefix": True})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._instant = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._heading = self._book.add_format({"bold": True})
        self._words = {True: _("Yes"), False: _("No")}
        self._row = 0

    def write(self, cells: Sequence[Cell]) -> None:
        if self._row >= rules.SHEET_ROWS:
            raise TooManyRows
        if not self._row:
            self._sheet.set_column(0, len(cells) - 1, 22)
            self._sheet.freeze_panes(1, 0)
        for column, value in enumerate(cells):
            self._write(column, value)
        self._row += 1

    def _write(self, column: int, value: Cell) -> None:
        if isinstance(value, bool):
            value = self._words[value]
        if isinstance(value, str):
            text = value if len(value) <= rules.SHEET_TEXT else f"{value[: rules.SHEET_TEXT - 1]}…"
            style = self._heading if not self._row else self._quoted if rules.is_formula(text) else None
            self._sheet.write_string(self._row, column, text, style)
        elif isinstance(value, datetime):
            self._sheet.write_datetime(self._row, column, value, self._instant)
        elif isinstance(value, date):
            self._sheet.write_datetime(self._row, column, value, self._day)
        elif value is not None:
            self._sheet.write_number(self._row, column, value)

    def close(self) -> None:
        self._book.close()

    def abandon(self) -> None:
        """Nobody wants it any more: the library must not write it when it is collected."""
        self._book.fileclosed = True


@contextmanager
def sheet(format_: str, file: IO[bytes]) -> Iterator[Sheet]:
    """A sheet to write rows to; it is whole in `file` when the block ends well."""
    if format_ == JobFile.Format.XLSX:
        with scratch_folder() as folder:
            book = Xlsx(file, folder)
            try:
                yield book
            except BaseException:
                book.abandon()
                raise
            book.close()
        return
    text = Csv(file)
    yield text
    text.close()
