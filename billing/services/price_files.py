"""The price list as a CSV file: out, and in again with a preview of what each line would do.

Columns: code; label_fr; label_en; price (euros before VAT, at most two decimals, point or comma); vat (a rate in
percent, or "care" for care, which is exempt); appointment_type; valid_from and valid_until (2026-01-31 or 31/01/2026);
mandatory and complementary (the parts that the insurers bear, in percent, empty for none).
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from django.db import IntegrityError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import rules
from billing.models import Price
from billing.services.prices import ADD, check_price
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, Refused, Stale
from medisecure.kernel.money import to_cents, to_decimal
from medisecure.kernel.transactions import transactional

COLUMNS: Final = (
    "code",
    "label_fr",
    "label_en",
    "price",
    "vat",
    "appointment_type",
    "valid_from",
    "valid_until",
    "mandatory",
    "complementary",
)
_NEEDED: Final = frozenset(COLUMNS) - {"mandatory", "complementary", "appointment_type", "valid_until"}
MOST_BYTES: Final = 1_000_000
MOST_LINES: Final = 10_000
_AMOUNT: Final = re.compile(r"\d{1,9}(?:[.,]\d{1,2})?", re.ASCII)
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_FRENCH: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
#: A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_OVERLAP: Final = _("This code has a price in that time already.")

Text = str | Promise


class Outcome(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    REFUSED = "refused"


@dataclass(slots=True)
class Line:
    """One line of the file: what it says and what it would do. `number` counts from 1, the heading is line 1."""

    number: int
    cells: dict[str, str]
    outcome: Outcome = Outcome.REFUSED
    #: (column, what is wrong with it)
    faults: list[tuple[str, Text]] = field(default_factory=list)
    price: Price | None = None
    #: The price that ends because of this line.
    replaces: Price | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    lines: Sequence[Line]

    def of(self, outcome: Outcome) -> list[Line]:
        return [line for line in self.lines if line.outcome is outcome]

    @property
    def digest(self) -> str:
        """Of what would be done: whoever confirms says to which plan."""
        parts = [
            f"{line.number}|{line.outcome}|{'|'.join(line.cells.get(name, '') for name in COLUMNS)}"
            f"|{line.replaces.id if line.replaces else ''}"
            for line in self.lines
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def decode(content: bytes) -> str:
    """As spreadsheets write it: UTF-8 with or without a mark, or the old Western code page. Raises `Invalid`."""
    if len(content) > MOST_BYTES:
        raise Invalid({"file": [_("At most 1 MB; split the file.")]})
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def plan(text: str) -> Plan:
    """What each line would do to the price list as it is now. Raises `Invalid` for what is no price list at all."""
    lines = _read(text)
    codes = {line.cells["code"] for line in lines}
    return _plan(lines, Price.objects.filter(code__in=codes))


def apply(*, actor: User | None, text: str, digest: str) -> Plan:
    """Carry out the plan that `digest` names: every line that is not refused, in one transaction.

    Raises `Refused`, `Invalid`, or `Stale` when the price list has changed since the plan was made.
    """
    if actor is not None and not actor.has_perm(ADD):
        raise Refused
    lines = _read(text)
    record_access(
        actor=actor,
        patient_id=None,
        action="import",
        resource="price",
        resource_id=f"lines:{len(lines)}",
        purpose="billing",
        right="role" if actor else "system",
    )
    try:
        return _apply(text, digest)
    except IntegrityError:
        # Somebody added the same code at the same time.
        raise Stale from None


@transactional(BILLING)
def _apply(text: str, digest: str) -> Plan:
    # Read again: a second try after a lost lock must not start from lines that are decided already.
    lines = _read(text)
    codes = {line.cells["code"] for line in lines}
    made = _plan(lines, Price.objects.select_for_update().filter(code__in=codes))
    if made.digest != digest:
        raise Stale
    for line in made.lines:
        if line.replaces is not None:
            line.replaces.save(update_fields=["valid_until"])
    Price.objects.bulk_create(
        [line.price for line in made.lines if line.price and line.outcome in (Outcome.NEW, Outcome.CHANGED)]
    )
    return made


def export(prices: Iterable[Price]) -> Iterator[str]:
    """The file, line by line: what `plan` reads again, and a spreadsheet opens without running anything in it."""
    yield "\ufeff" + _row(COLUMNS)
    for price in prices:
        yield _row(
            (
                price.code,
                price.label_fr,
                price.label_en,
                f"{to_decimal(price.price_cents)}",
                _percent(price.vat_rate) if price.vat_rate else price.exemption,
                price.appointment_type,
                price.valid_from.isoformat(),
                price.valid_until.isoformat() if price.valid_until else "",
                _percent(price.mandatory_rate) if price.mandatory_rate else "",
                _percent(price.complementary_rate) if price.complementary_rate else "",
            )
        )


def _percent(basis_points: int) -> str:
    return f"{Decimal(basis_points).scaleb(-2).normalize():f}"


def refused_lines(made: Plan) -> Iterator[str]:
    """The refused lines as a file with the reasons beside them, to be corrected and sent again."""
    yield "\ufeff" + _row((*COLUMNS, "line", "reasons"))
    for line in made.of(Outcome.REFUSED):
        reasons = "; ".join(f"{column}: {text}" for column, text in line.faults)
        yield _row((*(line.cells.get(name, "") for name in COLUMNS), str(line.number), reasons))


def _row(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerow(
        # A cell that has the mark already gets another, so that it comes back as it was.
        [f"'{cell}" if cell.removeprefix("'").startswith(_FORMULA) else cell for cell in cells]
    )
    return out.getvalue()


def _read(text: str) -> list[Line]:
    if len(text) > MOST_BYTES:
        raise Invalid({"file": [_("At most 1 MB; split the file.")]})
    head = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") >= head.count(",") else ",")
    try:
        rows = list(reader)
    except csv.Error:
        raise Invalid({"file": [_("This is not a CSV file.")]}) from None
    names = [name.strip().lower().lstrip("\ufeff") for name in rows[0]] if rows else []
    if missing := sorted(_NEEDED.difference(names), key=COLUMNS.index):
        raise Invalid({"file": [_("The first line must name the columns; missing: %(names)s.") % _names(missing)]})
    if len(names) != len(set(names)):
        raise Invalid({"file": [_("A column is named twice.")]})
    if len(rows) > MOST_LINES + 1:
        raise Invalid({"file": [_("At most %(count)d lines; split the file.") % {"count": MOST_LINES}]})
    lines = [_line(number, names, row) for number, row in enumerate(rows[1:], start=2) if any(map(str.strip, row))]
    if not lines:
        raise Invalid({"file": [_("There is no line below the heading.")]})
    return lines


def _names(names: Sequence[str]) -> dict[str, str]:
    return {"names": ", ".join(names)}


def _line(number: int, names: Sequence[str], row: Sequence[str]) -> Line:
    cells = dict.fromkeys(COLUMNS, "")
    for name, cell in zip(names, row, strict=False):
        if name in cells:
            # The mark of our own export that keeps spreadsheets from running a cell.
            plain = cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
            cells[name] = " ".join(plain.split())
    line = Line(number, cells)
    if len(row) > len(names):
        line.faults.append(("line", _("This line has more cells than the heading.")))
    return line


def _plan(lines: Sequence[Line], known: Iterable[Price]) -> Plan:
    periods: dict[str, list[Price]] = {}
    for price in known:
        periods.setdefault(price.code, []).append(price)
    for line in lines:
        _decide(line, periods.setdefault(line.cells["code"], []))
    return Plan(lines)


def _decide(line: Line, rows: list[Price]) -> None:
    """Set what the line would do, and let `rows`, the prices of its code, be as they were after it."""
    price = _price(line)
    if line.faults or price is None:
        return
    same = next((row for row in rows if _values(row) == _values(price)), None)
    if same is not None:
        line.outcome = Outcome.SAME
        return
    last = price.valid_until or date.max
    open_before = [row for row in rows if row.valid_until is None and row.valid_from < price.valid_from]
    in_the_way = [
        row
        for row in rows
        if row not in open_before and row.valid_from <= last and price.valid_from <= (row.valid_until or date.max)
    ]
    if in_the_way:
        line.faults.append(("valid_from", _OVERLAP))
        return
    for row in open_before:
        row.valid_until = price.valid_from - timedelta(days=1)
        line.replaces = row
    line.outcome = Outcome.CHANGED if rows else Outcome.NEW
    line.price = price
    rows.append(price)


def _values(price: Price) -> tuple[Any, ...]:
    return (
        price.label_fr,
        price.label_en,
        price.price_cents,
        price.vat_rate,
        price.exemption,
        price.mandatory_rate,
        price.complementary_rate,
        price.appointment_type,
        price.valid_from,
        price.valid_until,
    )


def _price(line: Line) -> Price | None:
    """The line as a price; None, with the faults noted, when it cannot be one."""
    cells = line.cells
    amount = re.sub(r"[\s€]", "", cells["price"])
    if not _AMOUNT.fullmatch(amount):
        line.faults.append(("price", _("Write euros with at most two decimals, as in 12.50.")))
    vat = _vat(cells["vat"])
    if vat is None:
        line.faults.append(("vat", _("Write “care” or one of the rates: %(rates)s.") % {"rates": _rates()}))
    borne = {name: _rate(cells[name]) if cells[name] else 0 for name in ("mandatory", "complementary")}
    for name in [name for name, rate in borne.items() if rate is None]:
        line.faults.append((name, _("Write a percentage from 0 to 100, as in 70, or nothing.")))
    begin = day_of(cells["valid_from"])
    if begin is None:
        line.faults.append(("valid_from", _("Write a day as in 2026-01-31.")))
    end = day_of(cells["valid_until"]) if cells["valid_until"] else None
    if cells["valid_until"] and end is None:
        line.faults.append(("valid_until", _("Write a day as in 2026-01-31, or nothing.")))
    for name in ("code", "label_fr", "label_en", "appointment_type"):
        longest: int = getattr(Price._meta.get_field(name), "max_length", None) or 0
        if len(cells[name]) > longest:
            line.faults.append((name, _("At most %(count)d characters.") % {"count": longest}))
        elif not cells[name].isprintable():
            line.faults.append((name, _("Remove the characters that cannot be seen.")))
    if line.faults or vat is None or begin is None:
        return None
    price = Price(
        code=cells["code"],
        label_fr=cells["label_fr"],
        label_en=cells["label_en"],
        price_cents=to_cents(Decimal(amount.replace(",", "."))),
        vat_rate=vat,
        exemption="" if vat else rules.Exemption.CARE.value,
        mandatory_rate=borne["mandatory"] or 0,
        complementary_rate=borne["complementary"] or 0,
        appointment_type=cells["appointment_type"],
        valid_from=begin,
        valid_until=end,
    )
    try:
        check_price(price)
    except Invalid as error:
        names = {"price_cents": "price", "vat_rate": "vat", "exemption": "vat"}
        names |= {"mandatory_rate": "mandatory", "complementary_rate": "complementary"}
        line.faults += [(names.get(name, name), text) for name, texts in error.errors.items() for text in texts]
        return None
    return price


def _vat(text: str) -> int | None:
    """Basis points, 0 for care; None for what is neither."""
    text = re.sub(r"[\s%]", "", text).replace(",", ".").lower()
    if text == rules.Exemption.CARE.value:
        return 0
    rate = _rate(text)
    return rate if rate in rules.VAT_RATES else None


def _rate(text: str) -> int | None:
    """A percentage in basis points, None for what is none."""
    text = re.sub(r"[\s%]", "", text).replace(",", ".")
    if not re.fullmatch(r"\d{1,3}(?:\.\d{1,2})?", text, re.ASCII):
        return None
    rate = int(Decimal(text).scaleb(2))
    return rate if rate <= rules.WHOLE else None


def _rates() -> str:
    return ", ".join(f"{Decimal(rate).scaleb(-2).normalize():f}" for rate in rules.VAT_RATES)


def day_of(text: str) -> date | None:
    if match := _ISO.fullmatch(text):
        year, month, day = match.groups()
    elif match := _FRENCH.fullmatch(text):
        day, month, year = match.groups()
    else:
        return None
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2200 else None
