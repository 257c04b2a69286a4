"""Activity, occupancy, missed visits and waiting times: all from appointments, and stays from patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from django.template.defaultfilters import capfirst
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from appointments.interface import Status, reporting
from medisecure.reports import rules
from medisecure.reports.figures import Column, Plot, Report, Table, Unit, Value
from medisecure.reports.kinds.common import Asked, Tick, people, require
from patients.interface import stay_counts

VIEW: Final = "appointments.view_appointment"
_CAME: Final = frozenset({Status.ARRIVED, Status.IN_PROGRESS, Status.COMPLETED})
_OPEN: Final = frozenset({Status.BOOKED, Status.CONFIRMED})
#: Up to so many days before the visit.
_LEADS: Final = (1, 7, 30)


def _tally(
    counts: Iterable[reporting.VisitCount], key: Callable[[reporting.VisitCount], Any]
) -> dict[Any, Counter[str]]:
    """Key → how many booked, came, did not come, were cancelled, have no course yet."""
    found: dict[Any, Counter[str]] = {}
    for one in counts:
        row = found.setdefault(key(one), Counter())
        row["booked"] += one.visits
        group = (
            "came"
            if one.status in _CAME
            else "missed"
            if one.status == Status.NO_SHOW
            else "cancelled"
            if one.status == Status.CANCELLED
            else "open"
        )
        row[group] += one.visits
    return found


def _columns(head: str) -> list[Column]:
    return [
        Column(head, Unit.TEXT),
        Column(pgettext("visits", "Booked")),
        Column(pgettext("visits", "Came")),
        Column(pgettext("visits", "Did not come")),
        Column(pgettext("visits", "Cancelled")),
        Column(pgettext("visits", "Not noted")),
    ]


_PARTS: Final = ("booked", "came", "missed", "cancelled", "open")


def _by(title: str, head: str, tally: Mapping[Any, Counter[str]], names: Mapping[Any, str]) -> Table:
    """One row a key, the most first, and the sum."""
    rows: list[list[Value]] = [
        [names.get(key, str(key)), *(counts[part] for part in _PARTS)]
        for key, counts in sorted(tally.items(), key=lambda item: (-item[1]["booked"], names.get(item[0], "")))
    ]
    if rows:
        rows.append([_("Total"), *(sum(counts[part] for counts in tally.values()) for part in _PARTS)])
    return Table(title, _columns(head), rows, total=bool(rows))


def activity(asked: Asked, tick: Tick) -> Report:
    require(asked.actor, VIEW)
    counts = reporting.visit_counts(actor=asked.actor, period=asked.period)
    tick(50)
    over_time = _tally(counts, lambda one: asked.place_of(one.day))
    labels = asked.labels()
    rows: list[list[Value]] = [
        [label, *(over_time.get(index, Counter())[part] for part in _PARTS)] for index, label in enumerate(labels)
    ]
    course = Table(_("Visits over time"), _columns(asked.head()), rows)
    everybody = _tally(counts, lambda one: one.practitioner_id)
    by_practitioner = _by(_("By practitioner"), _("Practitioner"), everybody, people(everybody))
    by_place = _by(_("By place"), _("Place"), _tally(counts, lambda one: one.place), {})
    by_type = _by(_("By type of visit"), _("Type"), _tally(counts, lambda one: one.type_code), reporting.visit_types())
    total: Counter[str] = sum(over_time.values(), Counter())
    tick(60)
    begin, end = asked.period.bounds()
    units = stay_counts(actor=asked.actor, begin=begin, end=end, unit_id=asked.unit_id)
    stays = Table(
        _("Stays by unit"),
        [
            Column(_("Unit"), Unit.TEXT),
            Column(pgettext("stays", "Came")),
            Column(pgettext("stays", "Left")),
            Column(_("Days of stay"), Unit.DAYS),
        ],
        [[unit.unit, unit.came, unit.left, round(unit.minutes / 1440, 1)] for unit in units],
    )
    # Stays know neither practitioner nor consulting room: asked for one of these, they are left out.
    alone = asked.place or asked.practitioner_id
    return Report(
        title=_("Activity"),
        asked=asked.words(),
        facts=[
            (_("Visits booked"), total["booked"], Unit.COUNT),
            (pgettext("visits", "Came"), total["came"], Unit.COUNT),
            (pgettext("visits", "Did not come"), total["missed"], Unit.COUNT),
            (pgettext("visits", "Cancelled"), total["cancelled"], Unit.COUNT),
        ],
        plots=[
            Plot(_("Visits over time"), course, (2, 3, 4), course=True),
            Plot(_("Visits booked by practitioner"), by_practitioner, (1,)),
        ],
        tables=[course, by_practitioner, by_place, by_type, *([] if alone else [stays])],
        notes=[
            _("“Booked” counts every visit of the period, whatever became of it; the columns after it add up to it."),
            _("“Not noted”: still to come, or nobody noted whether the patient came."),
        ],
    )


def occupied(asked: Asked, tick: Tick) -> Report:
    require(asked.actor, VIEW)
    lines = reporting.occupancy(actor=asked.actor, period=asked.period)
    tick(60)

    def table(title: str, head: str, key: Callable[[Any], Any], names: Mapping[Any, str] | None) -> Table:
        sums: dict[Any, list[int]] = {}
        for line in lines:
            found = sums.setdefault(key(line), [0, 0])
            found[0] += line.offered
            found[1] += line.booked
        if names is None:
            keys: list[Any] = list(range(len(asked.spans)))
            names = dict(enumerate(asked.labels()))
        else:
            keys = sorted(sums, key=lambda one: (-(rules.share(sums[one][1], sums[one][0]) or 0), str(one)))
        rows = []
        for one in keys:
            offered, booked = sums.get(one, [0, 0])
            rows.append([names.get(one, str(one)), rules.share(booked, offered), booked, offered])
        columns = [
            Column(head, Unit.TEXT),
            Column(_("Occupancy"), Unit.PERCENT),
            Column(pgettext("time", "Booked"), Unit.MINUTES),
            Column(pgettext("time", "Offered"), Unit.MINUTES),
        ]
        return Table(title, columns, rows)

    course = table(_("Occupancy over time"), asked.head(), lambda line: asked.place_of(line.day), None)
    everybody = people({line.practitioner_id for line in lines})
    by_practitioner = table(_("By practitioner"), _("Practitioner"), lambda line: line.practitioner_id, everybody)
    by_place = table(_("By place"), _("Place"), lambda line: line.place, {})
    offered, booked = sum(line.offered for line in lines), sum(line.booked for line in lines)
    return Report(
        title=_("Occupancy"),
        asked=asked.words(),
        facts=[
            (_("Occupancy"), rules.share(booked, offered), Unit.PERCENT),
            (pgettext("time", "Booked"), booked, Unit.MINUTES),
            (pgettext("time", "Offered"), offered, Unit.MINUTES),
        ],
        plots=[
            Plot(_("Occupancy over time"), course, (1,), course=True),
            Plot(_("Occupancy by practitioner"), by_practitioner, (1,)),
        ],
        tables=[course, by_practitioner, by_place],
        notes=[
            _("Offered: the opening hours of open calendars, without leave and without public holidays."),
            _(
                "Booked: the part of it that a visit takes, with what is kept free before and after. What was "
                "overbooked counts once, what lies outside the hours does not count, and a missed visit does: its "
                "time was nobody else’s."
            ),
        ],
    )


def missed(asked: Asked, tick: Tick) -> Report:
    require(asked.actor, VIEW)
    counts = reporting.visit_counts(actor=asked.actor, period=asked.period)
    tick(60)

    def table(
        title: str, head: str, key: Callable[[reporting.VisitCount], Any], names: Mapping[Any, str], ordered: bool
    ) -> Table:
        tally = _tally(counts, key)
        by_number = sorted(tally, key=lambda one: (-tally[one]["missed"], names.get(one, str(one))))
        keys = list(names) if ordered else by_number
        rows: list[list[Value]] = []
        for one in keys:
            row = tally.get(one, Counter())
            due = row["came"] + row["missed"]
            rows.append([names.get(one, str(one)), row["missed"], due, rules.share(row["missed"], due)])
        columns = [
            Column(head, Unit.TEXT),
            Column(pgettext("visits", "Did not come")),
            Column(_("Were due")),
            Column(_("Share"), Unit.PERCENT),
        ]
        return Table(title, columns, rows)

    course = table(
        _("Missed visits over time"),
        asked.head(),
        lambda one: asked.place_of(one.day),
        dict(enumerate(asked.labels())),
        True,
    )
    everybody = people({one.practitioner_id for one in counts})
    by_practitioner = table(_("By practitioner"), _("Practitioner"), lambda one: one.practitioner_id, everybody, False)
    by_type = table(_("By type of visit"), _("Type"), lambda one: one.type_code, reporting.visit_types(), False)
    weekdays = {day: str(capfirst(str(name))) for day, name in WEEKDAYS.items()}
    by_weekday = table(_("By weekday"), _("Weekday"), lambda one: one.day.weekday(), weekdays, True)
    by_lead = table(_("By how long before it was booked"), _("Booked"), _lead, _lead_names(), True)
    total: Counter[str] = sum(_tally(counts, lambda one: one.practitioner_id).values(), Counter())
    due = total["came"] + total["missed"]
    return Report(
        title=_("Missed visits"),
        asked=asked.words(),
        facts=[
            (pgettext("visits", "Did not come"), total["missed"], Unit.COUNT),
            (_("Were due"), due, Unit.COUNT),
            (_("Share"), rules.share(total["missed"], due), Unit.PERCENT),
        ],
        plots=[
            Plot(_("Missed visits over time"), course, (1,), course=True),
            Plot(_("Share that was missed, by how long before it was booked"), by_lead, (3,)),
        ],
        tables=[course, by_practitioner, by_type, by_weekday, by_lead],
        notes=[
            _("Due: visits to which the patient came or did not come. Those cancelled or not noted do not count."),
        ],
    )


def _lead(one: reporting.VisitCount) -> int:
    if one.lead_days is None:
        return -1
    return next((index for index, days in enumerate(_LEADS) if one.lead_days <= days), len(_LEADS))


def _lead_names() -> dict[int, str]:
    return {
        0: _("up to a day before"),
        1: _("2 to 7 days before"),
        2: _("8 to 30 days before"),
        3: _("more than 30 days before"),
        -1: _("not known"),
    }


def waits(asked: Asked, tick: Tick) -> Report:
    require(asked.actor, VIEW)
    found = reporting.waiting_times(actor=asked.actor, period=asked.period)
    tick(60)
    names = people(found)
    ordered = sorted(found, key=lambda one: names[one])
    whole = reporting.Waits()
    for one in found.values():
        whole.days.update(one.days)
        whole.minutes.update(one.minutes)

    def table(title: str, unit: Unit, part: Callable[[reporting.Waits], Counter[int]]) -> Table:
        rows: list[list[Value]] = [[names[one], *_spread(part(found[one]))] for one in ordered if part(found[one])]
        if rows:
            rows.append([_("Everybody"), *_spread(part(whole))])
        columns = [
            Column(_("Practitioner"), Unit.TEXT),
            Column(_("Visits")),
            Column(_("Half wait at most"), unit),
            Column(_("Nine in ten wait at most"), unit),
            Column(_("Longest"), unit),
        ]
        return Table(title, columns, rows, total=bool(rows))

    to_visit = table(_("From the booking to the visit"), Unit.DAYS, lambda one: one.days)
    in_room = table(_("From the arrival to the start"), Unit.MINUTES, lambda one: one.minutes)
    return Report(
        title=_("Waiting times"),
        asked=asked.words(),
        facts=[
            (_("Half get a visit within"), rules.quantile(whole.days, 0.5), Unit.DAYS),
            (_("Nine in ten within"), rules.quantile(whole.days, 0.9), Unit.DAYS),
            (_("Half start within"), rules.quantile(whole.minutes, 0.5), Unit.MINUTES),
            (_("Nine in ten start within"), rules.quantile(whole.minutes, 0.9), Unit.MINUTES),
        ],
        plots=[
            Plot(_("From the booking to the visit"), to_visit, (2, 3)),
            Plot(_("From the arrival to the start"), in_room, (2, 3)),
        ],
        tables=[to_visit, in_room],
        notes=[
            _("Whole days and whole minutes, rounded down. Cancelled visits do not count."),
            _("Minutes count where somebody noted both the arrival and the start."),
        ],
    )


def _spread(counts: Counter[int]) -> tuple[int, int | None, int | None, int | None]:
    return counts.total(), rules.quantile(counts, 0.5), rules.quantile(counts, 0.9), rules.quantile(counts, 1.0)
