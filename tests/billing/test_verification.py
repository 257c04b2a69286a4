"""`verify_invoices`: what was issued is proven, and each way of tampering with it is found and named."""

from __future__ import annotations

import json
from importlib import import_module
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections

from billing import seals
from billing.models import Invoice
from billing.services import credit, record_payment
from billing.services.papers import make_pdf
from billing.triggers import GUARD
from billing.verification import Finding, Problem, Verification, verify
from medisecure.accounts.models import User
from medisecure.kernel import objects
from medisecure.kernel.databases import BILLING
from medisecure.kernel.transactions import atomic
from tests.billing.fixtures import CONSULTATION, TELEVISION, MakeInvoice
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture
def books(carol: User, issued: MakeInvoice) -> list[Invoice]:
    """Four invoices: open, paid in part, paid, cancelled by a credit note."""
    found = [issued(), issued(lines=[CONSULTATION, TELEVISION]), issued(), issued()]
    for index, amount in ((1, 500), (2, 3000)):
        record_payment(
            actor=carol, invoice_id=found[index].id, amount_cents=amount, method="card", idempotency_key=f"k{index}"
        )
    credit(actor=carol, invoice_id=found[3].id, reason="Wrong price")
    return found


def tamper(statement: str, *values: Any) -> None:
    """As somebody with the database's password and the triggers out of the way."""
    GUARD.remove()
    with atomic(BILLING), connections[BILLING].cursor() as cursor:
        # Constraints are not what is tested here, and whoever tampers switches them off too.
        if connections[BILLING].vendor == "mysql":
            cursor.execute("SET SESSION check_constraint_checks = 0, foreign_key_checks = 0")
        else:
            cursor.execute("PRAGMA ignore_check_constraints = 1")
            cursor.execute("PRAGMA defer_foreign_keys = 1")
        try:
            cursor.execute(statement, values)
        finally:
            if connections[BILLING].vendor == "mysql":
                cursor.execute("SET SESSION check_constraint_checks = 1, foreign_key_checks = 1")
            else:
                cursor.execute("PRAGMA ignore_check_constraints = 0")


@pytest.fixture(autouse=True)
def guarded(db: None) -> Any:
    yield
    GUARD.install()


def remove(invoice_number: str) -> None:
    for table in ("billing_items", "invoice_shares"):
        tamper(f"DELETE FROM {table} WHERE invoice_id = (SELECT id FROM invoices WHERE number = %s)", invoice_number)
    tamper("DELETE FROM invoices WHERE number = %s", invoice_number)


def findings(**options: Any) -> list[tuple[Problem, str]]:
    found = verify(Verification(), **options)
    return [(finding.problem, finding.number) for finding in found if isinstance(finding, Finding)]


def number(index: int, series: str = "F") -> str:
    return Invoice.objects.get(series=series, sequence=index).number or ""


def test_true_books_are_well(books: list[Invoice]) -> None:
    seen = Verification()
    assert [finding for finding in verify(seen) if finding] == []
    assert seen.invoices == 5
    assert set(seen.heads) == {number(1)[:5], number(1, "A")[:5]}
    assert seen.heads[number(4)[:5]] == Invoice.objects.get(series="F", sequence=4).seal


def test_small_batches_say_the_same(books: list[Invoice]) -> None:
    assert findings(batch=1) == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE invoices SET reason = 'other' WHERE number = %s", Problem.SEAL),
        ("UPDATE invoices SET due_date = '2099-01-01' WHERE number = %s", Problem.SEAL),
        ('UPDATE invoices SET snapshot = \'{"language": "fr"}\' WHERE number = %s', Problem.SEAL),
        ("UPDATE invoices SET seal = '' WHERE number = %s", Problem.UNSEALED),
    ],
)
def test_an_altered_invoice_is_named(books: list[Invoice], statement: str, problem: Problem) -> None:
    second = number(2)
    tamper(statement, second)
    # Only itself and, when its own seal is gone, the next one, which cannot be checked any more.
    assert findings()[0] == (problem, second)
    assert {found for found, _number in findings()[1:]} <= {Problem.UNCHECKED}


def test_an_altered_line_is_named_by_sum_and_seal(books: list[Invoice]) -> None:
    second = number(2)
    tamper(
        "UPDATE billing_items SET label = 'Other' WHERE invoice_id = (SELECT id FROM invoices WHERE number = %s)",
        second,
    )
    assert findings() == [(Problem.SEAL, second)]
    tamper(
        "UPDATE billing_items SET unit_price_cents = 1"
        " WHERE invoice_id = (SELECT id FROM invoices WHERE number = %s) AND code = 'CS'",
        second,
    )
    assert findings() == [(Problem.TOTALS, second), (Problem.SEAL, second)]


def test_two_that_change_places_are_both_named(books: list[Invoice]) -> None:
    one, two = number(1), number(2)
    tamper("UPDATE invoices SET sequence = 99, number = 'x' WHERE number = %s", one)
    tamper("UPDATE invoices SET sequence = 1, number = %s WHERE number = %s", one, two)
    tamper("UPDATE invoices SET sequence = 2, number = %s WHERE number = 'x'", two)
    found = findings()
    assert (Problem.SEAL, one) in found
    assert (Problem.SEAL, two) in found
    assert (Problem.ORDER, two) in found


