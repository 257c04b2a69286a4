"""The arithmetic and the course of an invoice: pure Python, no database.

The rounding rule, written here once: a line's net amount is quantity × unit price rounded to the cent, half away from
zero; VAT is computed once per rate on the sum of the net amounts of that rate and rounded the same way (EN 16931,
BR-CO-17). Each line then shows its share of its rate's VAT, shared by largest remainder, so the lines add up exactly to
the total and nothing is ever rounded a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from medisecure.kernel.money import multiply, split_cents

#: Bounds that a real hospital line never reaches; beyond them somebody mistyped.
MAX_QUANTITY: Final = Decimal(9999)
QUANTITY_PLACES: Final = 3
MAX_UNIT_PRICE_CENTS: Final = 100_000_00
MAX_TOTAL_CENTS: Final = 10_000_000_00
MAX_LINES: Final = 200
#: Basis points: 2000 is 20 %.
MAX_VAT_RATE: Final = 10_000
#: The rates of French VAT (CGI art. 278 to 281 octies), in basis points.
VAT_RATES: Final = (2000, 1000, 550, 210)
PAYMENT_DAYS: Final = 30


class Kind(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class Status(StrEnum):
    DRAFT = "draft"
    DISCARDED = "discarded"
    ISSUED = "issued"
    PAID = "paid"
    CREDITED = "credited"


class Exemption(StrEnum):
    """Why a line carries no VAT; the sentence it prints is in `legal.py`."""

    CARE = "care"


#: A series per kind: each is numbered without a gap, per year (CGI annexe II art. 242 nonies A).
SERIES: Final[Mapping[Kind, str]] = {Kind.INVOICE: "F", Kind.CREDIT_NOTE: "A"}

#: What may follow from which state. A credit note, once issued, stays as it is.
FOLLOWS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.DRAFT: frozenset({Status.ISSUED, Status.PAID, Status.DISCARDED}),
    Status.ISSUED: frozenset({Status.PAID, Status.CREDITED}),
    Status.PAID: frozenset({Status.CREDITED}),
    Status.CREDITED: frozenset(),
    Status.DISCARDED: frozenset(),
}

#: States without a number; everything else has been issued and does not change any more.
UNNUMBERED: Final = frozenset({Status.DRAFT, Status.DISCARDED})


@dataclass(frozen=True, slots=True)
class Line:
    """What is charged. `unit_price_cents` is net of VAT; `vat_rate` in basis points; `exemption` when it is 0."""

    code: str
    label: str
    quantity: Decimal
    unit_price_cents: int
    vat_rate: int = 0
    exemption: str = Exemption.CARE.value


@dataclass(frozen=True, slots=True)
class Amounts:
    """Cents; `total_cents` is always `net_cents + vat_cents`."""

    net_cents: int
    vat_cents: int

    @property
    def total_cents(self) -> int:
        return self.net_cents + self.vat_cents


@dataclass(frozen=True, slots=True)
class VatGroup:
    """One row of the VAT summary: all lines of one rate (or one reason of exemption)."""

    vat_rate: int
    exemption: str
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Totals:
    """`lines` in the order they were given; the groups by rate, then reason. Each sums to `whole`."""

    lines: tuple[Amounts, ...]
    groups: tuple[VatGroup, ...]
    whole: Amounts


def line_net(quantity: Decimal, unit_price_cents: int) -> int:
    """A line's net amount in cents, rounded once, half away from zero."""
    return multiply(unit_price_cents, quantity)


def vat_of(net_cents: int, vat_rate: int) -> int:
    """The VAT on a rate's net sum, in cents, rounded once."""
    return multiply(net_cents, Decimal(vat_rate).scaleb(-4))


def totals(lines: Sequence[Line]) -> Totals:
    """Every amount of an invoice. The lines must have passed `line_faults`."""
    nets = [line_net(line.quantity, line.unit_price_cents) for line in lines]
    vats = [0] * len(lines)
    members: dict[tuple[int, str], list[int]] = {}
    for index, line in enumerate(lines):
        members.setdefault((line.vat_rate, line.exemption), []).append(index)
    groups = []
    for (rate, exemption), indexes in sorted(members.items()):
        weights = [nets[index] for index in indexes]
        net = sum(weights)
        vat = vat_of(net, rate)
        # No net amount, no VAT: there is nothing to share it by.
        for index, share in zip(indexes, split_cents(vat, weights) if net else [0] * len(indexes), strict=True):
            vats[index] = share
        groups.append(VatGroup(rate, exemption, Amounts(net, vat)))
    amounts = tuple(Amounts(net, vat) for net, vat in zip(nets, vats, strict=True))
    return Totals(amounts, tuple(groups), Amounts(sum(nets), sum(group.amounts.vat_cents for group in groups)))


def line_faults(line: Line) -> dict[str, str]:
    """Field → code of what is wrong with it; empty when the line may be charged.

    Codes: missing, too-long, not-positive, too-large, too-precise, negative, exemption-needed, exemption-not-allowed.
    """
    found: dict[str, str] = {}
    if not line.label.strip():
        found["label"] = "missing"
    elif len(line.label) > 200:
        found["label"] = "too-long"
    if len(line.code) > 40:
        found["code"] = "too-long"
    if not line.quantity.is_finite() or line.quantity <= 0:
        found["quantity"] = "not-positive"
    elif line.quantity > MAX_QUANTITY:
        found["quantity"] = "too-large"
    elif line.quantity != round(line.quantity, QUANTITY_PLACES):
        found["quantity"] = "too-precise"
    if line.unit_price_cents < 0:
        found["unit_price_cents"] = "negative"
    elif line.unit_price_cents > MAX_UNIT_PRICE_CENTS:
        found["unit_price_cents"] = "too-large"
    if line.vat_rate < 0:
        found["vat_rate"] = "negative"
    elif line.vat_rate > MAX_VAT_RATE:
        found["vat_rate"] = "too-large"
    elif line.vat_rate == 0 and line.exemption not in set(Exemption):
        found["exemption"] = "exemption-needed"
    elif line.vat_rate > 0 and line.exemption:
        found["exemption"] = "exemption-not-allowed"
    return found


def number(series: str, year: int, sequence: int) -> str:
    """An invoice's number as printed: "F2026-000001"."""
    return f"{series}{year:04d}-{sequence:06d}"


def may_follow(now: Status, then: Status) -> bool:
    return then in FOLLOWS[now]


def status_for(total_cents: int, paid_cents: int) -> Status:
    """The state of an issued invoice that has been paid so far: one over nothing is settled from the start."""
    return Status.PAID if paid_cents == total_cents else Status.ISSUED


def due_date(issued_on: date, days: int = PAYMENT_DAYS) -> date:
    """The last day to pay."""
    return issued_on + timedelta(days=days)


def balance(total_cents: int, paid_cents: int) -> int:
    """What is still owed, in cents."""
    return total_cents - paid_cents


def is_overdue(status: Status, due: date | None, today: date) -> bool:
    """An issued invoice is overdue from the day after its due date."""
    return status is Status.ISSUED and due is not None and due < today
