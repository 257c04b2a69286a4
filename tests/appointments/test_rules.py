from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.rules import (
    CELL,
    TRANSITIONS,
    Hours,
    Opening,
    Span,
    Status,
    Visit,
    cells,
    free_starts,
    may_cancel,
    may_follow,
    may_move,
    offers,
    opening_spans,
    parse_clock,
)

ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
PARIS, SYDNEY = ZoneInfo("Europe/Paris"), ZoneInfo("Australia/Sydney")


def opening(zone: ZoneInfo, *hours: tuple[str, str], grid: int = 30) -> Opening:
    ranges = [Hours(parse_clock(start), parse_clock(end)) for start, end in hours]
    return Opening(zone, timedelta(minutes=grid), dict.fromkeys(range(7), ranges), date(2020, 1, 1))


def walls(found: Sequence[datetime], zone: ZoneInfo) -> list[str]:
    return [start.astimezone(zone).strftime("%H:%M") for start in found]


def starts(where: Opening, day: date, minutes: int = 30, busy: Sequence[Span] = ()) -> list[datetime]:
    earliest, latest = ALWAYS
    visit = Visit(timedelta(minutes=minutes))
    return free_starts(where, visit, first=day, last=day, busy=busy, earliest=earliest, latest=latest)


def test_morning_stays_at_nine_on_the_wall_over_both_changes_in_paris() -> None:
    where = opening(PARIS, ("09:00", "10:00"))
    for day, utc_hour in (
        (date(2026, 3, 28), 8),
        (date(2026, 3, 29), 7),
        (date(2026, 10, 24), 7),
        (date(2026, 10, 25), 8),
    ):
        found = starts(where, day)
        assert walls(found, PARIS) == ["09:00", "09:30"]
        assert found[0].hour == utc_hour


def test_hour_that_the_clocks_skip_offers_nothing() -> None:
    found = starts(opening(PARIS, ("01:00", "04:00")), date(2026, 3, 29))
    assert walls(found, PARIS) == ["01:00", "01:30", "03:00", "03:30"]
    assert found == sorted(set(found))


