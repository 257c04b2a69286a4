"""The arithmetic and the course of an invoice: pure Python, no database.

The rounding rule, written here once. Every rounding is to the cent, half away from zero, and each amount is rounded
once:

- a line's gross amount is quantity × unit price; a discount in percent is taken of the rounded gross amount and is
  rounded itself (EN 16931, BT-136); the line's net amount is the difference, and needs no rounding;
- VAT is computed once per rate on the sum of the discounted net amounts of that rate (EN 16931, BR-CO-17). Each line
  shows its part of its rate's VAT, shared by largest remainder, so the lines add up exactly to the total;
- a line's total, VAT included, is shared between mandatory insurer, complementary insurer and patient by the line's two
  rates, by largest remainder too: the parts add up to the line to the cent, and those of the lines to the invoice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
#: Basis points of a whole: of a discount, and of what insurers bear together.
WHOLE: Final = 10_000
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


class Payer(StrEnum):
    """Who pays a part of an invoice, in the order in which a cent that is over is given."""

    MANDATORY = "mandatory"
    COMPLEMENTARY = "complementary"
    PATIENT = "patient"


INSURERS: Final = (Payer.MANDATORY, Payer.COMPLEMENTARY)

#: A series per kind: each is numbered without a gap, per year (CGI annexe II art. 242 nonies A).
SERIES: Final[Mapping[Kind, str]] = {Kind.INVOICE: "F", Kind.CREDIT_NOTE: "A"}

#: What may follow from which state. A credit note, once issued, stays as it is.
FOLLOWS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.DRAFT: frozenset({Status.ISSUED, Status.PAID, Status.DISCARDED}),
    Status.ISSUED: frozenset({Status.PAID, Status.CREDITED}),
    # Money that was given back, a cheque that bounced: it is owed again.
    Status.PAID: frozenset({Status.ISSUED, Status.CREDITED}),
    Status.CREDITED: frozenset(),
    Status.DISCARDED: frozenset(),
}

#: States without a number; everything else has been issued and does not change any more.
UNNUMBERED: Final = frozenset({Status.DRAFT, Status.DISCARDED})


@dataclass(frozen=True, slots=True)
class Line:
    """What is charged. `unit_price_cents` is net of VAT; `vat_rate` in basis points; `exemption` when it is 0.

    The discount is a rate in basis points or an amount, never both. The last two are the parts that the insurers bear,
    in basis points of the line's total; what they leave is the patient's.
    """

    code: str
    label: str
    quantity: Decimal
    unit_price_cents: int
    vat_rate: int = 0
    exemption: str = Exemption.CARE.value
    discount_rate: int = 0
    discount_cents: int = 0
    mandatory_rate: int = 0
    complementary_rate: int = 0


@dataclass(frozen=True, slots=True)
class Amounts:
    """Cents; `total_cents` is always `net_cents + vat_cents`. `discount_cents` has been taken off already."""

    net_cents: int
    vat_cents: int
    discount_cents: int = 0

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


@dataclass(frozen=True, slots=True)
class Part:
    """What one payer bears of an invoice by the rates (`covered_cents`), and what they are asked for (`amount_cents`).

    The two differ where an insurer does not pay the hospital itself: the patient pays that part, and gets it back from
    the insurer. Both add up to the invoice's total over all payers.
    """

    payer: Payer
    covered_cents: int
    amount_cents: int


def line_gross(quantity: Decimal, unit_price_cents: int) -> int:
    """A line's amount before discount and VAT, in cents, rounded once."""
    return multiply(unit_price_cents, quantity)


def line_discount(line: Line) -> int:
    """What is taken off the line's gross amount, in cents, rounded once."""
    if line.discount_rate:
        gross = line_gross(line.quantity, line.unit_price_cents)
        return multiply(gross, Decimal(line.discount_rate).scaleb(-4))
    return line.discount_cents


def line_net(line: Line) -> int:
    """A line's amount before VAT, in cents, its discount taken off."""
    return line_gross(line.quantity, line.unit_price_cents) - line_discount(line)


def vat_of(net_cents: int, vat_rate: int) -> int:
    """The VAT on a rate's net sum, in cents, rounded once."""
    return multiply(net_cents, Decimal(vat_rate).scaleb(-4))


