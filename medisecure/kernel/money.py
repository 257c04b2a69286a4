"""Money: whole cents in an `int`, one currency (EUR). Floats never touch an amount."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal


def to_cents(amount: Decimal) -> int:
    """Euros to cents, half away from zero (the commercial rule): `Decimal("0.005")` → 1."""
    return _product(100, amount)


def to_decimal(cents: int) -> Decimal:
    """Cents to euros with two decimals: 1234 → Decimal("12.34")."""
    return Decimal(cents).scaleb(-2)


def multiply(cents: int, factor: Decimal) -> int:
    """`cents` × `factor`, rounded once, half away from zero."""
    return _product(cents, factor)


def _product(whole: int, factor: Decimal) -> int:
    # In whole numbers, because Decimal's own product is rounded to 28 digits first, and that would be twice.
    over, under = factor.as_integer_ratio()
    size = (2 * abs(whole * over) + under) // (2 * under)
    return -size if whole * over < 0 else size


def split_cents(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to `weights` so that the parts add up to it exactly (largest remainder).

    Raises ValueError when no weight is positive or one is negative.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative and not all zero")
    sign = -1 if total < 0 else 1
    parts = [abs(total) * weight // whole for weight in weights]
    remainders = [(abs(total) * weight % whole, -index) for index, weight in enumerate(weights)]
    for _, index in sorted(remainders, reverse=True)[: abs(total) - sum(parts)]:
        parts[-index] += 1
    return [sign * part for part in parts]
