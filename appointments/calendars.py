"""Calendars as people write them, checked and turned into what `rules` computes with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import holidays
from django.utils.translation import gettext as _

from appointments import rules
from appointments.models import AppointmentType, Calendar
from medisecure.kernel.errors import Text

Errors = dict[str, list[Text]]

#: More ranges than anybody works; a bound on what one document may hold.
MOST_RULES = 100


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """The public holidays of a country and, where it has some of its own, a region: a container of dates."""

    country: str
    subdivision: str = ""

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and day in _holidays(self.country, self.subdivision, day.year)


@lru_cache(maxsize=1024)
def _holidays(country: str, subdivision: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=year))


@cache
def _countries() -> dict[str, list[str]]:
    """Country → its regions, as far as the library knows days of their own."""
    return holidays.list_supported_countries()


def opening_of(calendar: Calendar) -> rules.Opening:
    """The calendar's hours. Its JSON was checked by `calendar_errors` when it was written."""
    weekly: dict[int, list[rules.Hours]] = {}
    for rule in calendar.weekly_rules:
        weekly.setdefault(rule["weekday"], []).append(_hours(rule))
    return rules.Opening(
        zone=ZoneInfo(calendar.zone),
        grid=timedelta(minutes=calendar.grid_minutes),
        weekly=weekly,
        valid_from=calendar.valid_from,
        valid_until=calendar.valid_until,
        exceptions={
            date.fromisoformat(item["date"]): [_hours(one) for one in item["hours"]] for item in calendar.exceptions
        },
        holidays=PublicHolidays(calendar.holiday_country, calendar.holiday_subdivision)
        if calendar.close_on_holidays
        else frozenset(),
    )


def visit_of(kind: AppointmentType) -> rules.Visit:
    return rules.Visit(
        timedelta(minutes=kind.duration_minutes),
        timedelta(minutes=kind.buffer_before),
        timedelta(minutes=kind.buffer_after),
    )


def _hours(rule: Mapping[str, Any]) -> rules.Hours:
    return rules.Hours(rules.parse_clock(rule["start"]), rules.parse_clock(rule["end"]))


def calendar_errors(calendar: Calendar, known_types: Collection[str]) -> Errors:
    """What is wrong with a calendar that somebody wants to save, by field; empty when it is right."""
    found: Errors = {}
    if calendar.zone not in available_timezones():
        found["zone"] = [_("Unknown time zone. Write it as in “Europe/Paris”.")]
    if not calendar.grid_minutes or calendar.grid_minutes % rules.CELL_MINUTES:
        found["grid_minutes"] = [_("Use a multiple of five minutes.")]
    if calendar.valid_from and calendar.valid_until and calendar.valid_until < calendar.valid_from:
        found["valid_until"] = [_("This is before the first day.")]
    found |= _holiday_errors(calendar)
    if errors := _weekly_errors(calendar.weekly_rules):
        found["weekly_rules"] = errors
    if errors := _exception_errors(calendar.exceptions):
        found["exceptions"] = errors
    if errors := _type_errors(calendar.type_codes, known_types):
        found["type_codes"] = errors
    return found


def _holiday_errors(calendar: Calendar) -> Errors:
    country, region = calendar.holiday_country, calendar.holiday_subdivision
    if country not in _countries():
        return {"holiday_country": [_("Unknown country. Write its two letters, as in FR.")]}
    if region and region not in _countries()[country]:
        known = ", ".join(_countries()[country]) or "—"
        return {"holiday_subdivision": [_("Unknown region. Known here: %(codes)s.") % {"codes": known}]}
    return {}


