"""Money is whole cents, and the parts of an amount add up to it."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from medisecure.kernel.formats import format_cents
from medisecure.kernel.money import multiply, split_cents, to_cents, to_decimal

CENTS = st.integers(-(10**12), 10**12)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any)


@given(CENTS, WEIGHTS)
def test_parts_add_up_to_the_whole(total: int, weights: list[int]) -> None:
    assert sum(split_cents(total, weights)) == total


@given(CENTS, WEIGHTS)
def test_no_part_is_a_cent_away_from_its_share(total: int, weights: list[int]) -> None:
    for part, weight in zip(split_cents(total, weights), weights, strict=True):
        assert abs(part * sum(weights) - total * weight) < sum(weights)


@given(CENTS, WEIGHTS)
def test_a_refund_is_split_as_the_charge_was(total: int, weights: list[int]) -> None:
    assert split_cents(-total, weights) == [-part for part in split_cents(total, weights)]


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [2, -1]])
def test_weights_that_share_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split_cents(100, weights)


@given(CENTS)
def test_cents_survive_the_way_to_euros_and_back(cents: int) -> None:
    assert to_cents(to_decimal(cents)) == cents


@given(CENTS, st.decimals(-1000, 1000, allow_nan=False, places=6))
def test_a_product_is_rounded_once_half_away_from_zero(cents: int, factor: Decimal) -> None:
    exact = Context(prec=80, rounding=ROUND_HALF_UP)
    expected = exact.quantize(exact.multiply(Decimal(cents), factor), Decimal(1))
    assert multiply(cents, factor) == int(expected)


@pytest.mark.parametrize(
    ("euros", "cents"),
    [("0.005", 1), ("-0.005", -1), ("0.0049999999999999999999999999999999999", 0), ("2.675", 268), ("1E+3", 100_000)],
)
def test_half_a_cent_goes_away_from_zero_and_less_does_not(euros: str, cents: int) -> None:
    assert to_cents(Decimal(euros)) == cents


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        to_cents(Decimal(amount))


@pytest.mark.parametrize(
    ("language", "cents", "text"),
    [
        ("fr", 123_456_789, "1\xa0234\xa0567,89\xa0€"),
        ("fr", -5, "-0,05\xa0€"),
        ("en", 123_456_789, "€1,234,567.89"),
        ("en", -5, "-€0.05"),
        ("en", 0, "€0.00"),
    ],
)
def test_amounts_are_written_as_people_read_them(language: str, cents: int, text: str) -> None:
    with translation.override(language):
        assert format_cents(cents) == text
