"""Where the points, lines and ticks of a plot lie. Numbers only: a template draws them.

Not a library's: what pygal and matplotlib write into an SVG (a style element, style attributes, script) is refused by
content security policy, which has no exception for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WIDTH: Final = 480
HEIGHT: Final = 200
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 14, 30
#: More points than columns of the plot cannot be told apart: of each column its lowest and highest are drawn.
MOST_POINTS: Final = 400
#: A line joins two points only when nothing is missing between them: at most an eighth of the period, and two weeks.
GAP: Final = timedelta(days=14)
GAP_PART: Final = 8


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """`paths`: one for each stretch without a gap; `dots`: every point that is drawn."""

    paths: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    lines: tuple[Line, ...]
    #: (y, value)
    rows: tuple[tuple[float, float], ...]
    #: (x, instant)
    columns: tuple[tuple[float, datetime], ...]
    #: (y, height) of each usual range, within the plot
    bands: tuple[tuple[float, float], ...]
    decimals: int


def draw(
    series: Sequence[Sequence[Point]], since: datetime, until: datetime, usual: Sequence[tuple[float, float]] = ()
) -> Drawing | None:
    """None when there is no point. Points are in the order of time."""
    values = [point.value for points in series for point in points]
    if not values:
        return None
    seconds = max((until - since).total_seconds(), 1.0)
    ticks, step = _ticks(min(values), max(values), usual)
    low, high = ticks[0], ticks[-1]

    def x(at: datetime) -> float:
        return round(LEFT + (at - since).total_seconds() / seconds * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    gap = max(GAP, (until - since) / GAP_PART)
    lines = []
    for points in series:
        shown = thinned(points, since, until)
        stretches: list[list[Point]] = []
        for point in shown:
            if not stretches or point.at - stretches[-1][-1].at > gap:
                stretches.append([])
            stretches[-1].append(point)
        paths = tuple(
            "M" + "L".join(f"{x(point.at)} {y(point.value)}" for point in stretch)
            for stretch in stretches
            if len(stretch) > 1
        )
        lines.append(Line(paths, tuple((x(point.at), y(point.value)) for point in shown)))
    bands = tuple((y(top), round(y(bottom) - y(top), 1)) for bottom, top in usual)
    middle = since + (until - since) / 2
    return Drawing(
        tuple(lines),
        tuple((y(value), value) for value in ticks),
        tuple((x(at), at) for at in (since, middle, until)),
        bands,
        max(0, -math.floor(math.log10(step))),
    )


def thinned(points: Sequence[Point], since: datetime, until: datetime) -> list[Point]:
    """At most `MOST_POINTS`, with the lowest and the highest of each column: no peak is lost."""
    if len(points) <= MOST_POINTS:
        return list(points)
    width = (until - since) / (MOST_POINTS // 2)
    found: list[Point] = []
    column: list[Point] = []
    index = None
    for point in points:
        here = int((point.at - since) / width)
        if here != index and column:
            found += _extremes(column)
            column = []
        index = here
        column.append(point)
    return found + _extremes(column)


def _extremes(column: list[Point]) -> list[Point]:
    ends = {min(column, key=lambda point: point.value), max(column, key=lambda point: point.value)}
    return sorted(ends, key=lambda point: point.at)


def _ticks(low: float, high: float, usual: Sequence[tuple[float, float]]) -> tuple[list[float], float]:
    """Round values that hold all points, and the usual ranges."""
    for bottom, top in usual:
        low, high = min(low, bottom), max(high, top)
    span = high - low
    if span < 0.001:  # below what any sign is measured to: one value
        span = max(abs(high) * 0.1, 1.0)
    step = 10 ** math.floor(math.log10(span / 4))
    step = next(step * factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    first = math.floor(low / step) * step
    count = max(1, math.ceil(round((high - first) / step, 6)))
    return [round(first + index * step, 6) for index in range(count + 1)], step
