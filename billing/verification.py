"""Are the issued invoices what was issued: their sequence, their sums, what was paid, and the chain of their seals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.db.models import F, Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from billing import rules, seals, snapshot
from billing.models import (
    Allocation,
    Invoice,
    InvoiceCounter,
    InvoiceItem,
    InvoiceShare,
    Payment,
    Refund,
    WriteOff,
)
from medisecure.kernel import objects
from medisecure.kernel.databases import BILLING
from medisecure.kernel.transactions import atomic

BATCH: Final = 500


class Problem(StrEnum):
    GAP = "gap"
    COUNTER = "counter"
    NUMBER = "number"
    ORDER = "order"
    TOTALS = "totals"
    SHARES = "shares"
    PAID = "paid"
    PAYMENT = "payment"
    CREDIT = "credit"
    SEAL = "seal"
    UNSEALED = "unsealed"
    UNCHECKED = "unchecked"
    PAPER = "paper"
    ANCHOR_MISSING = "anchor-missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `number` names the invoice (the first missing one of a gap) or the series and year."""

    problem: Problem
    number: str
    detail: str = ""


@dataclass(slots=True)
class Verification:
    """What has been seen so far; complete once the findings have been read to their end."""

    invoices: int = 0
    #: "F2026" → the seal of its last invoice: to be kept elsewhere.
    heads: dict[str, str] = field(default_factory=dict)
    #: The invoice whose seal was expected; "" when none has it.
    expected_at: str = ""
    problems: dict[str, int] = field(default_factory=dict)


def issued_count() -> int:
    return Invoice.objects.issued().count()


def verify(
    seen: Verification, *, expect: str = "", papers: bool = False, batch: int = BATCH
) -> Iterator[Finding | None]:
    """Yield each problem as it is found, None after each invoice (for a progress bar), and count in `seen`.

    `expect` is a seal of an earlier run: one of the invoices must still bear it. `papers` reads every stored PDF and
    compares its digest too. Holds no lock; the work goes on meanwhile.
    """
    for finding in _all(seen, expect.lower(), papers, batch):
        if finding is not None:
            seen.problems[finding.problem.value] = seen.problems.get(finding.problem.value, 0) + 1
        yield finding


def _all(seen: Verification, expect: str, papers: bool, batch: int) -> Iterator[Finding | None]:
    # Before the invoices: what is issued meanwhile makes the counter's figure too low, and never too high.
    counters = {(row.series, row.year): row.last for row in InvoiceCounter.objects.order_by("series", "year")}
    rows = Invoice.objects.issued().order_by().values_list("series", "year").distinct()
    ranges = {(series, year or 0) for series, year in rows}
    for series, year in sorted(ranges | counters.keys()):
        yield from _series(seen, series, year, counters.get((series, year)), expect, papers, batch)
    yield from _overspent()
    if expect and not seen.expected_at:
        yield Finding(Problem.ANCHOR_MISSING, "", expect)


def _series(
    seen: Verification, series: str, year: int, counter: int | None, expect: str, papers: bool, batch: int
) -> Iterator[Finding | None]:
    rows = Invoice.objects.issued().filter(series=series, year=year)
    name = f"{series}{year}"
    last, before, time = 0, seals.first(series, year), None
    known = True
    while found := list(
        rows.filter(sequence__gt=last).order_by("sequence").prefetch_related("items", "shares")[:batch]
    ):
        ids = [row.id for row in found]
        paid, off = _sums(Allocation, ids), _sums(WriteOff, ids)
        notes = _notes(found)
        for invoice in found:
            sequence = invoice.sequence or 0
            gap = sequence != last + 1
            if gap:
                yield Finding(Problem.GAP, rules.number(series, year, last + 1), rules.number(series, year, sequence))
            items, shares = list(invoice.items.all()), list(invoice.shares.all())
            yield from _of_itself(invoice, items, series, year, time)
            yield from _of_its_shares(invoice, items, shares)
            yield from _of_the_others(invoice, shares, paid, off, notes)
            yield from _of_its_seal(invoice, items, shares, before, known=known and not gap)
            if papers:
                yield from _of_its_paper(invoice)
            if expect and invoice.seal == expect:
                seen.expected_at = invoice.number or ""
            last, before, known, time = sequence, invoice.seal, bool(invoice.seal), invoice.issued_at
            seen.invoices += 1
            yield None
    if counter is None:
        yield Finding(Problem.COUNTER, name, f"- / {last}")
    elif last < counter:
        yield Finding(Problem.GAP, rules.number(series, year, last + 1), rules.number(series, year, counter + 1))
    elif last > (InvoiceCounter.objects.filter(series=series, year=year).aggregate(most=Max("last"))["most"] or 0):
        yield Finding(Problem.COUNTER, name, f"{counter} / {last}")
    seen.heads[name] = before