def type_errors(kind: AppointmentType, known_resources: Collection[str]) -> Errors:
    found: Errors = {}
    if not isinstance(kind.needs, list) or not all(isinstance(code, str) for code in kind.needs):
        found["needs"] = [_("Write a list of codes such as [“consultation”].")]
    elif unknown := sorted({code for code in kind.needs if code not in known_resources}):
        found["needs"] = [_("There is no room or equipment with the code %(code)s.") % {"code": unknown[0][:40]}]
    elif len(set(kind.needs)) < len(kind.needs):
        found["needs"] = [_("Name each code once.")]
    for field in ("duration_minutes", "buffer_before", "buffer_after"):
        value = getattr(kind, field)
        if value is None or value % rules.CELL_MINUTES:
            found[field] = [_("Use a multiple of five minutes.")]
    return found


def _weekly_errors(value: Any) -> list[Text]:
    if not isinstance(value, list) or len(value) > MOST_RULES:
        return [_("Write a list such as [{“weekday”: 0, “start”: “08:30”, “end”: “12:00”}]; Monday is 0.")]
    found: list[Text] = []
    ranges: dict[int, list[tuple[int, int]]] = {}
    for number, rule in enumerate(value, start=1):
        if not isinstance(rule, dict) or set(rule) != {"weekday", "start", "end"}:
            found.append(_("Rule %(number)d must have exactly weekday, start and end.") % {"number": number})
            continue
        weekday = rule["weekday"]
        # True is an int to Python and a typing error to everybody else.
        if isinstance(weekday, bool) or not isinstance(weekday, int) or not 0 <= weekday <= 6:
            found.append(_("Rule %(number)d: weekday is a number from 0 (Monday) to 6 (Sunday).") % {"number": number})
            continue
        hours = _range(rule)
        if hours is None:
            found.append(
                _("Rule %(number)d: start and end are times such as 08:30, in steps of five minutes, end after start.")
                % {"number": number}
            )
        else:
            ranges.setdefault(weekday, []).append(hours)
    for weekday, of_day in ranges.items():
        if _overlap(of_day):
            found.append(_("Weekday %(weekday)d has ranges that overlap.") % {"weekday": weekday})
    return found


def _exception_errors(value: Any) -> list[Text]:
    if not isinstance(value, list) or len(value) > 10 * MOST_RULES:
        return [_("Write a list such as [{“date”: “2026-05-01”, “hours”: []}]; no hours means closed.")]
    found: list[Text] = []
    seen: set[date] = set()
    for number, item in enumerate(value, start=1):
        if not isinstance(item, dict) or set(item) != {"date", "hours"} or not isinstance(item["hours"], list):
            found.append(_("Exception %(number)d must have exactly date and a list of hours.") % {"number": number})
            continue
        try:
            day = date.fromisoformat(item["date"])
        except (TypeError, ValueError):
            found.append(_("Exception %(number)d: write the date as 2026-05-01.") % {"number": number})
            continue
        if day in seen:
            found.append(_("Exception %(number)d: this date is there twice.") % {"number": number})
        seen.add(day)
        ranges = [
            _range(one) if isinstance(one, dict) and set(one) == {"start", "end"} else None for one in item["hours"]
        ]
        whole = [one for one in ranges if one is not None]
        if len(whole) < len(ranges) or _overlap(whole):
            found.append(
                _("Exception %(number)d: hours are start and end, in steps of five minutes, and do not overlap.")
                % {"number": number}
            )
    return found


def _type_errors(value: Any, known: Collection[str]) -> list[Text]:
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        return [_("Write a list of codes such as [“consultation”].")]
    return [_("Unknown appointment type: %(code)s.") % {"code": code[:40]} for code in value if code not in known]


def _range(rule: Mapping[str, Any]) -> tuple[int, int] | None:
    try:
        start, end = rules.parse_clock(rule["start"]), rules.parse_clock(rule["end"])
    except (AttributeError, TypeError, ValueError):
        return None
    if start >= end or start % rules.CELL_MINUTES or end % rules.CELL_MINUTES:
        return None
    return start, end


def _overlap(ranges: list[tuple[int, int]]) -> bool:
    ordered = sorted(ranges)
    return any(before[1] > after[0] for before, after in pairwise(ordered))
