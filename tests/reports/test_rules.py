from __future__ import annotations

from datetime import date

import pytest

from appointments import report_rules
from medisecure.reports import rules
from medisecure.reports.rules import Every, Kind, PeriodFault, Span

TODAY = date(2026, 3, 11)  # a Wednesday


def test_a_period_is_in_order_not_too_long_and_over() -> None:
    def fault(first: str, last: str, kind: Kind = Kind.REVENUE) -> PeriodFault | None:
        return rules.period_fault(kind, date.fromisoformat(first), date.fromisoformat(last), TODAY)

    assert fault("2026-03-01", "2026-03-11") is None
    assert fault("2026-03-02", "2026-03-01") is PeriodFault.ORDER
    assert fault("1999-12-31", "2000-01-02") is PeriodFault.EARLY
    assert fault("2025-01-01", "2026-01-01") is None
    assert fault("2025-01-01", "2026-01-02") is PeriodFault.LONG
    assert fault("2026-03-01", "2026-03-12") is PeriodFault.FUTURE
    assert fault("2026-03-01", "2026-06-09", Kind.OCCUPANCY) is None
    assert fault("2026-03-01", "2026-06-10", Kind.OCCUPANCY) is PeriodFault.FUTURE


def test_buckets_cover_the_period_once_whatever_their_size() -> None:
    for first, last, first_bucket, count in (
        (date(2026, 3, 1), date(2026, 3, 31), Span(date(2026, 3, 1), date(2026, 3, 1)), 31),
        # A Sunday: the first week has one day.
        (date(2026, 3, 1), date(2026, 4, 2), Span(date(2026, 3, 1), date(2026, 3, 1)), 6),
        (date(2025, 12, 15), date(2026, 12, 14), Span(date(2025, 12, 15), date(2025, 12, 31)), 13),
    ):
        found = rules.buckets(first, last)
        assert (found[0], len(found), found[-1].last) == (first_bucket, count, last)
        days = [
            span.first.toordinal() + offset for span in found for offset in range((span.last - span.first).days + 1)
        ]
        assert days == list(range(first.toordinal(), last.toordinal() + 1))


def test_the_week_and_the_month_that_are_over() -> None:
    assert rules.last_whole(Every.WEEK, TODAY) == Span(date(2026, 3, 2), date(2026, 3, 8))
    assert rules.last_whole(Every.WEEK, date(2026, 3, 9)) == Span(date(2026, 3, 2), date(2026, 3, 8))
    assert rules.last_whole(Every.MONTH, date(2026, 1, 1)) == Span(date(2025, 12, 1), date(2025, 12, 31))
    assert rules.present(Every.WEEK, TODAY) == Span(date(2026, 3, 9), date(2026, 3, 15))
    assert rules.present(Every.MONTH, date(2026, 2, 28)) == Span(date(2026, 2, 1), date(2026, 2, 28))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+33 1",
        "-2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        "＋1",
        "－1",
        "＠a",
        " =1",
        "\u200b=1",
        "\ufeff=1",
    ],
)
def test_what_a_spreadsheet_would_compute_is_defused(text: str) -> None:
    assert rules.defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Rao", "a=b", "12.50", "'=1", "1-2"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert rules.defused(text) == text


def test_shares_and_quantiles() -> None:
    assert [rules.share(1, 3), rules.share(1, 2000), rules.share(0, 5), rules.share(1, 0)] == [33.3, 0.1, 0.0, None]
    counts = {1: 5, 3: 4, 90: 1}
    assert [rules.quantile(counts, part) for part in (0.5, 0.9, 1.0)] == [1, 3, 90]
    assert rules.quantile({}, 0.5) is None


def test_time_booked_is_what_lies_in_the_time_offered() -> None:
    offered = [(0, 10), (20, 30)]
    assert report_rules.both(offered, [(5, 25), (28, 40)]) == [(5, 10), (20, 25), (28, 30)]
    assert report_rules.both(offered, [(10, 20)]) == []
    assert report_rules.without(offered, [(2, 4), (8, 22), (29, 60)]) == [(0, 2), (4, 8), (22, 29)]
    assert report_rules.without(offered, []) == offered
    assert report_rules.without(offered, [(0, 50)]) == []
    assert report_rules.size(offered) == 20
