"""What was issued, paid and counted as entries of accounts, in the order of time, for the export of the books."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from billing import chart, rules, snapshot
from billing.books.periods import Period
from billing.fec_rules import Entry, Line
from billing.models import Invoice, InvoiceShare, Payment, Refund, TillDay, TillEntry, WriteOff
from billing.paper_words import local_day
from patients.interface import PatientCard, patient_cards

_CHUNK: Final = 500
_SALES, _CASH, _BANK, _OTHER = (
    ("VE", "Ventes"),
    ("CA", "Caisse"),
    ("BQ", "Banque"),
    ("OD", "Opérations diverses"),
)
#: Where the money of a payment arrives: journal and account.
_METHODS: Final = {
    Payment.Method.CASH.value: (_CASH, "cash"),
    Payment.Method.CHEQUE.value: (_BANK, "cheques"),
    Payment.Method.CARD.value: (_BANK, "cards"),
    Payment.Method.TRANSFER.value: (_BANK, "bank"),
    Payment.Method.INSURER.value: (_BANK, "bank"),
}
Cards = Mapping[UUID, PatientCard]


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that happened, of which `entry` makes an entry once the numbers of its patients are known."""

    at: datetime
    order: int
    id: UUID
    patient_id: UUID | None
    entry: Callable[[Cards], Entry]

    @property
    def place(self) -> tuple[date, int, datetime, UUID]:
        return local_day(self.at), self.order, self.at, self.id


def entries(period: Period) -> Iterator[Entry]:
    """Every entry of the period, in its order; constant memory, however many there are."""
    sources = (
        _invoices(period),
        _payments(period),
        _refunds(period),
        _write_offs(period),
        _moved(period),
        _counted(period),
    )
    merged = heapq.merge(*sources, key=lambda found: found.place)
    while chunk := list(itertools.islice(merged, _CHUNK)):
        cards = patient_cards({found.patient_id for found in chunk if found.patient_id})
        for found in chunk:
            entry = found.entry(cards)
            if entry.lines:
                yield entry


# --- What was issued --------------------------------------------------------------------------------------------------
def _invoices(period: Period) -> Iterator[_Found]:
    rows = (
        Invoice.objects.issued()
        .filter(issued_at__gte=period.start, issued_at__lt=period.end)
        .order_by("issued_at", "id")
        .prefetch_related("items", "shares", "buyer")
    )
    for row in rows.iterator(chunk_size=_CHUNK):
        if row.issued_at is not None:
            yield _Found(row.issued_at, 0, row.id, row.patient_id, _sale(row))


def _sale(invoice: Invoice) -> Callable[[Cards], Entry]:
    def make(cards: Cards) -> Entry:
        note = invoice.kind == Invoice.Kind.CREDIT_NOTE
        day = snapshot.local_day(invoice)
        lines = [_client(share, invoice, cards, debit=share.amount_cents) for share in invoice.shares.all()]
        for group in rules.totals([snapshot.line_of(item) for item in invoice.items.all()]).groups:
            lines.append(_line("services", credit=group.amounts.net_cents))
            lines.append(_line("vat", credit=group.amounts.vat_cents))
        word = "Avoir" if note else "Facture"
        return Entry(
            *_SALES,
            day=day,
            piece=invoice.number or "",
            piece_day=day,
            label=f"{word} {invoice.number}",
            validated=day,
            lines=_merged(_reversed(lines) if note else lines),
        )

    return make


def _client(share: InvoiceShare, invoice: Invoice, cards: Cards, *, debit: int = 0, credit: int = 0) -> Line:
    """The account of who owes, with whom it is by a number and never by a patient's name."""
    if share.payer != rules.Payer.PATIENT:
        return _line(share.payer, debit, credit, _code(share.insurer), share.insurer or share.get_payer_display())
    return _owner(snapshot.buyer_of(invoice.snapshot or {}), invoice.patient_id, cards, debit=debit, credit=credit)


def _owner(
    buyer: dict[str, Any] | None, patient_id: UUID | None, cards: Cards, *, debit: int = 0, credit: int = 0
) -> Line:
    if buyer is not None:
        return _line("businesses", debit, credit, buyer["registration"] or _code(buyer["name"]), buyer["name"])
    card = cards.get(patient_id) if patient_id else None
    number = card.record_number if card else patient_id.hex if patient_id else "DIVERS"
    return _line("patients", debit, credit, number, f"Patient {number}")


