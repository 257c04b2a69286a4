"""The export of a year's books (FEC), and its check."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

from django.utils import translation
from django.utils.translation import gettext as _

from billing import fec_rules, legal
from billing.books.entries import entries
from billing.books.periods import Period
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid


def year_period(year: int) -> Period:
    """Raises `Invalid` for a year that has not begun, or that no invoice can be of."""
    if not 2000 <= year <= clock.today().year:
        raise Invalid({"year": [_("Enter a year up to this one.")]})
    return Period(date(year, 1, 1), date(year, 12, 31))


def file_name(year: int) -> str:
    siren = re.sub(r"\s", "", legal.seller()["siret"])[:9]
    return fec_rules.file_name(siren, date(year, 12, 31))


def export(year: int) -> Iterator[str]:
    """The lines of the file of a year. In French, whoever asks: it is the tax office's."""
    period = year_period(year)

    def lines() -> Iterator[str]:
        with translation.override("fr"):
            yield from fec_rules.write(entries(period))

    return lines()


def check(lines: Iterable[str], *, name: str = "") -> Iterator[fec_rules.Fault]:
    return fec_rules.check(lines, name=name)