def test_hour_that_comes_twice_is_offered_twice() -> None:
    found = starts(opening(PARIS, ("01:00", "04:00")), date(2026, 10, 25))
    assert walls(found, PARIS) == ["01:00", "01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]
    assert all(after - before == timedelta(minutes=30) for before, after in pairwise(found))


def test_range_that_begins_or_ends_in_the_gap_is_cut_at_the_change() -> None:
    assert walls(starts(opening(PARIS, ("02:30", "04:00")), date(2026, 3, 29)), PARIS) == ["03:00", "03:30"]
    assert walls(starts(opening(PARIS, ("01:00", "02:30")), date(2026, 3, 29)), PARIS) == ["01:00", "01:30"]
    assert starts(opening(PARIS, ("02:00", "03:00")), date(2026, 3, 29)) == []


def test_southern_zone_changes_the_other_way() -> None:
    where = opening(SYDNEY, ("01:00", "04:00"))
    # Sydney: clocks go back on 5 April 2026 and forward on 4 October 2026.
    assert len(starts(where, date(2026, 4, 5))) == 8
    assert len(starts(where, date(2026, 10, 4))) == 4


def test_day_ends_at_the_first_midnight_where_the_clocks_go_back_over_it() -> None:
    havana = ZoneInfo("America/Havana")
    # Havana: 1 November 2026, 01:00 becomes 00:00 again, so 00:00 comes twice.
    spans = opening_spans(opening(havana, ("22:00", "24:00")), date(2026, 10, 31))
    assert [span.end - span.start for span in spans] == [timedelta(hours=2)]


def test_exception_replaces_the_hours_of_its_date() -> None:
    normal = opening(PARIS, ("09:00", "12:00"))
    closed, short = date(2026, 5, 1), date(2026, 5, 4)
    where = Opening(
        normal.zone, normal.grid, normal.weekly, normal.valid_from, None, {closed: [], short: [Hours(540, 600)]}
    )
    assert starts(where, closed) == []
    assert walls(starts(where, short), PARIS) == ["09:00", "09:30"]


def test_calendar_is_closed_outside_its_validity() -> None:
    where = Opening(PARIS, timedelta(minutes=30), {0: [Hours(540, 600)]}, date(2026, 3, 2), date(2026, 3, 8))
    monday = date(2026, 3, 2)
    assert starts(where, monday)
    assert not starts(where, monday + timedelta(days=7))
    assert not starts(where, monday - timedelta(days=7))


def test_buffers_keep_neighbours_away() -> None:
    where = opening(PARIS, ("09:00", "11:00"), grid=15)
    day = date(2026, 3, 3)
    busy = [Span(datetime(2026, 3, 3, 9, 0, tzinfo=UTC), datetime(2026, 3, 3, 9, 30, tzinfo=UTC))]  # 10:00–10:30
    visit = Visit(timedelta(minutes=30), timedelta(minutes=5), timedelta(minutes=10))
    earliest, latest = ALWAYS
    found = free_starts(where, visit, first=day, last=day, busy=busy, earliest=earliest, latest=latest)
    assert walls(found, PARIS) == ["09:00", "09:15"]


def test_cells_cover_the_span_whole() -> None:
    start = datetime(2026, 3, 3, 9, 2, tzinfo=UTC)
    found = list(cells(Span(start, start + timedelta(minutes=5))))
    assert [one.minute for one in found] == [0, 5]


@pytest.mark.parametrize("text", ["8:30", "08:60", "25:00", "24:05", "", "08-30", "０８:30", "0830", "aa:bb"])
def test_clock_time_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a clock time"):
        parse_clock(text)


def test_nothing_follows_completed_and_cancelled() -> None:
    assert not TRANSITIONS[Status.COMPLETED]
    assert not TRANSITIONS[Status.CANCELLED]
    assert set(TRANSITIONS) == set(Status)


def test_course_runs_forward() -> None:
    for before, after in (
        (Status.BOOKED, Status.CONFIRMED),
        (Status.CONFIRMED, Status.ARRIVED),
        (Status.ARRIVED, Status.IN_PROGRESS),
        (Status.IN_PROGRESS, Status.COMPLETED),
    ):
        assert may_follow(before, after)
        assert not may_follow(after, before)


def test_notice_is_asked_of_patients_only() -> None:
    now = datetime(2026, 3, 3, 9, tzinfo=UTC)
    day = timedelta(days=1)
    assert may_cancel(Status.BOOKED, now + day, now, day)
    assert not may_cancel(Status.BOOKED, now + day - CELL, now, day)
    assert may_cancel(Status.BOOKED, now - day, now, timedelta())
    assert not may_move(Status.ARRIVED, now + day, now, timedelta())


# --- Property: the fast computation against a slow and obvious one ----------------------------------------------------
ZONES = (
    "Europe/Paris",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Australia/Lord_Howe",  # half an hour
    "America/Havana",  # at midnight
    "Asia/Beirut",  # at midnight
    "America/St_Johns",  # not on the hour
    "Asia/Kathmandu",  # +05:45
    "Pacific/Chatham",
    "Africa/Casablanca",
    "UTC",
)
CHANGES = (
    date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 10, 4), date(2026, 3, 8), date(2026, 11, 1),
    date(2026, 9, 27), date(2026, 2, 15), date(2026, 3, 22),
)  # fmt: skip