def _sums(model: type[Allocation | WriteOff], ids: Sequence[object]) -> dict[object, int]:
    """Share id → the sum of these rows."""
    rows = model.objects.filter(invoice__in=ids).order_by().values("share_id")
    return {row["share_id"]: row["sum"] for row in rows.annotate(sum=Sum("amount_cents"))}


def _overspent() -> Iterator[Finding]:
    """Payments of which more was used and given back than came in."""

    def total(model: type[Allocation | Refund]) -> Coalesce:
        rows = model.objects.filter(payment=OuterRef("id")).order_by().values("payment_id")
        return Coalesce(Subquery(rows.annotate(sum=Sum("amount_cents")).values("sum")), 0)

    rows = Payment.objects.annotate(used=total(Allocation), back=total(Refund))
    over = rows.filter(Q(used__gt=F("amount_cents") - F("back")) | Q(used__lt=0))
    for payment in over.iterator():
        detail = f"{payment.amount_cents} < {payment.used} + {payment.back}"
        yield Finding(Problem.PAYMENT, str(payment.id), detail)


def _notes(invoices: Sequence[Invoice]) -> dict[object, Invoice]:
    """Invoice id → its credit note, and credit note id → the invoice that it cancels."""
    ids = [row.id for row in invoices]
    pairs = Invoice.objects.issued().filter(Q(credits__in=ids) | Q(id__in=ids, credits__isnull=False))
    found: dict[object, Invoice] = {}
    for note in pairs.select_related("credits"):
        if note.credits is not None:
            found[note.credits.id] = note
            found[note.id] = note.credits
    return found


def _of_itself(
    invoice: Invoice, items: Sequence[InvoiceItem], series: str, year: int, time: datetime | None
) -> Iterator[Finding]:
    number = invoice.number or ""
    if number != rules.number(series, year, invoice.sequence or 0):
        yield Finding(Problem.NUMBER, rules.number(series, year, invoice.sequence or 0), number)
    if invoice.issued_at is not None and snapshot.local_day(invoice).year != year:
        yield Finding(Problem.ORDER, number, f"{snapshot.local_day(invoice)}")
    if time is not None and invoice.issued_at is not None and invoice.issued_at < time:
        yield Finding(Problem.ORDER, number, f"{invoice.issued_at.isoformat()} < {time.isoformat()}")
    computed = rules.totals([snapshot.line_of(item) for item in items])
    stored = (invoice.net_cents, invoice.vat_cents, invoice.total_cents)
    whole = (computed.whole.net_cents, computed.whole.vat_cents, computed.whole.total_cents)
    lines = [(item.net_cents, item.vat_cents, item.total_cents) for item in items]
    if stored != whole:
        yield Finding(Problem.TOTALS, number, f"{stored} != {whole}")
    elif lines != [(line.net_cents, line.vat_cents, line.total_cents) for line in computed.lines]:
        yield Finding(Problem.TOTALS, number, "lines")


