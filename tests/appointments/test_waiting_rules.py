from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from appointments.waiting_rules import Window, Wish, free_then, may_disturb, open_until, rank, suits
from medisecure.kernel.ids import new_id

PARIS = ZoneInfo("Europe/Paris")
HALF = timedelta(minutes=30)
#: Tuesday 3 March 2026, 09:00 in Paris.
NINE = datetime(2026, 3, 3, 8, tzinfo=UTC)


def wish(**changes: object) -> Wish:
    values: dict[str, object] = {
        "id": new_id(),
        "priority": 0,
        "asked": NINE,
        "first": date(2026, 3, 1),
        "last": date(2026, 3, 31),
    }
    return Wish(**values | changes)  # type: ignore[arg-type]


def test_urgent_comes_first_then_who_asked_first() -> None:
    early, late = wish(asked=NINE), wish(asked=NINE + HALF)
    urgent = wish(asked=NINE + 2 * HALF, priority=2)
    assert sorted([late, urgent, early], key=rank) == [urgent, early, late]


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], True),
        ([Window(1, 540, 570)], True),
        ([Window(1, 540, 569)], False),
        ([Window(1, 541, 600)], False),
        ([Window(2, 0, 1440)], False),
        ([Window(2, 0, 1440), Window(1, 480, 720)], True),
    ],
)
def test_windows_hold_the_whole_visit_on_the_places_clock(windows: list[Window], expected: bool) -> None:
    assert suits(wish(windows=windows), NINE, NINE + HALF, PARIS) is expected


def test_window_keeps_its_hours_across_the_change_of_the_clocks() -> None:
    window = [Window(6, 540, 570)]
    for instant in (datetime(2026, 3, 29, 7, tzinfo=UTC), datetime(2026, 10, 25, 8, tzinfo=UTC)):
        asked = wish(windows=window, last=date(2026, 12, 31))
        assert suits(asked, instant, instant + HALF, PARIS)
        assert not suits(asked, instant + timedelta(hours=1), instant + timedelta(hours=1) + HALF, PARIS)


def test_visit_over_midnight_fits_no_window_of_its_day() -> None:
    start = datetime(2026, 3, 3, 22, 45, tzinfo=UTC)
    assert not suits(wish(windows=[Window(1, 0, 1440)]), start, start + HALF, PARIS)
    assert suits(wish(windows=[Window(1, 0, 1440)]), start - HALF, start, PARIS)


def test_days_are_the_places_days() -> None:
    late = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # 1 April in Paris
    assert not suits(wish(), late, late + HALF, PARIS)
    assert suits(wish(), late, late + HALF, ZoneInfo("UTC"))


def test_time_must_be_earlier_than_the_visit_is_now() -> None:
    assert suits(wish(before=NINE + HALF), NINE, NINE + HALF, PARIS)
    assert not suits(wish(before=NINE), NINE, NINE + HALF, PARIS)


def test_visits_that_touch_are_in_the_way_and_neighbours_are_not() -> None:
    assert free_then(NINE, NINE + HALF, [(NINE + HALF, NINE + 2 * HALF), (NINE - HALF, NINE)])
    assert not free_then(NINE, NINE + HALF, [(NINE + timedelta(minutes=29), NINE + 2 * HALF)])


@pytest.mark.parametrize(
    ("ahead", "lead", "kept"),
    [
        (48 * 60, 60, 120),  # far: the usual two hours
        (150, 60, 90),  # near: until an hour before
        (150, 120, 30),  # until what the calendar asks
        (75, 0, 15),
        (74, 0, None),  # nobody could answer in time
        (30, 0, None),
    ],
)
def test_time_is_kept_shorter_the_nearer_it_is(ahead: int, lead: int, kept: int | None) -> None:
    start = NINE + timedelta(minutes=ahead)
    until = open_until(NINE, start, lead=timedelta(minutes=lead), patience=timedelta(hours=2))
    assert until == (None if kept is None else NINE + timedelta(minutes=kept))


@pytest.mark.parametrize(("hour", "expected"), [(6, False), (7, True), (18, True), (19, False)])
def test_nobody_is_offered_anything_at_night(hour: int, expected: bool) -> None:
    assert may_disturb(datetime(2026, 3, 3, hour, tzinfo=UTC), PARIS, (8, 20)) is expected
