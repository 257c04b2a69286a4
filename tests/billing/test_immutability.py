"""What has been issued does not change: not by the ORM, not by a queryset, not by raw SQL."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connections

from billing.models import Invoice, InvoiceCounter, InvoiceItem, InvoiceShare, Payment
from billing.services import record_payment
from medisecure.accounts.models import User
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import InvoiceIssued
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import atomic
from tests.billing.fixtures import CONSULTATION, MakeInvoice
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture
def paid_in_part(carol: User, issued: MakeInvoice) -> Invoice:
    found = issued()
    record_payment(
        actor=carol, invoice_id=found.id, amount_cents=1000, method="card", reference="", idempotency_key="k"
    )
    return Invoice.objects.get(id=found.id)


def raw(statement: str, *values: Any) -> None:
    """The statement by the driver's own way, as somebody with the database's password would."""
    with atomic(BILLING), connections[BILLING].cursor() as cursor:
        cursor.execute(statement, values)


def as_stored(value: Any) -> Any:
    return value.hex if connections[BILLING].vendor == "sqlite" else str(value)


def refused(statement: str, *values: Any) -> None:
    with pytest.raises(DatabaseError, match="invoice-issued"):
        raw(statement, *values)


@pytest.mark.parametrize("field", ["total_cents", "number", "due_date", "patient_id", "reason", "series"])
def test_saving_an_issued_invoice_is_refused(paid_in_part: Invoice, field: str) -> None:
    with pytest.raises(InvoiceIssued):
        paid_in_part.save()
    with pytest.raises(InvoiceIssued):
        paid_in_part.save(update_fields=[field])


def test_a_copy_read_while_it_was_a_draft_cannot_be_saved(carol: User, draft: MakeInvoice) -> None:
    from billing.services import issue_invoice

    stale = draft()
    issue_invoice(actor=carol, invoice_id=stale.id)
    stale.total_cents = 1
    with pytest.raises(InvoiceIssued):
        stale.save()
    with pytest.raises(InvoiceIssued):
        stale.delete()


def test_deleting_is_refused(paid_in_part: Invoice) -> None:
    with pytest.raises(InvoiceIssued):
        paid_in_part.delete()
    with pytest.raises(InvoiceIssued):
        Invoice.objects.all().delete()


def test_a_queryset_cannot_change_it(paid_in_part: Invoice) -> None:
    changes: list[dict[str, Any]] = [{"total_cents": 1}, {"number": "F1"}, {"snapshot": {}}, {"issued_at": None}]
    for values in changes:
        with pytest.raises(InvoiceIssued):
            Invoice.objects.filter(id=paid_in_part.id).update(**values)
    paid_in_part.reason = "other"
    with pytest.raises(InvoiceIssued):
        Invoice.objects.bulk_update([paid_in_part], ["reason"])


def test_its_lines_cannot_change(paid_in_part: Invoice) -> None:
    item = paid_in_part.items.get()
    for attempt in (item.save, item.delete, InvoiceItem.objects.all().delete):
        with pytest.raises(InvoiceIssued):
            attempt()
    with pytest.raises(InvoiceIssued):
        InvoiceItem.objects.update(net_cents=1, total_cents=1)
    with pytest.raises(InvoiceIssued):
        InvoiceItem(
            invoice=paid_in_part, label="more", unit_price_cents=1, net_cents=1, vat_cents=0, total_cents=1
        ).save()
    line = InvoiceItem(invoice=paid_in_part, label="more", unit_price_cents=1, net_cents=1, vat_cents=0, total_cents=1)
    with pytest.raises(DatabaseError, match="invoice-issued"), atomic(BILLING):
        InvoiceItem.objects.bulk_create([line])


def test_a_line_cannot_be_moved_onto_it(paid_in_part: Invoice, draft: MakeInvoice) -> None:
    item = draft().items.get()
    refused("UPDATE billing_items SET invoice_id = %s WHERE id = %s", as_stored(paid_in_part.id), as_stored(item.id))


def test_payments_are_added_and_never_changed(paid_in_part: Invoice) -> None:
    payment = Payment.objects.get()
    for attempt in (payment.save, payment.delete, Payment.objects.all().delete):
        with pytest.raises(InvoiceIssued):
            attempt()
    with pytest.raises(InvoiceIssued):
        Payment.objects.update(amount_cents=1)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("total_cents", 1),
        ("net_cents", 1),
        ("number", "F2026-999999"),
        ("number", "f2026-000001"),
        ("number", None),
        ("sequence", 7),
        ("year", 2031),
        ("series", "f"),
        ("snapshot", "{}"),
        ("due_date", "2031-01-01"),
        ("issued_at", "2031-01-01 00:00:00"),
        ("kind", "credit_note"),
        ("reason", "other"),
        ("currency", "USD"),
        ("currency", "eur"),
        ("patient_id", "0" * 32),
        ("service_date", None),
    ],
)
def test_raw_sql_cannot_change_a_frozen_column(paid_in_part: Invoice, column: str, value: Any) -> None:
    refused(f"UPDATE invoices SET {column} = %s WHERE id = %s", value, as_stored(paid_in_part.id))


def test_raw_sql_cannot_make_it_a_draft_again(paid_in_part: Invoice) -> None:
    with pytest.raises(DatabaseError):
        raw("UPDATE invoices SET status = 'draft' WHERE id = %s", as_stored(paid_in_part.id))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM billing_items",
        "DELETE FROM invoice_shares",
        "UPDATE invoice_shares SET amount_cents = 1, covered_cents = 1",
        "UPDATE invoice_shares SET payer = 'mandatory', third_party = 1",
        "UPDATE invoice_shares SET insurer = 'Other'",
        "DELETE FROM payments",
        "UPDATE payments SET amount_cents = 1",
        "UPDATE billing_items SET label = 'x'",
        "UPDATE invoice_counters SET last = 0",
        "UPDATE invoice_counters SET last = last + 2",
        "UPDATE invoice_counters SET year = 2031",
        "DELETE FROM invoice_counters",
    ],
)
def test_raw_sql_cannot_touch_what_belongs_to_it(paid_in_part: Invoice, statement: str) -> None:
    refused(statement)


def test_raw_sql_cannot_delete_it(issued: MakeInvoice) -> None:
    found = issued()
    refused("DELETE FROM invoices WHERE id = %s", as_stored(found.id))


def test_the_paper_is_noted_once(issued: MakeInvoice) -> None:
    found = issued()
    raw("UPDATE invoices SET pdf_key = 'a', pdf_sha256 = 'b' WHERE id = %s", as_stored(found.id))
    refused("UPDATE invoices SET pdf_key = 'c' WHERE id = %s", as_stored(found.id))
    refused("UPDATE invoices SET pdf_sha256 = 'B' WHERE id = %s", as_stored(found.id))


def test_drafts_may_change_and_go(draft: MakeInvoice) -> None:
    found = draft()
    raw("UPDATE invoices SET service_date = NULL WHERE id = %s", as_stored(found.id))
    InvoiceItem.objects.filter(invoice=found).delete()
    InvoiceShare.objects.filter(invoice=found).delete()
    Invoice.objects.get(id=found.id).delete()
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {"total_cents": 5},
        {"net_cents": -1, "total_cents": -1},
        {"paid_cents": 1},
        {"status": "paid"},
        {"status": "issued"},
        {"number": "F2026-000009"},
        {"kind": "credit_note"},
    ],
)
def test_the_database_refuses_a_draft_that_makes_no_sense(values: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError), atomic(BILLING):
        Invoice.objects.create(patient_id=new_id(), **values)


@pytest.mark.parametrize(
    "values",
    [
        {"quantity": 0},
        {"quantity": -1},
        {"unit_price_cents": -1},
        {"unit_price_cents": 10**9},
        {"total_cents": 5},
        {"exemption": ""},
        {"vat_rate": 2000},
    ],
)
def test_the_database_refuses_a_line_that_makes_no_sense(draft: MakeInvoice, values: dict[str, Any]) -> None:
    good = {"label": "x", "unit_price_cents": 1, "net_cents": 1, "vat_cents": 0, "total_cents": 1}
    with pytest.raises(DatabaseError), atomic(BILLING):
        InvoiceItem.objects.bulk_create([InvoiceItem(invoice=draft(), **(good | values))])


def test_two_invoices_never_share_a_number(issued: MakeInvoice, draft: MakeInvoice) -> None:
    found, other = issued(), draft()
    copied = {
        name: getattr(found, name) for name in ("series", "year", "sequence", "issued_at", "due_date", "snapshot")
    }
    with pytest.raises(DatabaseError), atomic(BILLING):
        Invoice.objects.filter(id=other.id).update(status="issued", number="F2026-X", **copied)


def test_a_counter_starts_where_nothing_was_given(issued: MakeInvoice) -> None:
    found = issued()
    assert InvoiceCounter.objects.get().last == found.sequence == 1
    assert isinstance(found.due_date, date)
    assert CONSULTATION.unit_price_cents == found.total_cents