def _of_its_shares(invoice: Invoice, items: Sequence[InvoiceItem], shares: Sequence[InvoiceShare]) -> Iterator[Finding]:
    """The parts are the whole, and each is what the lines and their rates make it."""
    number = invoice.number or ""
    lines = [snapshot.line_of(item) for item in items]
    computed = rules.totals(lines)
    if computed.whole.total_cents != invoice.total_cents:
        # Named already, and there is no whole to share.
        return
    asked = sum(share.amount_cents for share in shares)
    if asked != invoice.total_cents:
        yield Finding(Problem.SHARES, number, f"{asked} != {invoice.total_cents}")
        return
    third_party = {
        rules.Payer(share.payer): share.third_party for share in shares if share.payer != rules.Payer.PATIENT
    }
    wanted = [
        (part.payer, part.covered_cents, part.amount_cents) for part in rules.parts(lines, computed.lines, third_party)
    ]
    stored = [(share.payer, share.covered_cents, share.amount_cents) for share in shares]
    if stored != wanted:
        yield Finding(Problem.SHARES, number, f"{stored} != {[(str(payer), *cents) for payer, *cents in wanted]}")


def _of_the_others(
    invoice: Invoice,
    shares: Sequence[InvoiceShare],
    paid: dict[object, int],
    off: dict[object, int],
    notes: dict[object, Invoice],
) -> Iterator[Finding]:
    """Against its payments and its credit note. A payment may have come in between the two reads: what does not agree
    is read again, locked, before it is called a problem."""
    number = invoice.number or ""
    if not _paid_agrees(invoice, shares, paid, off):
        with atomic(BILLING):
            now = Invoice.objects.select_for_update().get(id=invoice.id)
            again, given_up = _sums(Allocation, [now.id]), _sums(WriteOff, [now.id])
            parts = list(InvoiceShare.objects.filter(invoice=now))
        if not _paid_agrees(now, parts, again, given_up):
            detail = f"{now.status}, {now.paid_cents} + {now.written_off_cents}"
            yield Finding(Problem.PAID, number, f"{detail} / {sum(again.values())} + {sum(given_up.values())}")
    other = notes.get(invoice.id)
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        if other is None or other.status != Invoice.Status.CREDITED or other.total_cents != invoice.total_cents:
            yield Finding(Problem.CREDIT, number, other.number or "" if other else "")
    elif (invoice.status == Invoice.Status.CREDITED) != (other is not None):
        with atomic(BILLING):
            now = Invoice.objects.select_for_update().get(id=invoice.id)
            cancelled = Invoice.objects.issued().filter(credits=now).exists()
        if (now.status == Invoice.Status.CREDITED) != cancelled:
            yield Finding(Problem.CREDIT, number)


def _paid_agrees(
    invoice: Invoice, shares: Sequence[InvoiceShare], paid: dict[object, int], off: dict[object, int]
) -> bool:
    if any((row.paid_cents, row.written_off_cents) != (paid.get(row.id, 0), off.get(row.id, 0)) for row in shares):
        return False
    if invoice.paid_cents != sum(row.paid_cents for row in shares):
        return False
    if invoice.written_off_cents != sum(row.written_off_cents for row in shares):
        return False
    if invoice.kind == Invoice.Kind.CREDIT_NOTE or invoice.status == Invoice.Status.CREDITED:
        return True
    settled = invoice.paid_cents + invoice.written_off_cents
    return invoice.status == rules.status_for(invoice.total_cents, settled).value


def _of_its_seal(
    invoice: Invoice, items: Sequence[InvoiceItem], shares: Sequence[InvoiceShare], before: str, *, known: bool
) -> Iterator[Finding]:
    number = invoice.number or ""
    if not invoice.seal:
        yield Finding(Problem.UNSEALED, number)
    elif not known:
        # Its seal follows one that is gone: nobody can say whether it fits.
        yield Finding(Problem.UNCHECKED, number)
    elif invoice.seal != seals.seal(before, invoice, items, shares):
        yield Finding(Problem.SEAL, number)


def _of_its_paper(invoice: Invoice) -> Iterator[Finding]:
    # A paper that has not been made yet is the worker's to make.
    if not invoice.pdf_key:
        return
    bucket = objects.documents()
    if not bucket.exists(invoice.pdf_key):
        yield Finding(Problem.PAPER, invoice.number or "", "missing")
        return
    with bucket.open(invoice.pdf_key) as file:
        if hashlib.sha256(file.read()).hexdigest() != invoice.pdf_sha256:
            yield Finding(Problem.PAPER, invoice.number or "", "altered")
