"""The arithmetic of an invoice, for all inputs that may be charged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import rules
from billing.rules import Line, Payer, Status


def a_line(quantity: Decimal, cents: int, rate: int) -> Line:
    return Line("X", "Anything", quantity, cents, rate, "" if rate else "care")


@st.composite
def any_line(draw: st.DrawFn) -> Line:
    """Every line that `line_faults` lets through: discounts of either kind, and rates up to the whole."""
    plain = a_line(
        draw(st.decimals(Decimal("0.001"), rules.MAX_QUANTITY, places=3)),
        draw(st.integers(0, rules.MAX_UNIT_PRICE_CENTS)),
        draw(st.sampled_from([0, 210, 550, 1000, 2000, 1, 9999])),
    )
    gross = rules.line_gross(plain.quantity, plain.unit_price_cents)
    rate, off = draw(
        st.one_of(
            st.just((0, 0)),
            st.tuples(st.integers(0, rules.WHOLE), st.just(0)),
            st.tuples(st.just(0), st.integers(0, gross)),
        )
    )
    mandatory = draw(st.integers(0, rules.WHOLE))
    complementary = draw(st.integers(0, rules.WHOLE - mandatory))
    line = replace(
        plain,
        discount_rate=rate,
        discount_cents=off,
        mandatory_rate=mandatory,
        complementary_rate=complementary,
    )
    assert rules.line_faults(line) == {}
    return line


LINES = st.lists(any_line(), max_size=25)
#: The insurers whom a patient has, and whether each pays the hospital itself.
INSURED = st.dictionaries(st.sampled_from(rules.INSURERS), st.booleans())


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


@given(LINES, INSURED)
def test_the_payers_parts_add_up_to_the_whole(lines: list[Line], insured: dict[Payer, bool]) -> None:
    whole = rules.totals(lines)
    parts = rules.parts(lines, whole.lines, insured)
    assert sum(part.covered_cents for part in parts) == whole.whole.total_cents
    assert sum(part.amount_cents for part in parts) == whole.whole.total_cents
    assert all(part.covered_cents >= 0 and part.amount_cents >= 0 for part in parts)
    assert [part.payer for part in parts] == [payer for payer in Payer if payer in insured or payer is Payer.PATIENT]


@given(LINES, INSURED)
def test_each_part_is_within_a_cent_a_line_of_its_rate(lines: list[Line], insured: dict[Payer, bool]) -> None:
    whole = rules.totals(lines)
    rates = {Payer.MANDATORY: "mandatory_rate", Payer.COMPLEMENTARY: "complementary_rate"}
    for part in rules.parts(lines, whole.lines, insured):
        if part.payer is not Payer.PATIENT:
            pairs = zip(lines, whole.lines, strict=True)
            exact = sum(amount.total_cents * getattr(line, rates[part.payer]) for line, amount in pairs)
            assert abs(part.covered_cents * rules.WHOLE - exact) <= len(lines) * rules.WHOLE


@given(LINES)
def test_a_discount_never_makes_a_line_negative(lines: list[Line]) -> None:
    for line, amount in zip(lines, rules.totals(lines).lines, strict=True):
        gross = rules.line_gross(line.quantity, line.unit_price_cents)
        assert 0 <= amount.discount_cents <= gross
        assert amount.net_cents == gross - amount.discount_cents


def test_vat_is_on_the_discounted_line() -> None:
    line = replace(a_line(Decimal(3), 350, 2000), discount_rate=1000)
    found = rules.totals([line]).whole
    assert (found.discount_cents, found.net_cents, found.vat_cents) == (105, 945, 189)


def test_an_insurer_that_does_not_pay_the_hospital_leaves_its_part_to_the_patient() -> None:
    line = Line("CS", "Consultation", Decimal(1), 3000, mandatory_rate=7000, complementary_rate=3000)
    amounts = rules.totals([line]).lines
    both = {Payer.MANDATORY: True, Payer.COMPLEMENTARY: False}
    assert [(p.covered_cents, p.amount_cents) for p in rules.parts([line], amounts, both)] == [
        (2100, 2100),
        (900, 0),
        (0, 900),
    ]
    # Without the insurer the rate means nothing.
    assert [p.amount_cents for p in rules.parts([line], amounts, {})] == [3000]


def test_a_cent_that_is_over_goes_to_the_largest_remainder_and_then_to_the_first() -> None:
    line = Line("X", "x", Decimal(1), 101, mandatory_rate=5000, complementary_rate=5000)
    both = dict.fromkeys(rules.INSURERS, True)
    assert [p.amount_cents for p in rules.parts([line], rules.totals([line]).lines, both)] == [51, 50, 0]


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
        (Line("", "x", Decimal(1), 1, discount_rate=-1), {"discount_rate": "negative"}),
        (Line("", "x", Decimal(1), 1, discount_rate=10_001), {"discount_rate": "above-price"}),
        (Line("", "x", Decimal(1), 1, discount_cents=-1), {"discount_cents": "negative"}),
        (Line("", "x", Decimal(1), 1, discount_cents=2), {"discount_cents": "above-price"}),
        (Line("", "x", Decimal(1), 1, discount_rate=1, discount_cents=1), {"discount_cents": "discount-twice"}),
        (Line("", "x", Decimal("NaN"), 1, discount_cents=1), {"quantity": "not-positive"}),
        (Line("", "x", Decimal(1), 1, mandatory_rate=-1), {"mandatory_rate": "negative"}),
        (Line("", "x", Decimal(1), 1, mandatory_rate=10_001), {"mandatory_rate": "above-whole"}),
        (
            Line("", "x", Decimal(1), 1, mandatory_rate=7000, complementary_rate=3001),
            {"complementary_rate": "above-whole"},
        ),
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
    assert not rules.is_overdue(1, date(2026, 3, 1), date(2026, 3, 1))
    assert rules.is_overdue(1, date(2026, 3, 1), date(2026, 3, 2))
    assert not rules.is_overdue(0, date(2026, 3, 1), date(2026, 3, 2))
