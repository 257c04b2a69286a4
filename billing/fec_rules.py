"""The export of the books that the French tax office asks for (fichier des écritures comptables), and its rules.

Livre des procédures fiscales, art. A47 A-1 (arrêté du 29 juillet 2013): a flat file, 18 columns in this order, entries
in the order in which they were validated, numbered without a gap, each balanced. Pure Python: reads and writes text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

COLUMNS: Final = (
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
)
_NEEDED: Final = frozenset(COLUMNS) - {
    "CompAuxNum",
    "CompAuxLib",
    "EcritureLet",
    "DateLet",
    "Montantdevise",
    "Idevise",
}
_NAME: Final = re.compile(r"(\d{9})FEC(\d{8})\.txt")
_AMOUNT: Final = re.compile(r"-?\d+(,\d{1,2})?")
_ACCOUNT: Final = re.compile(r"[1-8]\d{2}[0-9A-Za-z]*")
_DAY: Final = re.compile(r"\d{8}")
_SEPARATORS: Final = ("\t", "|")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an entry. One of the amounts is zero; `auxiliary` is who owes, by a number and never by name: what a
    hospital's patients are called is a secret (Code pénal, art. 226-13)."""

    account: str
    account_label: str
    debit_cents: int = 0
    credit_cents: int = 0
    auxiliary: str = ""
    auxiliary_label: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """Lines that balance, of one journal, day and supporting document."""

    journal: str
    journal_label: str
    day: date
    piece: str
    piece_day: date
    label: str
    validated: date
    lines: Sequence[Line]

    @property
    def balanced(self) -> bool:
        return sum(line.debit_cents for line in self.lines) == sum(line.credit_cents for line in self.lines)


@dataclass(frozen=True, slots=True)
class Fault:
    """`line` counts from 1, the headings; 0 is the file itself."""

    line: int
    column: str
    text: str


def file_name(siren: str, closing: date) -> str:
    return f"{siren}FEC{closing:%Y%m%d}.txt"


def _clean(text: str) -> str:
    """No separator and no end of line inside a field."""
    return " ".join(re.sub(r"[\t|\r\n]", " ", text).split())


def amount(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100},{abs(cents) % 100:02d}"


def write(entries: Iterable[Entry]) -> Iterator[str]:
    """The lines of the file; entries must come in their order. Raises ValueError for one that does not balance."""
    yield "\t".join(COLUMNS) + "\r\n"
    for number, entry in enumerate(entries, start=1):
        if not entry.balanced or not entry.lines:
            raise ValueError(f"entry {entry.piece} does not balance")
        for line in entry.lines:
            cells = (
                entry.journal,
                entry.journal_label,
                str(number),
                f"{entry.day:%Y%m%d}",
                line.account,
                line.account_label,
                line.auxiliary,
                line.auxiliary_label,
                entry.piece,
                f"{entry.piece_day:%Y%m%d}",
                entry.label,
                amount(line.debit_cents),
                amount(line.credit_cents),
                "",
                "",
                f"{entry.validated:%Y%m%d}",
                "",
                "",
            )
            yield "\t".join(_clean(cell) for cell in cells) + "\r\n"


