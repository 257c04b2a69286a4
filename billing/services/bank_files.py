"""A file of the bank (CSV): what came in on the account, matched by the number of an invoice and the amount owed.

Columns are found by the names that banks give them, in French or English: a day, an amount (or one column for credits
and one for debits), a wording, a reference. Separator, encoding, decimal mark and the way a day is written are those of
the file. A line pays an invoice only when it names that one alone and its amount is what one payer still owes of it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import rules, selectors
from billing.models import BankLine, Invoice, Payment
from billing.services import ledger
from billing.services.payments import TAKE, Part, take
from billing.services.price_files import MOST_BYTES, day_of, decode
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, Refused, Stale
from medisecure.kernel.money import to_cents
from medisecure.kernel.transactions import transactional

__all__ = ["MOST_BYTES", "Outcome", "Plan", "apply", "decode", "plan", "refused_lines"]

MOST_LINES: Final = 2_000
_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "day": frozenset(
        {"date", "date operation", "date de l operation", "date comptable", "date de comptabilisation", "booking date"}
        | {"date valeur", "date de valeur", "value date", "booked on", "day"}
    ),
    "amount": frozenset({"montant", "amount", "montant eur", "montant en euros", "somme"}),
    "credit": frozenset({"credit", "credit eur", "credits", "paid in", "montant credit"}),
    "debit": frozenset({"debit", "debit eur", "debits", "paid out", "montant debit"}),
    "label": frozenset({"libelle", "libelle operation", "label", "description", "wording", "intitule", "details"}),
    "reference": frozenset({"reference", "ref", "reference operation", "numero d operation", "end to end id"}),
}
_NUMBER: Final = re.compile(r"(?<![A-Za-z0-9])F[ ]?(\d{4})[ -]?(\d{6,9})(?!\d)", re.ASCII | re.IGNORECASE)

Text = str | Promise


class Outcome(StrEnum):
    MATCHED = "matched"
    UNMATCHED = "unmatched"
    KNOWN = "known"
    DEBIT = "debit"
    REFUSED = "refused"


@dataclass(slots=True)
class Line:
    """One line of the file and what it would do. `number` counts from 1, the heading is line 1."""

    number: int
    cells: dict[str, str]
    outcome: Outcome = Outcome.REFUSED
    faults: list[tuple[str, Text]] = field(default_factory=list)
    day: date | None = None
    amount_cents: int = 0
    fingerprint: str = ""
    invoice: Invoice | None = None
    payer: str = ""
    why: str = ""

    @property
    def why_label(self) -> str:
        return str(dict(BankLine.Why.choices).get(self.why, ""))


@dataclass(frozen=True, slots=True)
class Plan:
    lines: Sequence[Line]

    def of(self, outcome: Outcome) -> list[Line]:
        return [line for line in self.lines if line.outcome is outcome]

    @property
    def digest(self) -> str:
        """Of what would be done: whoever confirms says to which plan."""
        parts = [
            f"{line.number}|{line.outcome}|{line.fingerprint}|{line.payer}|{line.why}"
            f"|{line.invoice.id if line.invoice else ''}"
            for line in self.lines
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def plan(text: str) -> Plan:
    """What each line would do, as things are now. Raises `Invalid` for what is no file of a bank at all."""
    lines = _read(text)
    _match(lines)
    return Plan(lines)


def apply(*, actor: User | None, text: str, digest: str) -> Plan:
    """Carry out the plan that `digest` names, in one transaction: payments of what is matched, and the others for the
    clerk's worklist. What is known already does nothing. Raises `Refused`, `Invalid`, or `Stale`."""
    if actor is not None and not actor.has_perm(TAKE):
        raise Refused
    made = plan(text)
    if made.digest != digest:
        raise Stale
    record_access(
        actor=actor,
        patient_id=None,
        action="import",
        resource="bank-file",
        resource_id=f"lines:{len(made.lines)}",
        purpose="billing",
        right="role" if actor else "system",
    )
    for line in made.of(Outcome.MATCHED):
        if line.invoice is not None:
            patient_id = line.invoice.patient_id
            selectors.audit(actor=actor, patient_id=patient_id, action="pay", invoice_id=line.invoice.id)
    return _apply(text, digest, actor.id if actor else None)


