"""The arithmetic of an invoice, for all inputs that may be charged."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import rules
from billing.rules import Line, Status


def a_line(quantity: Decimal, cents: int, rate: int) -> Line:
    return Line("X", "Anything", quantity, cents, rate, "" if rate else "care")


LINES = st.lists(
    st.builds(
        a_line,
        st.decimals(Decimal("0.001"), rules.MAX_QUANTITY, places=3),
        st.integers(0, rules.MAX_UNIT_PRICE_CENTS),
        st.sampled_from([0, 210, 550, 1000, 2000, 1, 9999]),
    ),
    max_size=25,
)


@given(LINES)
def test_lines_add_up_to_the_whole(lines: list[Line]) -> None:
    found = rules.totals(lines)
    assert sum(line.net_cents for line in found.lines) == found.whole.net_cents
    assert sum(line.vat_cents for line in found.lines) == found.whole.vat_cents
    assert sum(line.total_cents for line in found.lines) == found.whole.total_cents


@given(LINES)
def test_vat_groups_add_up_to_the_whole(lines: list[Line]) -> None:
    found = rules.totals(lines)
    assert sum(group.amounts.net_cents for group in found.groups) == found.whole.net_cents
    assert sum(group.amounts.vat_cents for group in found.groups) == found.whole.vat_cents


@given(LINES)
def test_vat_is_within_half_a_cent_of_the_exact_amount_per_rate(lines: list[Line]) -> None:
    for group in rules.totals(lines).groups:
        assert 2 * abs(group.amounts.vat_cents * 10_000 - group.amounts.net_cents * group.vat_rate) <= 10_000


@given(LINES, st.randoms())
def test_the_order_of_lines_does_not_change_the_total(lines: list[Line], dice: object) -> None:
    assert rules.totals(lines).whole == rules.totals(list(reversed(lines))).whole


@given(LINES)
def test_nothing_is_ever_negative(lines: list[Line]) -> None:
    assert all(line.net_cents >= 0 and line.vat_cents >= 0 for line in rules.totals(lines).lines)


def test_vat_is_computed_on_the_sum_and_not_per_line() -> None:
    # 3 × 0.02 € at 20 %: 0.4 cents of VAT each would be nothing, 1.2 cents on the sum is one.
    found = rules.totals([a_line(Decimal(1), 2, 2000)] * 3)
    assert (found.whole.vat_cents, [line.vat_cents for line in found.lines]) == (1, [1, 0, 0])


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (Line("", " ", Decimal(1), 1), {"label": "missing"}),
        (Line("", "x" * 201, Decimal(1), 1), {"label": "too-long"}),
        (Line("c" * 41, "x", Decimal(1), 1), {"code": "too-long"}),
        (Line("", "x", Decimal(0), 1), {"quantity": "not-positive"}),
        (Line("", "x", Decimal(-1), 1), {"quantity": "not-positive"}),
        (Line("", "x", Decimal("NaN"), 1), {"quantity": "not-positive"}),
        (Line("", "x", Decimal("Infinity"), 1), {"quantity": "not-positive"}),
        (Line("", "x", Decimal(10_000), 1), {"quantity": "too-large"}),
        (Line("", "x", Decimal("0.0001"), 1), {"quantity": "too-precise"}),
        (Line("", "x", Decimal(1), -1), {"unit_price_cents": "negative"}),
        (Line("", "x", Decimal(1), 10**9), {"unit_price_cents": "too-large"}),
        (Line("", "x", Decimal(1), 1, -1), {"vat_rate": "negative"}),
        (Line("", "x", Decimal(1), 1, 10_001), {"vat_rate": "too-large"}),
        (Line("", "x", Decimal(1), 1, 0, ""), {"exemption": "exemption-needed"}),
        (Line("", "x", Decimal(1), 1, 0, "magic"), {"exemption": "exemption-needed"}),
        (Line("", "x", Decimal(1), 1, 2000, "care"), {"exemption": "exemption-not-allowed"}),
        (Line("", "x", Decimal("1.000"), 0), {}),
    ],
)
def test_what_may_not_be_charged_is_named(line: Line, fault: dict[str, str]) -> None:
    assert rules.line_faults(line) == fault


def test_numbers_are_printed_with_series_year_and_six_digits() -> None:
    assert rules.number("F", 2026, 1) == "F2026-000001"
    assert rules.number("A", 2026, 1_234_567) == "A2026-1234567"


@pytest.mark.parametrize("status", list(Status))
def test_nothing_that_was_issued_becomes_a_draft_again(status: Status) -> None:
    assert not rules.may_follow(status, Status.DRAFT)


def test_the_due_date_is_thirty_days_after_issue_whatever_the_months() -> None:
    assert rules.due_date(date(2028, 1, 31)) == date(2028, 3, 1)


def test_an_invoice_is_overdue_from_the_day_after() -> None:
    assert not rules.is_overdue(Status.ISSUED, date(2026, 3, 1), date(2026, 3, 1))
    assert rules.is_overdue(Status.ISSUED, date(2026, 3, 1), date(2026, 3, 2))
    assert not rules.is_overdue(Status.PAID, date(2026, 3, 1), date(2026, 3, 2))
