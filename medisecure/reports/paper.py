"""A report as a PDF and as a CSV: the same tables, cell by cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from medisecure.kernel.pdf import render_pdf
from medisecure.reports.figures import Report, Unit, cell, separator, shown
from medisecure.reports.plots import draw


def as_pdf(report: Report, *, made_at: datetime) -> bytes:
    return render_pdf("report", paper(report, made_at=made_at), created=made_at)


def paper(report: Report, *, made_at: datetime) -> dict[str, Any]:
    """What `templates/pdf/report.typ` prints: words and figures as they stand on the paper."""
    pictures = [(plot.title, draw(plot)) for plot in report.plots]
    return {
        "language": (get_language() or "fr")[:2],
        "title": report.title,
        "asked": " · ".join(_("%(name)s: %(value)s") % {"name": name, "value": value} for name, value in report.asked),
        "made": _("Made on %(when)s") % {"when": date_format(localtime(made_at), "DATETIME_FORMAT")},
        "facts": [[name, shown(value, unit)] for name, value, unit in report.facts],
        "plots": [{"title": title, "svg": svg, "alt": _alt(title)} for title, svg in pictures if svg],
        "tables": [
            {
                "title": table.title,
                "headers": [column.title for column in table.columns],
                "figures": [column.unit is not Unit.TEXT for column in table.columns],
                "rows": [
                    [shown(value, column.unit) for value, column in zip(row, table.columns, strict=True)]
                    for row in table.rows
                ],
                "total": table.total,
                "note": table.note,
            }
            for table in report.tables
        ],
        "none": _("Nothing in this period."),
        "plots_title": _("At a glance"),
        "notes_title": _("How it was counted"),
        "notes": list(report.notes),
        "page": _("Page"),
        "of": _("of"),
    }


def _alt(title: str) -> str:
    return _("Plot: %(title)s. Its figures are in the tables.") % {"title": title}


def as_csv(report: Report, *, made_at: datetime) -> bytes:
    """UTF-8 with the mark by which spreadsheets know it; a blank line between tables."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator())
    for row in _lines(report, made_at):
        writer.writerow(row)
    return ("\ufeff" + out.getvalue()).encode()


def _lines(report: Report, made_at: datetime) -> Iterator[list[str]]:
    yield [cell(report.title, Unit.TEXT)]
    for name, words in report.asked:
        yield [cell(name, Unit.TEXT), cell(words, Unit.TEXT)]
    yield [_("Made"), f"{localtime(made_at):%Y-%m-%d %H:%M:%S}"]
    for name, value, unit in report.facts:
        yield [cell(name, Unit.TEXT), cell(value, unit)]
    for table in report.tables:
        yield []
        yield [cell(table.title, Unit.TEXT)]
        yield [cell(_headed(column.title, column.unit), Unit.TEXT) for column in table.columns]
        for row in table.rows:
            yield [cell(value, column.unit) for value, column in zip(row, table.columns, strict=True)]
    yield []
    for note in report.notes:
        yield [cell(note, Unit.TEXT)]


def _headed(title: str, unit: Unit) -> str:
    """What the paper says after each figure, a CSV says once above them."""
    name = {
        Unit.PERCENT: "%",
        Unit.MINUTES: "min",
        Unit.DAYS: _("days"),
        Unit.CENTS: "EUR",
    }.get(unit, "")
    return f"{title} ({name})" if name else title