def test_a_removed_one_leaves_a_gap(books: list[Invoice]) -> None:
    first, second = number(1), number(2)
    remove(first)
    assert findings() == [(Problem.GAP, first), (Problem.UNCHECKED, second)]


def test_the_last_one_removed_is_missed_by_the_counter(books: list[Invoice], issued: MakeInvoice) -> None:
    last = issued().number or ""
    remove(last)
    assert findings() == [(Problem.GAP, last)]


def test_a_counter_that_was_set_back_is_named(books: list[Invoice]) -> None:
    tamper("UPDATE invoice_counters SET last = last - 1 WHERE series = %s", "F")
    assert findings() == [(Problem.COUNTER, number(1)[:5])]
    tamper("DELETE FROM invoice_counters WHERE series = %s", "A")
    assert (Problem.COUNTER, number(1, "A")[:5]) in findings()


def test_a_payment_that_vanished_is_missed(books: list[Invoice]) -> None:
    tamper("DELETE FROM payment_allocations WHERE amount_cents = %s", 3000)
    tamper("DELETE FROM payments WHERE amount_cents = %s", 3000)
    assert findings() == [(Problem.PAID, number(3))]


def test_a_payment_of_which_more_was_used_than_came_in_is_named(books: list[Invoice]) -> None:
    tamper("UPDATE payments SET amount_cents = 2999 WHERE amount_cents = %s", 3000)
    assert [problem for problem, _number in findings()] == [Problem.PAYMENT]


def test_a_state_that_does_not_follow_is_named(books: list[Invoice]) -> None:
    tamper("UPDATE invoices SET status = 'issued' WHERE number = %s", number(3))
    assert findings() == [(Problem.PAID, number(3))]
    tamper("UPDATE invoices SET status = 'paid' WHERE number = %s", number(3))
    tamper("UPDATE invoices SET status = 'issued' WHERE number = %s", number(4))
    # The cancelled invoice and the credit note that says so.
    assert sorted(findings()) == sorted([(Problem.CREDIT, number(4)), (Problem.CREDIT, number(1, "A"))])


def test_a_chain_that_was_made_anew_does_not_bear_the_seal_of_before(books: list[Invoice]) -> None:
    kept = Invoice.objects.get(series="F", sequence=4).seal
    assert findings(expect=kept) == []
    tamper("UPDATE invoices SET reason = 'other' WHERE number = %s", number(1))
    before = seals.first("F", books[0].year or 0)
    for invoice in Invoice.objects.filter(series="F").order_by("sequence"):
        before = seals.seal(before, invoice, invoice.items.all())
        tamper("UPDATE invoices SET seal = %s WHERE number = %s", before, invoice.number)
    assert findings() == []
    assert findings(expect=kept) == [(Problem.ANCHOR_MISSING, "")]


def test_a_stored_paper_that_was_changed_or_lost_is_named(books: list[Invoice]) -> None:
    keys = [make_pdf(invoice.id) for invoice in books[:2]]
    assert findings(papers=True) == []
    bucket = objects.documents()
    bucket.delete(keys[0])
    tamper("UPDATE invoices SET pdf_sha256 = %s WHERE number = %s", "0" * 64, number(2))
    assert findings(papers=True) == [(Problem.PAPER, number(1)), (Problem.PAPER, number(2))]
    # Without the papers nothing is read from the storage.
    assert findings() == []


def test_the_command_says_so_and_exits_with_one(books: list[Invoice]) -> None:
    out = StringIO()
    call_command("verify_invoices", stdout=out)
    assert "5 invoices, 0 problems" in out.getvalue()
    tamper("UPDATE invoices SET reason = 'other' WHERE number = %s", number(2))
    out = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("verify_invoices", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert not report["well"]
    assert report["findings"] == [{"problem": "seal", "number": number(2), "detail": ""}]


def test_an_anchor_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="64 hexadecimal"):
        call_command("verify_invoices", "--expect", "abc")


def test_the_number_of_queries_does_not_grow_with_invoices(
    books: list[Invoice], issued: MakeInvoice, django_assert_max_num_queries: Any
) -> None:
    for _number in range(5):
        issued()
    with django_assert_max_num_queries(20, using=BILLING):
        assert findings() == []


def test_a_seal_is_written_once(books: list[Invoice]) -> None:
    with pytest.raises(DatabaseError, match="invoice-issued"), atomic(BILLING):
        Invoice.objects.filter(id=books[0].id).update(seal="f" * 64)


def test_the_migration_seals_what_was_issued_before_there_were_seals(books: list[Invoice]) -> None:
    before = dict(Invoice.objects.values_list("id", "seal"))
    tamper("UPDATE invoices SET seal = '' WHERE seal <> %s", "")
    assert {problem for problem, _number in findings()} == {Problem.UNSEALED}
    editor = SimpleNamespace(connection=connections[BILLING])
    import_module("billing.migrations.0002_seal").seal_what_was_issued(apps, editor)
    assert dict(Invoice.objects.values_list("id", "seal")) == before