@transactional(BILLING)
def _apply(text: str, digest: str, actor_id: UUID | None) -> Plan:
    lines = _read(text)
    # All that the lines name, locked at once and in order, before it is decided again what each pays.
    ledger.lock_invoices(Invoice.objects.filter(number__in=_numbers(lines)).values_list("id", flat=True))
    _match(lines)
    made = Plan(lines)
    if made.digest != digest:
        raise Stale
    for line in made.lines:
        if line.outcome is Outcome.MATCHED and line.invoice is not None:
            payment = pay(
                fingerprint=line.fingerprint,
                amount_cents=line.amount_cents,
                reference=line.cells["reference"],
                patient_id=line.invoice.patient_id,
                payer=line.payer,
                parts=[Part(line.invoice.id, line.amount_cents)],
                actor_id=actor_id,
            )
            _keep(line, BankLine.Status.MATCHED, payment)
        elif line.outcome is Outcome.UNMATCHED:
            _keep(line, BankLine.Status.OPEN, None)
    return made


def pay(
    *,
    fingerprint: str,
    amount_cents: int,
    reference: str,
    patient_id: UUID | None,
    payer: str,
    parts: Sequence[Part],
    actor_id: UUID | None,
    keep_rest: bool = False,
) -> Payment:
    """The payment of a line: its key is the line's own mark, so that no line pays twice."""
    wanted = Payment(
        invoice_id=parts[0].invoice_id if len(parts) == 1 else None,
        patient_id=patient_id,
        payer=payer,
        amount_cents=amount_cents,
        method=Payment.Method.TRANSFER.value,
        reference=reference,
        taken_by=actor_id,
        idempotency_key=f"bank:{fingerprint}",
    )
    return take(wanted, parts, keep_rest=keep_rest).payment


def _keep(line: Line, status: str, payment: Payment | None) -> None:
    if line.day is None:
        raise ValueError("a line without a day is refused and not kept")
    BankLine.objects.create(
        fingerprint=line.fingerprint,
        booked_on=line.day,
        amount_cents=line.amount_cents,
        label=line.cells["label"],
        reference=line.cells["reference"],
        status=status,
        why=line.why,
        payment=payment,
    )


def refused_lines(made: Plan) -> list[str]:
    """One sentence for each refused line."""
    return [
        f"{line.number}: " + "; ".join(f"{column}: {text}" for column, text in line.faults)
        for line in made.of(Outcome.REFUSED)
    ]


# --- matching ---------------------------------------------------------------------------------------------------------
def numbers_in(text: str) -> list[str]:
    """The numbers of invoices that a text names, as they are printed, each once."""
    found = [f"F{year}-{sequence}" for year, sequence in _NUMBER.findall(text)]
    return list(dict.fromkeys(found))


def _numbers(lines: Sequence[Line]) -> set[str]:
    return {number for line in lines for number in numbers_in(_words(line))}


def _words(line: Line) -> str:
    return f"{line.cells['label']} {line.cells['reference']}"


def _match(lines: Sequence[Line]) -> None:
    read = [line for line in lines if line.fingerprint]
    marks = [line.fingerprint for line in read]
    known = set(BankLine.objects.filter(fingerprint__in=marks).values_list("fingerprint", flat=True))
    rows = Invoice.objects.issued().filter(number__in=_numbers(read)).prefetch_related("shares")
    invoices = {invoice.number: invoice for invoice in rows}
    used: set[tuple[UUID, str]] = set()
    for line in read:
        if line.fingerprint in known:
            line.outcome = Outcome.KNOWN
            continue
        line.outcome, line.invoice = Outcome.UNMATCHED, None
        numbers = numbers_in(_words(line))
        if len(numbers) != 1:
            line.why = BankLine.Why.SEVERAL if numbers else BankLine.Why.NO_NUMBER
        elif numbers[0] not in invoices:
            line.why = BankLine.Why.UNKNOWN
        else:
            _fit(line, invoices[numbers[0]], used)


def _fit(line: Line, invoice: Invoice, used: set[tuple[UUID, str]]) -> None:
    owing = [share for share in invoice.shares.all() if share.balance_cents] if invoice.is_open else []
    fitting = [share for share in owing if share.balance_cents == line.amount_cents]
    if not owing:
        line.why = BankLine.Why.CLOSED
    elif len(fitting) != 1:
        # Nobody owes this, or two do and the line does not say who paid.
        line.why = BankLine.Why.AMOUNT
    elif (invoice.id, fitting[0].payer) in used:
        line.why = BankLine.Why.TWICE
    else:
        used.add((invoice.id, fitting[0].payer))
        line.outcome, line.invoice, line.payer = Outcome.MATCHED, invoice, fitting[0].payer