def totals(lines: Sequence[Line]) -> Totals:
    """Every amount of an invoice. The lines must have passed `line_faults`."""
    nets = [line_net(line) for line in lines]
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
    off = [line_discount(line) for line in lines]
    amounts = tuple(Amounts(net, vat, less) for net, vat, less in zip(nets, vats, off, strict=True))
    whole = Amounts(sum(nets), sum(group.amounts.vat_cents for group in groups), sum(off))
    return Totals(amounts, tuple(groups), whole)


def line_parts(line: Line, total_cents: int, insured: Collection[Payer]) -> dict[Payer, int]:
    """Who bears how much of the line's total: an insurer whom the patient does not have bears nothing."""
    rates = {Payer.MANDATORY: line.mandatory_rate, Payer.COMPLEMENTARY: line.complementary_rate}
    weights = [rates[payer] if payer in insured else 0 for payer in INSURERS]
    return dict(zip(Payer, split_cents(total_cents, [*weights, WHOLE - sum(weights)]), strict=True))


def parts(lines: Sequence[Line], amounts: Sequence[Amounts], third_party: Mapping[Payer, bool]) -> tuple[Part, ...]:
    """The invoice shared between its payers, the patient last. `amounts` are those of `totals`.

    `third_party` has the insurers whom the patient has, and whether each pays the hospital itself.
    """
    covered = dict.fromkeys(Payer, 0)
    for line, amount in zip(lines, amounts, strict=True):
        for payer, cents in line_parts(line, amount.total_cents, third_party).items():
            covered[payer] += cents
    insurers = [
        Part(payer, covered[payer], covered[payer] if third_party[payer] else 0)
        for payer in INSURERS
        if payer in third_party
    ]
    rest = sum(covered.values()) - sum(part.amount_cents for part in insurers)
    return (*insurers, Part(Payer.PATIENT, covered[Payer.PATIENT], rest))


def line_faults(line: Line) -> dict[str, str]:
    """Field → code of what is wrong with it; empty when the line may be charged.

    Codes: missing, too-long, not-positive, too-large, too-precise, negative, exemption-needed, exemption-not-allowed,
    discount-twice, above-price, above-whole.
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
    return (
        found
        | _discount_faults(line, priced="quantity" not in found and "unit_price_cents" not in found)
        | _rate_faults(line)
    )


def _discount_faults(line: Line, *, priced: bool) -> dict[str, str]:
    if line.discount_rate < 0:
        return {"discount_rate": "negative"}
    if line.discount_rate > WHOLE:
        return {"discount_rate": "above-price"}
    if line.discount_cents < 0:
        return {"discount_cents": "negative"}
    if line.discount_rate and line.discount_cents:
        return {"discount_cents": "discount-twice"}
    if priced and line.discount_cents > line_gross(line.quantity, line.unit_price_cents):
        return {"discount_cents": "above-price"}
    return {}


def _rate_faults(line: Line) -> dict[str, str]:
    rates = {"mandatory_rate": line.mandatory_rate, "complementary_rate": line.complementary_rate}
    found = {name: "negative" for name, rate in rates.items() if rate < 0}
    if not found and sum(rates.values()) > WHOLE:
        found["complementary_rate" if line.mandatory_rate <= WHOLE else "mandatory_rate"] = "above-whole"
    return found


def number(series: str, year: int, sequence: int) -> str:
    """An invoice's number as printed: "F2026-000001"."""
    return f"{series}{year:04d}-{sequence:06d}"


def may_follow(now: Status, then: Status) -> bool:
    return then in FOLLOWS[now]


def status_for(total_cents: int, settled_cents: int) -> Status:
    """The state of an issued invoice of which so much was paid or written off: one over nothing is settled from the
    start."""
    return Status.PAID if settled_cents == total_cents else Status.ISSUED


def due_date(issued_on: date, days: int = PAYMENT_DAYS) -> date:
    """The last day to pay."""
    return issued_on + timedelta(days=days)


def is_overdue(owed_cents: int, due: date | None, today: date) -> bool:
    """What is owed is overdue from the day after the due date."""
    return owed_cents > 0 and due is not None and due < today