def _code(name: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", name.upper())[:30] or "DIVERS"


def _line(name: str, debit: int = 0, credit: int = 0, auxiliary: str = "", label: str = "") -> Line:
    account = chart.account(name)
    return Line(account.number, account.label, debit, credit, auxiliary, label if auxiliary else "")


def _reversed(lines: Iterable[Line]) -> list[Line]:
    return [
        Line(
            line.account, line.account_label, line.credit_cents, line.debit_cents, line.auxiliary, line.auxiliary_label
        )
        for line in lines
    ]


def _merged(lines: Iterable[Line]) -> list[Line]:
    """One line for each account and who it is with; none of nothing."""
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    for line in lines:
        key = (line.account, line.account_label, line.auxiliary, line.auxiliary_label)
        both = sums.setdefault(key, [0, 0])
        both[0] += line.debit_cents
        both[1] += line.credit_cents
    return [
        Line(account, label, debit, credit, auxiliary, auxiliary_label)
        for (account, label, auxiliary, auxiliary_label), (debit, credit) in sums.items()
        if debit or credit
    ]


# --- What came in, went back, or was given up -------------------------------------------------------------------------
def _payments(period: Period) -> Iterator[_Found]:
    rows = (
        Payment.objects.filter(received_at__gte=period.start, received_at__lt=period.end)
        .order_by("received_at", "id")
        .select_related("invoice")
        .prefetch_related("allocations__share")
    )
    for row in rows.iterator(chunk_size=_CHUNK):
        piece = _piece(row)
        entry = _money(row, row.method, row.amount_cents, row.received_at, piece, f"Règlement {piece}")
        yield _Found(row.received_at, 1, row.id, row.patient_id, entry)


def _refunds(period: Period) -> Iterator[_Found]:
    rows = (
        Refund.objects.filter(made_at__gte=period.start, made_at__lt=period.end)
        .order_by("made_at", "id")
        .select_related("payment__invoice")
        .prefetch_related("payment__allocations__share")
    )
    for row in rows.iterator(chunk_size=_CHUNK):
        piece = _piece(row.payment)
        entry = _money(row.payment, row.method, -row.amount_cents, row.made_at, piece, f"Remboursement {piece}")
        yield _Found(row.made_at, 2, row.id, row.payment.patient_id, entry)


def _piece(payment: Payment) -> str:
    """The invoice that it was taken for, else a mark of its own."""
    return (payment.invoice.number if payment.invoice else "") or f"REGLEMENT-{payment.id.hex[-8:].upper()}"


def _money(payment: Payment, method: str, cents: int, at: datetime, piece: str, label: str) -> Callable[[Cards], Entry]:
    """Money in, or out below zero, against the account of who paid."""

    def make(cards: Cards) -> Entry:
        journal, account = _METHODS[method]
        day = local_day(at)
        lines = [_line(account, debit=abs(cents)), _payer(payment, cards, credit=abs(cents))]
        return Entry(
            *journal,
            day=day,
            piece=piece,
            piece_day=day,
            label=label,
            validated=day,
            lines=lines if cents > 0 else _reversed(lines),
        )

    return make


def _payer(payment: Payment, cards: Cards, *, credit: int) -> Line:
    if payment.payer != rules.Payer.PATIENT:
        insurer = next((row.share.insurer for row in payment.allocations.all()), "")
        return _line(payment.payer, 0, credit, _code(insurer), insurer or payment.get_payer_display())
    buyer = snapshot.buyer_of((payment.invoice.snapshot or {}) if payment.invoice else {})
    return _owner(buyer, payment.patient_id, cards, credit=credit)


def _write_offs(period: Period) -> Iterator[_Found]:
    rows = (
        WriteOff.objects.filter(made_at__gte=period.start, made_at__lt=period.end)
        .order_by("made_at", "id")
        .select_related("invoice", "share")
    )
    for row in rows.iterator(chunk_size=_CHUNK):
        yield _Found(row.made_at, 2, row.id, row.invoice.patient_id, _loss(row))


def _loss(row: WriteOff) -> Callable[[Cards], Entry]:
    def make(cards: Cards) -> Entry:
        day = local_day(row.made_at)
        return Entry(
            *_OTHER,
            day=day,
            piece=row.invoice.number or "",
            piece_day=day,
            label=f"Abandon de créance {row.invoice.number}",
            validated=day,
            lines=[
                _line("written_off", debit=row.amount_cents),
                _client(row.share, row.invoice, cards, credit=row.amount_cents),
            ],
        )

    return make


# --- What was counted -------------------------------------------------------------------------------------------------
def _moved(period: Period) -> Iterator[_Found]:
    """Cash taken to the bank, and change brought from it: through the account of transfers, which the bank's own
    statement settles."""
    rows = TillEntry.objects.filter(
        kind__in=[TillEntry.Kind.DEPOSIT, TillEntry.Kind.CHANGE], at__gte=period.start, at__lt=period.end
    )
    for row in rows.order_by("at", "id").select_related("till_day__till").iterator(chunk_size=_CHUNK):
        lines = [_line("transfers", debit=-row.amount_cents), _line("cash", credit=-row.amount_cents)]
        lines = lines if row.amount_cents < 0 else [_swap(line) for line in lines]
        yield _till(row.at, 3, row.id, row.till_day, str(row.get_kind_display()), lines)


def _swap(line: Line) -> Line:
    """A negative debit is a credit."""
    return Line(line.account, line.account_label, -line.credit_cents, -line.debit_cents)


def _counted(period: Period) -> Iterator[_Found]:
    """What a closed till had too much or too little."""
    rows = TillDay.objects.filter(closed_at__gte=period.start, closed_at__lt=period.end)
    for row in rows.order_by("closed_at", "id").select_related("till").iterator(chunk_size=_CHUNK):
        difference = row.difference_cents
        if row.closed_at is None or not difference:
            continue
        lines = (
            [_line("cash", debit=difference), _line("gains", credit=difference)]
            if difference > 0
            else [_line("losses", debit=-difference), _line("cash", credit=-difference)]
        )
        yield _till(row.closed_at, 4, row.id, row, "Écart de caisse", lines)


def _till(at: datetime, order: int, row_id: UUID, till_day: TillDay, label: str, lines: list[Line]) -> _Found:
    day = local_day(at)
    piece = f"CAISSE-{till_day.day:%Y%m%d}-{till_day.id.hex[-6:].upper()}"
    entry: Any = Entry(*_CASH, day=day, piece=piece, piece_day=day, label=label, validated=day, lines=lines)
    return _Found(at, order, row_id, None, lambda cards: entry)
