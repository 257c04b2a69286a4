"""What the reports share: what was asked for, stretches of time and their names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from appointments.interface import reporting
from medisecure.accounts.models import User
from medisecure.kernel.errors import Refused
from medisecure.reports import rules
from medisecure.reports.rules import Grain, Kind, Span
from patients.interface import practitioner_cards, unit_choices

Tick = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """Local days, both included; narrowed to one place, unit or practitioner when they are named."""

    kind: Kind
    actor: User
    first: date
    last: date
    place: str = ""
    unit_id: UUID | None = None
    practitioner_id: UUID | None = None

    @classmethod
    def read(cls, kind: str, actor: User, parameters: Mapping[str, Any]) -> Asked:
        """From what a job keeps."""
        return cls(
            Kind(kind),
            actor,
            date.fromisoformat(parameters["first"]),
            date.fromisoformat(parameters["last"]),
            parameters.get("place", ""),
            UUID(parameters["unit"]) if parameters.get("unit") else None,
            UUID(parameters["practitioner"]) if parameters.get("practitioner") else None,
        )

    @property
    def period(self) -> reporting.Period:
        return reporting.Period(self.first, self.last, self.place, self.practitioner_id)

    @property
    def spans(self) -> list[Span]:
        return rules.buckets(self.first, self.last)

    @property
    def stretches(self) -> list[tuple[datetime, datetime]]:
        """The same as instants."""
        return [(_midnight(span.first), _midnight(span.last + timedelta(days=1))) for span in self.spans]

    def words(self) -> list[tuple[str, str]]:
        """What was asked for, for the head of the paper."""
        first, last = (date_format(day) for day in (self.first, self.last))
        found = [(_("Period"), first if first == last else _("%(first)s to %(last)s") % {"first": first, "last": last})]
        if self.place:
            found.append((_("Place"), self.place))
        if self.unit_id is not None:
            found.append((_("Unit"), dict(unit_choices(self.actor)).get(self.unit_id, "–")))
        if self.practitioner_id is not None:
            found.append((_("Practitioner"), people([self.practitioner_id])[self.practitioner_id]))
        return found

    def labels(self) -> list[str]:
        """The name of each of `spans`, short enough to stand under a column."""
        size = rules.grain(self.first, self.last)
        return [_label(span, size) for span in self.spans]

    def place_of(self, day: date) -> int:
        """Which of `spans` the day is in."""
        size = rules.grain(self.first, self.last)
        if size is Grain.DAY:
            return (day - self.first).days
        if size is Grain.WEEK:
            return (day - (self.first - timedelta(days=self.first.weekday()))).days // 7
        return (day.year - self.first.year) * 12 + day.month - self.first.month

    def head(self) -> str:
        """The heading of the column of stretches."""
        return {Grain.DAY: _("Day"), Grain.WEEK: _("Week from"), Grain.MONTH: _("Month")}[
            rules.grain(self.first, self.last)
        ]


def _label(span: Span, size: Grain) -> str:
    if size is Grain.MONTH:
        return f"{span.first:%m/%Y}"
    return date_format(span.first, pgettext("day in a table, in the syntax of the date filter", "M j"))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(settings.TIME_ZONE)).astimezone(UTC)


def people(ids: Collection[UUID]) -> dict[UUID, str]:
    """The practitioners' names; each id has one."""
    cards = practitioner_cards(ids)
    return {one: cards[one].full_name if one in cards else _("somebody who is gone") for one in ids}


def require(actor: User, permission: str) -> None:
    """Raises `Refused`: a right that was taken away since it was asked for counts."""
    if not actor.has_perm(permission):
        raise Refused
