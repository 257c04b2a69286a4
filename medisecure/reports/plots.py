"""Plots as SVG, drawn from a column of a table. The figures stand in the table: the picture is for the eye.

Bars are told apart by light and dark too, so that they can be told apart on a grey printer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from medisecure.reports.figures import Plot, Unit, Value, shown

WIDTH: Final = 680
#: Rows of a plot of bars; the table has them all.
MOST_BARS: Final = 14
_COLOURS: Final = ("#0b6770", "#e0a458", "#8fb8bd")
_INK: Final = "#13262c"
_QUIET: Final = "#4d6269"
_LINE: Final = "#d3dfe2"
_FACE: Final = "Libertinus Serif"


def draw(plot: Plot) -> str:
    """The plot as an SVG; empty when there is nothing to see."""
    rows = plot.table.rows[:-1] if plot.table.total else plot.table.rows
    series = [[_number(row[index]) for row in rows] for index in plot.values]
    if not rows or not any(any(values) for values in series):
        return ""
    labels = [str(row[0]) for row in rows]
    names = [plot.table.columns[index].title for index in plot.values]
    unit = plot.table.columns[plot.values[0]].unit
    return _course(labels, series, names, unit) if plot.course else _bars(labels, series, names, unit)


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = _INK, size: int = 13) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-family="{_FACE}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" fill="{colour}"/>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{_LINE}" stroke-width="1"/>'


def _svg(height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}">{"".join(parts)}</svg>'
    )


def _legend(names: Sequence[str], y: float) -> list[str]:
    parts: list[str] = []
    x = 0.0
    for colour, name in zip(_COLOURS, names, strict=False):
        parts += [_box(x, y - 9, 10, 10, colour), _text(x + 15, y, name, colour=_QUIET)]
        x += 30 + 7 * len(name)
    return parts


def _steps(top: float) -> list[float]:
    """Four or five round values up to the largest."""
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50):
        size = 10 ** max(0, len(str(int(top))) - 2) * factor
        if top / size <= 4:
            break
    count = int(-(-top // size))
    return [size * index for index in range(count + 1)]


def _course(labels: Sequence[str], series: Sequence[Sequence[float]], names: Sequence[str], unit: Unit) -> str:
    """One group of columns for each stretch of time."""
    left, right, top, height = 62.0, 8.0, 26.0 if len(names) > 1 else 10.0, 190.0
    steps = _steps(max(max(values) for values in series))
    scale = height / steps[-1] if steps[-1] else 0
    parts = _legend(names, 12) if len(names) > 1 else []
    for value in steps:
        y = top + height - value * scale
        whole = int(value) if value == int(value) else value
        parts += [
            _rule(left, y, WIDTH - right, y),
            _text(left - 6, y + 4, shown(whole, unit), anchor="end", colour=_QUIET, size=12),
        ]
    slot = (WIDTH - left - right) / len(labels)
    width = slot * 0.72 / len(series)
    every = -(-len(labels) * 48 // int(WIDTH - left - right))  # so that no two labels touch
    for index, label in enumerate(labels):
        x = left + index * slot + slot * 0.14
        for number, values in enumerate(series):
            tall = values[index] * scale
            parts.append(_box(x + number * width, top + height - tall, width, tall, _COLOURS[number]))
        if index % every == 0:
            parts.append(
                _text(left + (index + 0.5) * slot, top + height + 17, label, anchor="middle", colour=_QUIET, size=12)
            )
    return _svg(top + height + 26, parts)


def _bars(labels: Sequence[str], series: Sequence[Sequence[float]], names: Sequence[str], unit: Unit) -> str:
    """One group of bars for each row, with its value at the end."""
    left, top, thick, gap = 200.0, 24.0 if len(names) > 1 else 4.0, 15.0, 9.0
    shown_rows = min(len(labels), MOST_BARS)
    widest = max(max(values[:shown_rows]) for values in series) or 1
    scale = (WIDTH - left - 78) / widest
    parts = _legend(names, 12) if len(names) > 1 else []
    y = top
    for index in range(shown_rows):
        middle = y + thick * len(series) / 2 + 4.5
        parts.append(_text(left - 8, middle, _short(labels[index]), anchor="end"))
        for number, values in enumerate(series):
            value = values[index]
            whole: Value = int(value) if value == int(value) and unit is not Unit.PERCENT else value
            parts += [
                _box(left, y, value * scale, thick - 2, _COLOURS[number]),
                _text(left + value * scale + 6, y + thick - 4, shown(whole, unit), colour=_QUIET, size=12),
            ]
            y += thick
        y += gap
    return _svg(y, parts)


def _short(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:29]}…"
