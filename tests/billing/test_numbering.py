"""Numbers under parallel issuers, with real transactions: no gap, no double, in the order of time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from billing.models import Invoice, InvoiceCounter, Payment
from billing.services import credit, issue_invoice, issuing, record_payment
from billing.verification import Verification, verify
from medisecure.accounts.models import User
from medisecure.kernel import outbox
from medisecure.kernel.databases import ALIASES, BILLING
from medisecure.kernel.errors import Invalid, InvoiceIssued
from medisecure.kernel.outbox import pending
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)

ISSUERS = 20


def together(work: Callable[[Any], object], items: list[Any]) -> list[object]:
    """Run `work` on every item at once, each on a thread and connections of its own; exceptions are results."""
    start = threading.Barrier(len(items))

    def one(item: Any) -> object:
        try:
            start.wait(timeout=60)
            return work(item)
        except Exception as error:  # noqa: BLE001 - what a thread raised is what the test looks at
            return error
        finally:
            for alias in ALIASES:
                connections[alias].close()

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(one, items))


def assert_gapless(series: str, count: int) -> None:
    rows = list(Invoice.objects.filter(series=series).order_by("sequence"))
    assert [row.sequence for row in rows] == list(range(1, count + 1))
    assert len({row.number for row in rows}) == count
    times = [row.issued_at for row in rows if row.issued_at]
    assert times == sorted(times)
    assert InvoiceCounter.objects.get(series=series).last == count
    # The chain of seals is as whole as the numbers are.
    assert [finding for finding in verify(Verification()) if finding] == []


def test_parallel_issuers_get_numbers_without_a_gap(
    carol: User, draft: MakeInvoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fourth one dies after it was given its number."""
    drafts = [draft().id for _ in range(ISSUERS)]
    doomed = set(drafts[::4])
    real = outbox.emit

    def emit(alias: str, name: str, payload: dict[str, Any]) -> UUID:
        if UUID(payload["invoice_id"]) in doomed:
            raise RuntimeError("power cut")
        return real(alias, name, payload)

    monkeypatch.setattr(issuing, "emit", emit)
    carol.has_perm("billing.issue_invoice")
    results = together(lambda invoice_id: issue_invoice(actor=carol, invoice_id=invoice_id), drafts)
    failed = [result for result in results if isinstance(result, Exception)]
    assert [type(result) for result in failed] == [RuntimeError] * len(doomed)
    assert_gapless("F", ISSUERS - len(doomed))
    assert set(Invoice.objects.filter(number=None).values_list("id", flat=True)) == doomed
    assert pending(BILLING).count() == ISSUERS - len(doomed)


def test_one_draft_issued_by_many_at_once_gets_one_number(carol: User, draft: MakeInvoice) -> None:
    first = draft().id
    results = together(lambda _: issue_invoice(actor=carol, invoice_id=first), list(range(8)))
    assert sum(isinstance(result, Invoice) for result in results) == 1
    assert sum(isinstance(result, InvoiceIssued) for result in results) == 7
    assert_gapless("F", 1)


def test_credit_notes_have_a_gapless_series_of_their_own(carol: User, issued: MakeInvoice) -> None:
    found = [issued().id for _ in range(8)]
    results = together(lambda invoice_id: credit(actor=carol, invoice_id=invoice_id, reason="Wrong price"), found)
    assert not [result for result in results if isinstance(result, Exception)]
    assert_gapless("A", 8)
    assert_gapless("F", 8)


def test_parallel_payments_never_take_more_than_is_owed(carol: User, issued: MakeInvoice) -> None:
    found = issued()

    def pay(number: int) -> object:
        return record_payment(
            actor=carol, invoice_id=found.id, amount_cents=1000, method="card", idempotency_key=f"key-{number}"
        )

    results = together(pay, list(range(8)))
    assert sum(isinstance(result, Invalid) for result in results) == 5
    found = Invoice.objects.get(id=found.id)
    assert (found.status, found.paid_cents, Payment.objects.count()) == ("paid", 3000, 3)


def test_one_payment_sent_many_times_at_once_is_taken_once(carol: User, issued: MakeInvoice) -> None:
    found = issued()

    def pay(_: int) -> UUID:
        recorded = record_payment(
            actor=carol, invoice_id=found.id, amount_cents=1000, method="card", idempotency_key="same"
        )
        return recorded.payment.id

    assert len(set(together(pay, list(range(8))))) == 1
    assert Payment.objects.count() == 1


def test_one_key_on_two_invoices_at_once_is_one_payment(carol: User, issued: MakeInvoice) -> None:
    found = [issued().id for _ in range(6)]

    def pay(invoice_id: UUID) -> object:
        return record_payment(
            actor=carol, invoice_id=invoice_id, amount_cents=1000, method="card", idempotency_key="same"
        )

    results = together(pay, found)
    assert sum(isinstance(result, Invalid) for result in results) == 5
    assert Payment.objects.count() == 1
