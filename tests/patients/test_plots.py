"""Vital signs over time: what is drawn, what is not, and that it is quick."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st

from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients.models import Observation
from patients.rules.plots import BOTTOM, HEIGHT, LEFT, MOST_POINTS, RIGHT, TOP, WIDTH, Point, draw
from patients.series import vital_plots
from tests.cast import ALL_DATABASES
from tests.patients.test_admin import LIST, signed_in

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)
START = datetime(2026, 1, 1, tzinfo=UTC)


def measured(patient_id: UUID, days_ago: float, value: str, code: str = "8867-4", unit: str = "/min") -> Observation:
    return Observation(
        patient_id=patient_id,
        code=code,
        code_system="http://loinc.org",
        display="Pouls",
        status="final",
        quantity=value,
        number=float(value),
        unit=unit,
        started_at=clock.now() - timedelta(days=days_ago),
    )


@example([0.0, 5e-324], False)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.booleans())
def test_every_point_lies_within_the_plot(values: list[float], band: bool) -> None:
    points = [Point(START + timedelta(hours=index), value) for index, value in enumerate(values)]
    drawing = draw([points], START, START + timedelta(days=3), [(60, 100)] if band else [])
    assert drawing is not None
    for line in drawing.lines:
        for x, y in line.dots:
            assert LEFT <= x <= WIDTH - RIGHT
            assert TOP <= y <= HEIGHT - BOTTOM
    assert 2 <= len(drawing.rows) <= 8


def test_no_point_is_no_drawing_and_one_point_a_dot() -> None:
    assert draw([[]], START, START + timedelta(days=1)) is None
    drawing = draw([[Point(START, 72)]], START, START + timedelta(days=1))
    assert drawing is not None
    assert (len(drawing.lines[0].dots), drawing.lines[0].paths) == (1, ())


def test_a_gap_is_no_line() -> None:
    days = [0, 1, 2, 80, 81]
    points = [Point(START + timedelta(days=day), 70) for day in days]
    drawing = draw([points], START, START + timedelta(days=100))
    assert drawing is not None
    assert len(drawing.lines[0].paths) == 2


def test_of_several_thousand_points_no_peak_is_lost() -> None:
    points = [Point(START + timedelta(minutes=index), 70 + index % 3) for index in range(8000)]
    points[4321] = Point(points[4321].at, 180)
    drawing = draw([points], START, points[-1].at)
    assert drawing is not None
    assert len(drawing.lines[0].dots) <= MOST_POINTS + 2
    assert min(y for _x, y in drawing.lines[0].dots) <= TOP + 30


def test_blood_pressure_is_one_plot_of_two_lines(care: UUID) -> None:
    parts = [
        {"code": "8480-6", "quantity": "128", "unit": "mm[Hg]"},
        {"code": "8462-4", "quantity": "82", "unit": "mm[Hg]"},
    ]
    Observation.objects.create(patient_id=care, code="85354-9", components=parts, started_at=clock.now())
    (plot,) = vital_plots(care)
    assert plot.key == "pressure"
    assert len(plot.names) == 2
    assert [found[1:] for found in plot.usual] == [(90, 140), (60, 90)], "each line has its own range"
    assert plot.table[0].text == "128/82"


def test_periods_units_and_mistakes(care: UUID) -> None:
    mistake = measured(care, 1, "300")
    mistake.status = "entered-in-error"
    Observation.objects.bulk_create(
        [
            measured(care, 400, "60"),
            measured(care, 100, "70"),
            measured(care, 3, "80"),
            mistake,
            measured(care, 2, "98.6", "8310-5", "[degF]"),
            measured(care, 2, "3", "8310-5", "bananas"),
        ]
    )
    shown = {period: vital_plots(care, period)[0].count for period in ("30d", "1y", "all")}
    assert shown == {"30d": 1, "1y": 2, "all": 3}
    temperature = vital_plots(care)[1]
    assert (temperature.table[0].text, temperature.left_out) == ("37.0", 1)


def test_the_plots_take_one_query_however_many_values(
    care: UUID, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    Observation.objects.bulk_create([measured(care, index / 10, str(60 + index % 40)) for index in range(3000)])
    with django_assert_num_queries(1):  # type: ignore[operator]
        (plot,) = vital_plots(care, "all")
    assert plot.count == 3000
    assert len(plot.table) == 50


def test_the_page_draws_it_with_a_title_a_table_and_no_inline_style(client: Client, dr_bose: User, care: UUID) -> None:
    Observation.objects.bulk_create([measured(care, day, str(60 + day)) for day in range(20)])
    html = signed_in(client, dr_bose).get(f"{LIST}{care}/record/vital-signs/", {"period": "30d"}).content.decode()
    svg = html.split('<svg class="plot-svg"', 1)[1].split("</svg>", 1)[0]
    assert svg.count("<circle") == 20
    assert "<title" in svg
    assert "<desc" in svg
    assert not re.search(r"\bstyle=|<style|<script", svg)
    assert not re.search(r'="\d+,\d', svg), "coordinates have points, whatever the language"
    assert html.count("<tr><td>") >= 20 or html.count("<td>") >= 40
    empty = client.get(f"{LIST}{care}/record/vital-signs/", {"period": "nonsense"})
    assert empty.status_code == 200
