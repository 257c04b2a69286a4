"""Money on MariaDB: a hundred issuers at once, connections killed in the middle, and never a gap or a cent too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connections

from billing.models import Allocation, Invoice, InvoiceShare, Payment, Refund
from billing.services import apply_credit, issue_invoice, issuing, ledger, record_payment, refund
from billing.verification import Verification, verify
from medisecure.accounts.models import User
from medisecure.kernel import outbox
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid
from patients.interface import PatientCard
from tests.billing.fixtures import MakeInvoice
from tests.billing.test_numbering import assert_gapless, together
from tests.cast import ALL_DATABASES

pytestmark = [pytest.mark.live, pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)]

ISSUERS = 100
#: All of them at once: each has a thread and connections of its own.
AT_ONCE = 100


@pytest.fixture(autouse=True)
def on_mariadb() -> None:
    if connections[BILLING].vendor != "mysql":
        pytest.skip("needs BILLING_URL: locks and killed connections are MariaDB's")


@pytest.fixture
def killer() -> Iterator[Any]:
    """Kills the connection of whoever calls it, as an operator or a failing network would."""
    spare = connections[BILLING].copy()

    def kill() -> None:
        with connections[BILLING].cursor() as cursor:
            cursor.execute("SELECT CONNECTION_ID()")
            number = cursor.fetchone()[0]
        other = spare.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute(f"KILL CONNECTION {int(number)}")
        finally:
            other.close()

    yield kill
    spare.close()


def in_turns(work: Any, items: list[Any]) -> list[object]:
    found: list[object] = []
    for start in range(0, len(items), AT_ONCE):
        found += together(work, items[start : start + AT_ONCE])
    return found


def books_are_well() -> None:
    assert [finding for finding in verify(Verification()) if finding] == []


def test_a_hundred_issuers_of_whom_some_fail_and_some_are_killed_leave_no_gap(
    carol: User, draft: MakeInvoice, monkeypatch: pytest.MonkeyPatch, killer: Any
) -> None:
    drafts = [draft().id for _ in range(ISSUERS)]
    failing, killed = set(drafts[3::10]), set(drafts[7::10])
    real = outbox.emit

    def emit(alias: str, name: str, payload: dict[str, Any]) -> UUID:
        # After the number was taken and the invoice was sealed.
        if UUID(payload["invoice_id"]) in failing:
            raise RuntimeError("power cut")
        if UUID(payload["invoice_id"]) in killed:
            killer()
        return real(alias, name, payload)

    monkeypatch.setattr(issuing, "emit", emit)
    carol.has_perm("billing.issue_invoice")
    results = in_turns(lambda invoice_id: issue_invoice(actor=carol, invoice_id=invoice_id), drafts)
    done = [result for result in results if isinstance(result, Invoice)]
    # So many at once: one more may have found no connection or no lock in time, which is a failure as good as others.
    assert ISSUERS - len(failing | killed) - 10 <= len(done) <= ISSUERS - len(failing | killed)
    assert sum(isinstance(result, OperationalError) for result in results) >= len(killed)
    assert_gapless("F", len(done))
    left = list(Invoice.objects.filter(number=None).values_list("id", flat=True))
    assert failing | killed <= set(left)
    # Those who failed come again and get the next numbers.
    monkeypatch.setattr(issuing, "emit", real)
    again = in_turns(lambda invoice_id: issue_invoice(actor=carol, invoice_id=invoice_id), left)
    assert not [result for result in again if isinstance(result, Exception)]
    assert_gapless("F", ISSUERS)


def test_a_connection_killed_between_payment_and_invoice_leaves_nothing_half(
    carol: User, issued: MakeInvoice, monkeypatch: pytest.MonkeyPatch, killer: Any
) -> None:
    found = issued()
    real = ledger.settle

    def settle(*args: Any, **kwargs: Any) -> None:
        killer()
        real(*args, **kwargs)

    def pay() -> object:
        return record_payment(actor=carol, invoice_id=found.id, amount_cents=3000, method="card", idempotency_key="one")

    monkeypatch.setattr(ledger, "settle", settle)
    with pytest.raises(OperationalError):
        pay()
    connections[BILLING].close()
    assert not Payment.objects.exists()
    assert not Allocation.objects.exists()
    assert InvoiceShare.objects.get().paid_cents == Invoice.objects.get().paid_cents == 0
    # The same call again, by who got no answer.
    monkeypatch.setattr(ledger, "settle", real)
    pay()
    assert Invoice.objects.get().status == "paid"
    books_are_well()


def test_parallel_payments_credit_and_refunds_never_use_a_cent_twice(
    carol: User, asha_card: PatientCard, issued: MakeInvoice
) -> None:
    source = issued()
    paid = record_payment(
        actor=carol, invoice_id=source.id, amount_cents=8000, method="card", idempotency_key="k", keep_rest=True
    ).payment
    targets = [issued().id for _ in range(8)]

    def use(number: int) -> object:
        """5,000 cents of credit, asked for sixteen times over in parts of 1,000, by use and by refund."""
        if number % 2:
            return apply_credit(
                actor=carol, invoice_id=targets[number // 2], amount_cents=1000, idempotency_key=f"use-{number}"
            )
        return refund(
            actor=carol,
            payment_id=paid.id,
            amount_cents=1000,
            method="transfer",
            reason="Asked for it",
            idempotency_key=f"back-{number}",
        )

    carol.has_perm("billing.take_payment")
    results = together(use, list(range(16)))
    assert sum(isinstance(result, Invalid) for result in results) == 11, results
    used = sum(row.amount_cents for row in Allocation.objects.filter(invoice__in=targets))
    assert used + sum(row.amount_cents for row in Refund.objects.all()) == 5000
    books_are_well()