def slow(where: Opening, visit: Visit, first: date, last: date, busy: Sequence[Span]) -> list[datetime]:
    """Looks at every five minutes of every day and asks the clock on the wall."""
    found = set()
    step = timedelta(minutes=5)
    begin = datetime.combine(first, time(), UTC) - timedelta(days=1)
    instants = [begin + step * number for number in range(((last - first).days + 3) * 288)]
    for day in (first + timedelta(days=number) for number in range((last - first).days + 1)):
        there = [t for t in instants if t.astimezone(where.zone).date() == day]
        if day < where.valid_from or (where.valid_until and day > where.valid_until):
            continue
        of_day = [] if day in where.holidays else where.weekly.get(day.weekday(), ())
        for hours in (where.exceptions or {}).get(day, of_day):
            minute = {t: (local := t.astimezone(where.zone)).hour * 60 + local.minute for t in there}
            opens = next((t for t in there if minute[t] >= hours.start), None)
            closes = next((t for t in reversed(there) if minute[t] < hours.end), None)
            if opens is None or closes is None:
                continue
            closes += step
            start = opens
            while start + visit.duration <= closes:
                taken = (
                    t
                    for span in busy
                    for t in (start - visit.buffer_before + step * number for number in range(200))
                    if t < start + visit.duration + visit.buffer_after and t < span.end and t + step > span.start
                )
                if not any(True for _ in taken):
                    found.add(start)
                start += where.grid
    return sorted(found)


hour_ranges = st.tuples(st.integers(0, 287), st.integers(1, 288)).filter(lambda pair: pair[0] < pair[1]).map(
    lambda pair: Hours(pair[0] * 5, pair[1] * 5)
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    around=st.sampled_from(CHANGES),
    shift=st.integers(-2, 1),
    length=st.integers(0, 2),
    weekly=st.dictionaries(st.integers(0, 6), st.lists(hour_ranges, max_size=2), min_size=4),
    grid=st.sampled_from([5, 10, 15, 20, 30, 60]),
    minutes=st.sampled_from([5, 15, 30, 45, 120]),
    before=st.sampled_from([0, 5, 15]),
    after=st.sampled_from([0, 10]),
    busy=st.lists(st.tuples(st.integers(-1000, 6000), st.integers(1, 300)), max_size=6),
    exceptions=st.dictionaries(st.integers(0, 2), st.lists(hour_ranges, max_size=2), max_size=2),
    holidays=st.sets(st.integers(0, 2), max_size=2),
    valid=st.tuples(st.integers(-1, 1), st.integers(0, 3)),
    bounds=st.none() | st.tuples(st.integers(-600, 3000), st.integers(0, 3000)),
)
def test_free_starts_agree_with_the_slow_and_obvious_model(
    zone: str,
    around: date,
    shift: int,
    length: int,
    weekly: dict[int, list[Hours]],
    grid: int,
    minutes: int,
    before: int,
    after: int,
    busy: list[tuple[int, int]],
    exceptions: dict[int, list[Hours]],
    holidays: set[int],
    valid: tuple[int, int],
    bounds: tuple[int, int] | None,
) -> None:
    first = around + timedelta(days=shift)
    last = first + timedelta(days=length)
    where = Opening(
        ZoneInfo(zone),
        timedelta(minutes=grid),
        weekly,
        first + timedelta(days=valid[0]),
        first + timedelta(days=valid[1]),
        {first + timedelta(days=day): hours for day, hours in exceptions.items()},
        {first + timedelta(days=day) for day in holidays},
    )
    visit = Visit(timedelta(minutes=minutes), timedelta(minutes=before), timedelta(minutes=after))
    midnight = datetime.combine(first, time(), UTC)
    spans = [
        Span(midnight + timedelta(minutes=begin), midnight + timedelta(minutes=begin + long)) for begin, long in busy
    ]
    earliest, latest = ALWAYS
    if bounds is not None:
        # Off the grid of five minutes on purpose: now is any second.
        earliest = midnight + timedelta(minutes=bounds[0], seconds=7)
        latest = earliest + timedelta(minutes=bounds[1])
    found = free_starts(where, visit, first=first, last=last, busy=spans, earliest=earliest, latest=latest)
    assert found == [t for t in slow(where, visit, first, last, spans) if earliest <= t <= latest]
    assert all(offers(where, visit, start) for start in found)
