"""Each report as one function: what was asked for → its figures, in the active language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from medisecure.reports.figures import Report
from medisecure.reports.kinds import visits
from medisecure.reports.kinds.access import access_log
from medisecure.reports.kinds.common import Asked, Tick
from medisecure.reports.kinds.money import revenue
from medisecure.reports.rules import Kind

__all__ = ["HINTS", "LABELS", "Asked", "Tick", "build"]

LABELS: Final[Mapping[Kind, str | Promise]] = {
    Kind.ACTIVITY: _("Activity"),
    Kind.OCCUPANCY: _("Occupancy"),
    Kind.NO_SHOWS: _("Missed visits"),
    Kind.WAITING: _("Waiting times"),
    Kind.REVENUE: _("Revenue"),
    Kind.AUDIT: _("Use of records"),
}
HINTS: Final[Mapping[Kind, str | Promise]] = {
    Kind.ACTIVITY: _("Visits by day, practitioner, place and type; stays by unit"),
    Kind.OCCUPANCY: _("How much of the time that calendars offer is booked"),
    Kind.NO_SHOWS: _("How often patients do not come, with whom, and how long before they had booked"),
    Kind.WAITING: _("Days from the booking to the visit, minutes from the arrival to the start"),
    Kind.REVENUE: _("What was invoiced, cancelled and paid"),
    Kind.AUDIT: _("Who of the staff opened how many records: counts, no patient is named"),
}
_BUILD: Final[Mapping[Kind, Callable[[Asked, Tick], Report]]] = {
    Kind.ACTIVITY: visits.activity,
    Kind.OCCUPANCY: visits.occupied,
    Kind.NO_SHOWS: visits.missed,
    Kind.WAITING: visits.waits,
    Kind.REVENUE: revenue,
    Kind.AUDIT: access_log,
}


def build(asked: Asked, tick: Tick) -> Report:
    """The figures, as the asker may see them; `tick` is told how far it is in percent."""
    return _BUILD[asked.kind](asked, tick)
