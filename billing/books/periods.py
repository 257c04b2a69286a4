"""Days and months of the hospital's wall clock as instants of the databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats
from django.utils.translation import gettext as _

from medisecure.kernel.errors import Invalid

#: The longest period of one table.
MOST_DAYS: Final = 3660


@dataclass(frozen=True, slots=True)
class Period:
    """From one day to another, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise Invalid({"last": [_("The last day must not be before the first.")]})
        if (self.last - self.first).days > MOST_DAYS:
            raise Invalid({"first": [_("A table covers ten years at most.")]})

    @property
    def start(self) -> datetime:
        return starts(self.first)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return starts(self.last + timedelta(days=1))

    @property
    def text(self) -> str:
        first, last = (formats.date_format(day, "j F Y") for day in (self.first, self.last))
        return first if first == last else _("from %(first)s to %(last)s") % {"first": first, "last": last}

    def months(self) -> Iterator[Period]:
        """Its months, the first and the last as far as they are in it."""
        day = self.first
        while day <= self.last:
            end = (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            yield Period(day, min(end, self.last))
            day = end + timedelta(days=1)


def starts(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(settings.TIME_ZONE))


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    return Period(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))
