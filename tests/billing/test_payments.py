from __future__ import annotations

from typing import Any

import pytest

from billing.models import Invoice, Payment
from billing.services import Recorded, credit, record_payment
from medisecure.accounts.models import User
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, InvoiceNotOpen, NotFound, Refused
from medisecure.kernel.outbox import pending
from patients.interface import PatientCard
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def pay(actor: User, invoice: Invoice, cents: int, key: str = "key", **values: Any) -> Recorded:
    defaults = {"method": "card", "reference": "T-1"}
    return record_payment(
        actor=actor, invoice_id=invoice.id, amount_cents=cents, idempotency_key=key, **(defaults | values)
    )


def test_payments_close_an_invoice(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    pay(carol, found, 1000, "one")
    found.refresh_from_db()
    assert (found.status, found.paid_cents, found.balance_cents, found.paid_at) == ("issued", 1000, 2000, None)
    pay(carol, found, 2000, "two")
    found.refresh_from_db()
    assert (found.status, found.balance_cents, found.paid_at is not None) == ("paid", 0, True)
    names = [row.name for row in pending(BILLING)]
    assert names == ["invoice.issued", "payment.recorded", "payment.recorded", "invoice.paid"]


@pytest.mark.parametrize("cents", [0, -1, 3001, 10**9])
def test_an_amount_beyond_what_is_owed_is_refused(carol: User, issued: MakeInvoice, cents: int) -> None:
    with pytest.raises(Invalid) as caught:
        pay(carol, issued(), cents)
    assert set(caught.value.errors) == {"amount_cents"}
    assert not Payment.objects.exists()


def test_a_paid_invoice_takes_nothing_more(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    pay(carol, found, 3000, "one")
    with pytest.raises(Invalid):
        pay(carol, found, 1, "two")


def test_the_same_key_is_the_same_payment(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    first, again = pay(carol, found, 3000), pay(carol, found, 3000)
    assert (first.created, again.created, first.payment.id == again.payment.id) == (True, False, True)
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("change", [{"cents": 999}, {"method": "cash"}, {"reference": "T-2"}])
def test_the_same_key_with_other_content_is_refused(carol: User, issued: MakeInvoice, change: dict[str, Any]) -> None:
    found = issued()
    pay(carol, found, 1000)
    with pytest.raises(Invalid) as caught:
        pay(carol, found, **({"cents": 1000} | change))
    assert set(caught.value.errors) == {"idempotency_key"}


def test_the_same_key_on_another_invoice_is_refused(carol: User, issued: MakeInvoice) -> None:
    pay(carol, issued(), 1000)
    with pytest.raises(Invalid):
        pay(carol, issued(), 1000)


@pytest.mark.parametrize(
    "values", [{"method": "shells"}, {"reference": "x" * 101}, {"reference": "a\x00b"}, {"key": ""}, {"key": "x" * 101}]
)
def test_what_cannot_be_kept_is_refused(carol: User, issued: MakeInvoice, values: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        pay(carol, issued(), 1000, **values)


def test_only_open_invoices_are_paid(carol: User, draft: MakeInvoice, issued: MakeInvoice) -> None:
    cancelled = issued()
    note = credit(actor=carol, invoice_id=cancelled.id, reason="Wrong price")
    for number, invoice in enumerate((draft(), cancelled, note)):
        with pytest.raises(InvoiceNotOpen):
            pay(carol, invoice, 1000, f"key-{number}")


def test_patients_and_administrators_do_not_record_payments(
    asha: User, alice: User, dan: User, dan_card: PatientCard, issued: MakeInvoice
) -> None:
    found = issued()
    for actor in (asha, alice):
        with pytest.raises(Refused):
            pay(actor, found, 1000)
    with pytest.raises(NotFound):
        pay(dan, found, 1000)
