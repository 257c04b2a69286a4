"""Vital signs over time, ready to be drawn. The door stands before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy

from medisecure.kernel import clock
from patients.models import Observation
from patients.rules.plots import Drawing, Point, draw
from patients.rules.units import written_unit
from patients.rules.vitals import BY_CODE, PRESSURE, SIGNS, Sign
from patients.services.vitals import LABELS

#: Period → how far back; None is everything.
PERIODS: Final[Mapping[str, timedelta | None]] = {
    "30d": timedelta(days=30),
    "1y": timedelta(days=365),
    "all": None,
}
#: Other units that sources use, turned into ours. A value in a unit that is not here is counted and not drawn.
_CONVERSIONS: Final[Mapping[tuple[str, str], Callable[[float], float]]] = {
    ("[degF]", "Cel"): lambda value: (value - 32) / 1.8,
    ("[lb_av]", "kg"): lambda value: value * 0.45359237,
    ("g", "kg"): lambda value: value / 1000,
    ("[in_i]", "cm"): lambda value: value * 2.54,
    ("m", "cm"): lambda value: value * 100,
    ("mmHg", "mm[Hg]"): float,
    ("{beats}/min", "/min"): float,
    ("{breaths}/min", "/min"): float,
}
#: The table beside a plot shows so many, the newest.
IN_TABLE: Final = 50


@dataclass(frozen=True, slots=True)
class TableRow:
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class VitalPlot:
    key: str
    label: str
    unit: str
    #: Names of the lines, when there are several.
    names: tuple[str, ...]
    drawing: Drawing | None
    #: (name of the line when there are several, low, high)
    usual: tuple[tuple[str, float, float], ...]
    table: tuple[TableRow, ...]
    count: int
    #: Values in units that cannot be compared, which the plot leaves out.
    left_out: int


_PERIOD_WORDS: Final = {"30d": gettext_lazy("30 days"), "1y": gettext_lazy("1 year"), "all": gettext_lazy("All")}


def plot_periods(asked: str) -> tuple[str, list[tuple[str, str, bool]]]:
    """The period to show, and what a page offers: (key, words, is it shown now)."""
    period = asked if asked in PERIODS else "1y"
    return period, [(key, str(words), key == period) for key, words in _PERIOD_WORDS.items()]


def vital_plots(patient_id: UUID, period: str = "all") -> list[VitalPlot]:
    """One plot for each vital sign that was ever measured, in the order of the form: one query.

    Blood pressure is one plot of two lines.
    """
    now = clock.now()
    span = PERIODS.get(period)
    found: dict[str, list[Point]] = {key: [] for key in SIGNS}
    ever: set[str] = set()
    left_out: dict[str, int] = dict.fromkeys(SIGNS, 0)
    rows: Any = (
        Observation.objects.filter(patient_id=patient_id, started_at__isnull=False)
        .exclude(status="entered-in-error")
        .order_by("started_at", "id")
        .values("code", "quantity", "number", "unit", "started_at", "components", "category")
    )
    codes = [*BY_CODE, "85354-9", "55284-4"]
    for row in rows.filter(code__in=codes).iterator(chunk_size=2000):
        for sign, value in _values(row):
            ever.add(sign.key)
            if span is not None and row["started_at"] < now - span:
                continue
            if value is None:
                left_out[sign.key] += 1
            else:
                found[sign.key].append(Point(row["started_at"], value))
    plots = []
    for keys in (PRESSURE, *((key,) for key in SIGNS if key not in PRESSURE)):
        if ever.isdisjoint(keys):
            continue
        points = [found[key] for key in keys]
        times = [point.at for line in points for point in line]
        since = now - span if span is not None else (min(times) if times else now)
        until = max([now, *times]) if span is not None or len(set(times)) < 2 else max(times)
        if until - since < timedelta(days=1):
            since = until - timedelta(days=1)
        plots.append(_plot(keys, points, since, until, sum(left_out[key] for key in keys)))
    return plots


def _plot(
    keys: tuple[str, ...], points: list[list[Point]], since: datetime, until: datetime, left_out: int
) -> VitalPlot:
    sign = SIGNS[keys[0]]
    pair = len(keys) > 1
    # Each line of a pair has a range of its own: a diastolic value of 110 is not usual because a systolic one is.
    ranges = [(key, *found) for key in keys if (found := SIGNS[key].usual) is not None]
    by_time: dict[datetime, list[str]] = {}
    for line in points:
        for point in line:
            by_time.setdefault(point.at, []).append(f"{point.value:.{sign.decimals}f}")
    table = [TableRow(at, "/".join(texts)) for at, texts in sorted(by_time.items(), reverse=True)]
    return VitalPlot(
        key="pressure" if pair else sign.key,
        label=str(LABELS["pressure" if pair else sign.key]),
        unit=written_unit(sign.unit),
        names=tuple(str(LABELS[key]) for key in keys) if pair else (),
        drawing=draw(points, since, until, [(low, high) for _key, low, high in ranges]),
        usual=tuple((str(LABELS[key]) if pair else "", low, high) for key, low, high in ranges),
        table=tuple(table[:IN_TABLE]),
        count=len(table),
        left_out=left_out,
    )


def _values(row: Mapping[str, Any]) -> list[tuple[Sign, float | None]]:
    """The signs of one row with their values in our units; None for a value that cannot be compared."""
    if row["code"] in BY_CODE:
        sign = BY_CODE[row["code"]]
        number = row["number"]
        return [] if number is None else [(sign, _in_our_unit(number, row["unit"], sign))]
    found: list[tuple[Sign, float | None]] = []
    for part in row["components"]:
        component = BY_CODE.get(part.get("code", ""))
        if component is None or not part.get("quantity"):
            continue
        try:
            number = float(part["quantity"])
        except ValueError:
            found.append((component, None))
            continue
        found.append((component, _in_our_unit(number, part.get("unit", ""), component)))
    return found


def _in_our_unit(number: float, unit: str, sign: Sign) -> float | None:
    if unit == sign.unit:
        return number
    convert = _CONVERSIONS.get((unit, sign.unit))
    return convert(number) if convert else None