# --- reading ----------------------------------------------------------------------------------------------------------
def _read(text: str) -> list[Line]:
    if len(text) > MOST_BYTES:
        raise Invalid({"file": [_("At most 1 MB; split the file.")]})
    rows, columns, first = _table(text)
    lines: list[Line] = []
    alike: dict[str, int] = {}
    for number, row in enumerate(rows, start=first):
        if any(map(str.strip, row)):
            lines.append(_line(number, row, columns, alike))
    if not lines:
        raise Invalid({"file": [_("There is no line below the heading.")]})
    if len(lines) > MOST_LINES:
        raise Invalid({"file": [_("At most %(count)d lines; split the file.") % {"count": MOST_LINES}]})
    return lines


def _table(text: str) -> tuple[list[list[str]], dict[str, int], int]:
    """(rows below the heading, meaning → column, number of the first row). Banks put lines about the account first."""
    for delimiter in (";", ",", "\t"):
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        except csv.Error:
            continue
        for index, row in enumerate(rows[:20]):
            columns: dict[str, int] = {}
            for place, name in enumerate(row):
                meaning = next((key for key, names in _NAMES.items() if _plain(name) in names), "")
                if meaning:
                    columns.setdefault(meaning, place)
            if {"day", "label"} <= columns.keys() and columns.keys() & {"amount", "credit"}:
                return rows[index + 1 :], columns, index + 2
    raise Invalid({"file": [_("No heading with a day, an amount and a wording was found.")]})


def _plain(name: str) -> str:
    bare = "".join(
        char for char in unicodedata.normalize("NFKD", name.lstrip("\ufeff")) if not unicodedata.combining(char)
    )
    return " ".join(re.sub(r"[^a-z0-9]+", " ", bare.lower()).split())


def _line(number: int, row: Sequence[str], columns: Mapping[str, int], alike: dict[str, int]) -> Line:
    cells = {
        name: _clean(row[columns[name]]) if name in columns and columns[name] < len(row) else "" for name in _NAMES
    }
    line = Line(number, cells)
    line.day = day_of(cells["day"])
    if line.day is None:
        line.faults.append(("day", _("Write a day as in 2026-01-31.")))
    if len(cells["label"]) > 300 or len(cells["reference"]) > 100:
        line.faults.append(("label", _("This is too long.")))
    elif not (cells["label"] + cells["reference"]).isprintable():
        line.faults.append(("label", _("Remove the characters that cannot be seen.")))
    cents = _amount(line)
    if line.faults or cents is None:
        return line
    if cents <= 0:
        line.outcome = Outcome.DEBIT
        return line
    line.amount_cents = cents
    mark = "|".join((str(line.day), str(cents), cells["label"], cells["reference"]))
    alike[mark] = alike.get(mark, 0) + 1
    line.fingerprint = hashlib.sha256(f"{mark}|{alike[mark]}".encode()).hexdigest()
    return line


def _clean(cell: str) -> str:
    return " ".join(cell.split())


def _amount(line: Line) -> int | None:
    """Cents that came in, less than zero or nothing for what went out; None with the fault noted."""
    cells = line.cells
    text = cells["amount"] or cells["credit"]
    if not text and cells["debit"]:
        return 0
    value = cents_of(text)
    if value is None:
        line.faults.append(("amount", _("Write euros with at most two decimals, as in 12.50.")))
    elif value > rules.MAX_TOTAL_CENTS:
        line.faults.append(("amount", _("This is too large.")))
        return None
    elif not value and not cells["debit"]:
        line.faults.append(("amount", _("Enter an amount above zero.")))
        return None
    return value


def cents_of(text: str) -> int | None:
    """“1 234,56”, “1.234,56”, “1,234.56”, “+12.5 €”, “-3,00”. The last mark is the decimal one when one or two digits
    follow it; a figure such as “1.234”, which may be either, is refused."""
    bare = re.sub(r"[\s€]|EUR", "", text)
    found = re.fullmatch(r"([+-]?)(\d{1,3}(?:([.,'])\d{3})+|\d{1,10})(?:([.,])(\d{1,2}))?", bare, re.ASCII)
    if found is None:
        return None
    sign, whole, group, mark, cents = found.groups()
    if group is not None and (mark is None or group == mark):
        return None
    value = to_cents(Decimal(re.sub(r"[.,']", "", whole) + "." + (cents or "0")))
    return -value if sign == "-" else value