def _cents(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    whole, _comma, part = text.lstrip("-").partition(",")
    return sign * (int(whole) * 100 + int(part.ljust(2, "0") or 0))


def _day(text: str) -> date | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day of the calendar has no zone
    except ValueError:
        return None


@dataclass(slots=True)
class _Open:
    """The entry that is being read."""

    number: str = ""
    journal: str = ""
    head: tuple[str, ...] = ()
    line: int = 0
    debit: int = 0
    credit: int = 0
    lines: int = 0


def check(lines: Iterable[str], *, name: str = "") -> Iterator[Fault]:
    """Everything that breaks a rule. `name` is the file's name, checked when it is given."""
    closing = None
    if name:
        found = _NAME.fullmatch(name)
        closing = _day(found[2]) if found else None
        if closing is None:
            yield Fault(0, "", "the name is not SIRENFECAAAAMMJJ.txt")
    numbered = enumerate((line.rstrip("\r\n") for line in lines), start=1)
    head = next(numbered, None)
    if head is None:
        yield Fault(0, "", "the file is empty")
        return
    separator = next((one for one in _SEPARATORS if one in head[1]), "\t")
    if tuple(head[1].split(separator)) != COLUMNS:
        yield Fault(1, "", "the headings are not the 18 columns in their order")
        return
    entry, seen, expected, last, count = _Open(), set[tuple[str, str]](), 0, "", 0
    for number, text in numbered:
        cells = text.split(separator)
        if len(cells) != len(COLUMNS):
            yield Fault(number, "", f"{len(cells)} fields instead of 18")
            continue
        count += 1
        row = dict(zip(COLUMNS, cells, strict=True))
        yield from _check_line(number, row, closing)
        key = (row["JournalCode"], row["EcritureNum"])
        if key != (entry.journal, entry.number):
            yield from _close(entry)
            if key in seen:
                yield Fault(number, "EcritureNum", f"entry {row['EcritureNum']} goes on after another one")
            seen.add(key)
            expected += 1
            if row["EcritureNum"] != str(expected):
                yield Fault(number, "EcritureNum", f"{row['EcritureNum']} instead of {expected}")
                expected = int(row["EcritureNum"]) if row["EcritureNum"].isdecimal() else expected
            if row["ValidDate"] < last:
                yield Fault(number, "ValidDate", "entries are in the order in which they were validated")
            last = max(last, row["ValidDate"])
            entry = _Open(row["EcritureNum"], row["JournalCode"], _head(row), number)
        elif _head(row) != entry.head:
            yield Fault(number, "EcritureDate", "the lines of an entry share its date, document and validation")
        entry.lines += 1
        entry.debit += _cents(row["Debit"]) if _AMOUNT.fullmatch(row["Debit"]) else 0
        entry.credit += _cents(row["Credit"]) if _AMOUNT.fullmatch(row["Credit"]) else 0
    yield from _close(entry)
    if not count:
        yield Fault(0, "", "there is no entry")


def _head(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("EcritureDate", "PieceRef", "PieceDate", "ValidDate"))


def _close(entry: _Open) -> Iterator[Fault]:
    if entry.lines and entry.debit != entry.credit:
        difference = f"{amount(entry.debit)} debit, {amount(entry.credit)} credit"
        yield Fault(entry.line, "Debit", f"entry {entry.number} does not balance: {difference}")
    elif entry.lines == 1:
        yield Fault(entry.line, "EcritureNum", f"entry {entry.number} has one line")


def _check_line(number: int, row: dict[str, str], closing: date | None) -> Iterator[Fault]:
    for name in COLUMNS:
        if name in _NEEDED and not row[name].strip():
            yield Fault(number, name, "is empty")
    for name in ("EcritureDate", "PieceDate", "ValidDate", "DateLet"):
        if row[name] and _day(row[name]) is None:
            yield Fault(number, name, f"{row[name]} is no day as AAAAMMJJ")
    day = _day(row["EcritureDate"])
    if closing is not None and day is not None and not _within(day, closing):
        yield Fault(number, "EcritureDate", f"{row['EcritureDate']} is not in the year that ends on {closing:%Y%m%d}")
    for name in ("Debit", "Credit", "Montantdevise"):
        if row[name] and not _AMOUNT.fullmatch(row[name]):
            yield Fault(number, name, f"{row[name]} is no amount with a comma")
    amounts = [_cents(row[name]) for name in ("Debit", "Credit") if _AMOUNT.fullmatch(row[name])]
    if len(amounts) == 2 and amounts.count(0) != 1:
        yield Fault(number, "Debit", "a line is debit or credit, and not nothing")
    if row["CompteNum"] and not _ACCOUNT.fullmatch(row["CompteNum"]):
        yield Fault(number, "CompteNum", f"{row['CompteNum']} is no account of the Plan comptable général")
    for one, other in (("CompAuxNum", "CompAuxLib"), ("EcritureLet", "DateLet"), ("Montantdevise", "Idevise")):
        if bool(row[one]) != bool(row[other]):
            yield Fault(number, one, f"{one} and {other} come together")


def _within(day: date, closing: date) -> bool:
    """A year of accounts ends on its closing day and is two years long at most."""
    return day <= closing and (closing - day).days < 366 * 2
