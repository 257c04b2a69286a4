"""Credit, split payments, refunds and write-offs: each cent is somewhere, and a repeat does nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from billing.models import Allocation, Invoice, InvoiceShare, Payment, Refund, WriteOff
from billing.services import (
    Part,
    apply_credit,
    credit,
    credit_cents,
    record_payment,
    record_split_payment,
    refund,
    write_off,
)
from billing.verification import Verification, verify
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, InvoiceIssued, InvoiceNotOpen, NotFound, Refused
from medisecure.kernel.outbox import pending
from medisecure.kernel.transactions import atomic
from medisecure.notifications.models import Notice
from patients.interface import PatientCard
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES
from tests.support import api, deliver_events, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def pay(actor: User, invoice: Invoice, cents: int, key: str = "pay", **values: Any) -> Payment:
    recorded = record_payment(
        actor=actor, invoice_id=invoice.id, amount_cents=cents, method="card", idempotency_key=key, **values
    )
    return recorded.payment


def now(invoice: Invoice) -> tuple[str, int, int]:
    found = Invoice.objects.get(id=invoice.id)
    return found.status, found.paid_cents, found.balance_cents


def books_are_well() -> None:
    assert [finding for finding in verify(Verification()) if finding] == []


# --- more than is owed ------------------------------------------------------------------------------------------------
def test_what_is_above_stays_the_patients_credit_and_pays_the_next_invoice(
    carol: User, asha_card: PatientCard, issued: MakeInvoice
) -> None:
    first, second = issued(), issued()
    pay(carol, first, 5000, keep_rest=True)
    assert (now(first), credit_cents(asha_card.id)) == (("paid", 3000, 0), 2000)
    for _twice in range(2):
        apply_credit(actor=carol, invoice_id=second.id, amount_cents=1500, idempotency_key="use")
    assert (now(second), credit_cents(asha_card.id)) == (("issued", 1500, 1500), 500)
    with pytest.raises(Invalid):
        apply_credit(actor=carol, invoice_id=second.id, amount_cents=501, idempotency_key="more")
    with pytest.raises(Invalid):
        apply_credit(actor=carol, invoice_id=second.id, amount_cents=100, idempotency_key="use")
    books_are_well()


def test_credit_of_several_payments_is_used_oldest_first(
    carol: User, asha_card: PatientCard, issued: MakeInvoice
) -> None:
    one, two, third = issued(), issued(), issued()
    pay(carol, one, 4000, "a", keep_rest=True)
    pay(carol, two, 4000, "b", keep_rest=True)
    apply_credit(actor=carol, invoice_id=third.id, amount_cents=1500, idempotency_key="use")
    used = Allocation.objects.filter(invoice=third).order_by("idempotency_key")
    assert [(row.payment.idempotency_key, row.amount_cents) for row in used] == [("a", 1000), ("b", 500)]
    books_are_well()


def test_one_sum_pays_several_invoices(carol: User, asha_card: PatientCard, issued: MakeInvoice) -> None:
    first, second = issued(), issued()
    parts = [Part(first.id, 3000), Part(second.id, 1000)]

    def send(cents: int, parts: list[Part], **values: Any) -> Any:
        return record_split_payment(
            actor=carol, amount_cents=cents, method="cheque", parts=parts, idempotency_key="split", **values
        )

    with pytest.raises(Invalid):
        send(4500, parts)
    with pytest.raises(Invalid):
        send(3999, parts)
    assert [send(4500, parts, keep_rest=True).created for _twice in range(2)] == [True, False]
    assert (now(first), now(second), credit_cents(asha_card.id)) == (("paid", 3000, 0), ("issued", 1000, 2000), 500)
    books_are_well()


def test_a_split_that_one_invoice_refuses_pays_none(carol: User, issued: MakeInvoice) -> None:
    first, second = issued(), issued()
    with pytest.raises(Invalid):
        record_split_payment(
            actor=carol,
            amount_cents=6001,
            method="cheque",
            parts=[Part(first.id, 3000), Part(second.id, 3001)],
            idempotency_key="split",
        )
    assert not Payment.objects.exists()
    assert now(first) == ("issued", 0, 3000)


def test_a_patients_sum_is_for_their_own_invoices(carol: User, dan_card: PatientCard, issued: MakeInvoice) -> None:
    parts = [Part(issued().id, 3000), Part(issued(patient_id=dan_card.id).id, 3000)]
    with pytest.raises(Invalid) as caught:
        record_split_payment(actor=carol, amount_cents=6000, method="card", parts=parts, idempotency_key="k")
    assert set(caught.value.errors) == {"parts"}


# --- given back -------------------------------------------------------------------------------------------------------
def give_back(actor: User, payment: Payment, cents: int, key: str = "back", **values: Any) -> Refund:
    defaults = {"method": "transfer", "reason": "Paid twice"}
    return refund(actor=actor, payment_id=payment.id, amount_cents=cents, idempotency_key=key, **(defaults | values))


def test_credit_is_given_back_once(carol: User, asha_card: PatientCard, issued: MakeInvoice) -> None:
    payment = pay(carol, issued(), 5000, keep_rest=True)
    assert give_back(carol, payment, 2000).id == give_back(carol, payment, 2000).id
    assert credit_cents(asha_card.id) == 0
    with pytest.raises(Invalid):
        give_back(carol, payment, 1, "again")
    with pytest.raises(Invalid):
        give_back(carol, payment, 1999)
    assert [row.name for row in pending(BILLING)][-1] == "payment.refunded"
    assert AccessEntry.objects.filter(action="refund").exists()
    deliver_events()
    assert [row.user_id for row in Notice.objects.filter(kind="payment-refunded")] == [asha_card.user_id]
    books_are_well()


def test_a_cheque_that_bounces_is_owed_again(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    payment = pay(carol, found, 3000)
    assert now(found) == ("paid", 3000, 0)
    with pytest.raises(Invalid):
        give_back(carol, payment, 3000)  # nothing of it is free
    give_back(carol, payment, 3000, invoice_id=found.id, reason="Cheque returned unpaid")
    assert now(found) == ("issued", 0, 3000)
    pay(carol, found, 3000, "again")
    books_are_well()


def test_what_a_cancelled_invoice_had_is_credit(carol: User, asha_card: PatientCard, issued: MakeInvoice) -> None:
    wrong, right = issued(), issued()
    payment = pay(carol, wrong, 3000)
    note = credit(actor=carol, invoice_id=wrong.id, reason="Wrong price")
    assert note.snapshot is not None
    assert note.snapshot["credited"]["paid_cents"] == 3000
    assert (now(wrong), credit_cents(asha_card.id)) == (("credited", 0, 0), 3000)
    apply_credit(actor=carol, invoice_id=right.id, amount_cents=1000, idempotency_key="use")
    give_back(carol, payment, 2000)
    assert (now(right), credit_cents(asha_card.id)) == (("issued", 1000, 2000), 0)
    books_are_well()


# --- given up ---------------------------------------------------------------------------------------------------------
def give_up(actor: User, invoice: Invoice, cents: int, key: str = "off", reason: str = "Cannot be found") -> WriteOff:
    return write_off(
        actor=actor, invoice_id=invoice.id, amount_cents=cents, reason=reason, idempotency_key=key, payer="patient"
    )


def test_what_is_written_off_is_owed_no_more(carol: User, alice: User, issued: MakeInvoice) -> None:
    found = issued()
    pay(carol, found, 1000)
    assert give_up(alice, found, 2000).id == give_up(alice, found, 2000).id
    found = Invoice.objects.get(id=found.id)
    assert (found.status, found.paid_cents, found.written_off_cents, found.balance_cents) == ("paid", 1000, 2000, 0)
    assert {"invoice.written_off", "invoice.paid"} <= {row.name for row in pending(BILLING)}
    with pytest.raises(Invalid):
        give_up(alice, found, 1, "more")
    books_are_well()


@pytest.mark.parametrize("reason", ["", " ", "x" * 201, "a\x00b"])
def test_a_write_off_says_why(alice: User, issued: MakeInvoice, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        give_up(alice, issued(), 100, reason=reason)
    assert set(caught.value.errors) == {"reason"}
    assert not WriteOff.objects.exists()


# --- who may ----------------------------------------------------------------------------------------------------------
def test_each_needs_its_own_permission(
    asha: User, carol: User, alice: User, dan: User, dan_card: PatientCard, issued: MakeInvoice
) -> None:
    found = issued()
    payment = pay(carol, found, 4000, keep_rest=True)
    with pytest.raises(Refused):
        give_back(alice, payment, 1)
    with pytest.raises(Refused):
        give_up(carol, found, 1)
    with pytest.raises(Refused):
        apply_credit(actor=asha, invoice_id=found.id, amount_cents=1, idempotency_key="k")
    for actor in (dan, asha):
        with pytest.raises(NotFound):
            give_back(actor, payment, 1)
    with pytest.raises(NotFound):
        give_up(dan, found, 1)
    assert not Refund.objects.exists()


def test_the_api_does_all_of_it(
    carol: User, alice: User, dan: User, dan_card: PatientCard, issued: MakeInvoice
) -> None:
    first, second, third = issued(), issued(), issued()
    client, boss, stranger = api(carol), api(alice), api(dan)
    body = {
        "amount_cents": 4000,
        "method": "card",
        "parts": [{"invoice_id": str(first.id), "amount_cents": 3000}],
        "keep_rest": True,
    }
    headers: dict[str, Any] = {"HTTP_IDEMPOTENCY_KEY": "api-1"}
    made = client.post("/api/payments", body, format="json", **headers)
    assert made.status_code == 201, made.content
    assert client.post("/api/payments", body, format="json", **headers).status_code == 200
    used = client.post(f"/api/invoices/{second.id}/use-credit", {"amount_cents": 400}, format="json")
    assert used.json()["balance_cents"] == 2600
    back = {"amount_cents": 600, "method": "transfer", "reason": "Asked for it"}
    address = f"/api/payments/{made.json()['id']}/refunds"
    assert client.post(address, back, format="json").status_code == 201
    problem(client.post(address, back, format="json"), 422, "invalid")
    off = {"amount_cents": 3000, "payer": "patient", "reason": "Hardship"}
    assert boss.post(f"/api/invoices/{third.id}/write-offs", off, format="json").status_code == 201
    problem(client.post(f"/api/invoices/{third.id}/write-offs", off, format="json"), 403, "refused")
    for path, what in (
        (address, back),
        (f"/api/invoices/{third.id}/write-offs", off),
        (f"/api/invoices/{second.id}/use-credit", {"amount_cents": 1}),
        ("/api/payments", body),
    ):
        problem(stranger.post(path, what, format="json"), 404, "not-found")
    problem(client.post(address, {**back, "amount_cents": 1.5}, format="json"), 422, "invalid")
    books_are_well()


# --- held by the database ---------------------------------------------------------------------------------------------
def test_rows_are_added_and_never_changed(carol: User, alice: User, issued: MakeInvoice) -> None:
    found = issued()
    payment = pay(carol, found, 1000)
    give_up(alice, found, 1)
    give_back(carol, payment, 1, invoice_id=found.id)
    for model in (Allocation, Refund, WriteOff):
        row = model.objects.first()
        assert row is not None
        for attempt in (row.save, row.delete, model.objects.all().delete):
            with pytest.raises(InvoiceIssued):
                attempt()
        with pytest.raises(InvoiceIssued):
            model.objects.update(amount_cents=1)


def test_the_database_lets_no_payment_pay_more_than_it_is(carol: User, issued: MakeInvoice) -> None:
    first, second = issued(), issued()
    payment = pay(carol, first, 3000)
    share = InvoiceShare.objects.get(invoice=second)
    wrong: list[Any] = [
        Allocation(payment=payment, invoice=second, share=share, amount_cents=1),
        Allocation(payment=payment, invoice=first, share=share, amount_cents=1),
        Allocation(payment=payment, invoice=second, share=share, kind="released", amount_cents=-1),
        Refund(payment=payment, amount_cents=1, method="cash", reason="x", idempotency_key="x"),
        WriteOff(invoice=first, share=first.shares.get(), amount_cents=1, reason="x", idempotency_key="x"),
    ]
    for row in wrong:
        with pytest.raises(DatabaseError, match="invoice-issued"), atomic(BILLING):
            type(row).objects.bulk_create([row])
    with pytest.raises(InvoiceNotOpen):
        apply_credit(
            actor=carol,
            invoice_id=credit(actor=carol, invoice_id=first.id, reason="x").id,
            amount_cents=1,
            idempotency_key="k",
        )


# --- the clerk's pages ------------------------------------------------------------------------------------------------
def test_the_pages_take_give_back_and_give_up(
    carol: User, alice: User, asha_card: PatientCard, issued: MakeInvoice
) -> None:
    first, second = issued(), issued()
    clerk, boss = Client(), Client()
    for client, user in ((clerk, carol), (boss, alice)):
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")

    def post(client: Any, name: str, invoice: Invoice, **data: Any) -> Any:
        address = reverse(f"admin:billing_invoice_{name}", args=[invoice.id])
        form = client.get(address).context["form"]
        values = {"key": str(form.initial["key"]), **data}
        response = client.post(address, values)
        assert client.post(address, values).status_code in (302, 422)
        return response

    counter = {"amount": "40,00", "payer": "patient", "method": "cash", "reference": ""}
    assert post(clerk, "payment", first, **counter).status_code == 422
    assert post(clerk, "payment", first, **counter, keep_rest="on").status_code == 302
    assert credit_cents(asha_card.id) == 1000
    assert post(clerk, "credit-use", second, amount="4,00").status_code == 302
    payment = Payment.objects.get()
    back = {"amount": "6,00", "method": "cash", "reference": "", "reason": "Asked for it"}
    assert post(clerk, "refund", second, source=f"{payment.id}:", **back).status_code == 302
    assert credit_cents(asha_card.id) == 0
    off = {"amount": "26,00", "payer": "patient", "reason": "Hardship"}
    assert clerk.get(reverse("admin:billing_invoice_write-off", args=[second.id])).status_code == 403
    assert post(boss, "write-off", second, **off).status_code == 302
    assert now(second) == ("paid", 400, 0)
    page = clerk.get(reverse("admin:billing_invoice_change", args=[second.id])).content.decode()
    assert "Hardship" in page
    assert "26,00" in page
    books_are_well()
