"""Paying online: only a signed, fresh, new callback moves anything, and money that came is never lost."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.checks import run_checks
from django.test import Client, override_settings
from django.urls import reverse

from billing import online
from billing.models import Checkout, Invoice, Payment, ProviderEvent
from billing.providers import Outcome, provider, signing
from billing.providers.local import LocalProvider
from billing.services import credit, credit_cents, record_payment
from billing.services.checkouts import start_checkout
from billing.verification import Verification, verify
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import InvoiceNotOpen, NotFound
from patients.interface import PatientCard
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

CALLBACK = "/api/payment-callbacks/local-test"


@pytest.fixture(autouse=True)
def for_trying(settings: Any) -> None:
    """On servers nobody takes payments online unless told otherwise."""
    settings.PAYMENT_PROVIDER, settings.PAYMENT_CALLBACK_SECRET = "local-test", "a secret of these tests, long enough"


def local() -> LocalProvider:
    found = provider()
    assert isinstance(found, LocalProvider)
    return found


def begin(actor: User, invoice: Invoice) -> Checkout:
    return Checkout.objects.get(id=start_checkout(actor=actor, invoice_id=invoice.id).checkout_id)


def said(checkout: Checkout, outcome: Outcome = Outcome.PAID, cents: int | None = None) -> tuple[bytes, dict[str, str]]:
    return local().callback(checkout.id, outcome, checkout.amount_cents if cents is None else cents)


def call(body: bytes, headers: dict[str, str], address: str = CALLBACK) -> Any:
    values: dict[str, Any] = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items() if name != "Content-Type"
    }
    return Client().post(address, body, content_type="application/json", **values)


def now(invoice: Invoice) -> tuple[str, int]:
    found = Invoice.objects.get(id=invoice.id)
    return found.status, found.paid_cents


def test_a_signed_callback_pays_the_invoice_once(asha: User, issued: MakeInvoice) -> None:
    found = issued()
    checkout = begin(asha, found)
    body, headers = said(checkout)
    # The same one again, and another one that says the same.
    for sent in ((body, headers), (body, headers), said(checkout)):
        assert call(*sent).status_code == 204
    assert now(found) == ("paid", 3000)
    payment = Payment.objects.get()
    assert (payment.method, payment.taken_by, payment.checkout.status) == ("card", None, "paid")
    assert [finding for finding in verify(Verification()) if finding] == []


def forged(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    return body, headers | {signing.HEADER: signing.sign(b"another secret of the same length", body, clock.now())}


def altered(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    return body.replace(b'"paid"', b'"paid" '), headers


def unsigned(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    return body, {}


def too_old(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    before = clock.now() - timedelta(seconds=signing.TOLERANCE + 1)
    return body, {signing.HEADER: signing.sign(local().secret, body, before)}


def made_young(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """An old signature under a new time."""
    old = too_old(body, headers)[1][signing.HEADER]
    return body, {signing.HEADER: f"t={int(clock.now().timestamp())},{old.partition(',')[2]}"}


def no_json(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    return b"{", {signing.HEADER: signing.sign(local().secret, b"{", clock.now())}


@pytest.mark.parametrize("spoil", [forged, altered, unsigned, too_old, made_young, no_json])
def test_what_cannot_be_believed_does_nothing_and_is_logged_without_data(
    asha: User, issued: MakeInvoice, caplog: pytest.LogCaptureFixture, spoil: Any
) -> None:
    found = issued()
    checkout = begin(asha, found)
    with caplog.at_level(logging.INFO):
        problem(call(*spoil(*said(checkout))), 400, "bad-callback")
    assert now(found) == ("issued", 0)
    assert not ProviderEvent.objects.exists()
    mine = [record.getMessage() for record in caplog.records if record.name.startswith("billing")]
    assert len(mine) == 1
    assert str(checkout.id) not in mine[0]


@pytest.mark.parametrize("cents", [2999, 3001])
def test_another_amount_is_not_believed(asha: User, issued: MakeInvoice, cents: int) -> None:
    found = issued()
    problem(call(*said(begin(asha, found), cents=cents)), 400, "bad-callback")
    assert now(found) == ("issued", 0)


def test_a_callback_of_nobodys_payment_or_another_provider_does_nothing(asha: User, issued: MakeInvoice) -> None:
    checkout = begin(asha, issued())
    body, headers = said(checkout)
    problem(call(body, headers, "/api/payment-callbacks/another"), 404, "not-found")
    checkout.delete()
    problem(call(body, headers), 400, "bad-callback")


def test_money_that_comes_too_late_is_credit_and_not_lost(
    asha: User, carol: User, asha_card: PatientCard, issued: MakeInvoice
) -> None:
    """After the counter took it, and after a credit note."""
    settled, cancelled = issued(), issued()
    late = [begin(asha, settled), begin(asha, cancelled)]
    record_payment(actor=carol, invoice_id=settled.id, amount_cents=2000, method="cash", idempotency_key="k")
    credit(actor=carol, invoice_id=cancelled.id, reason="Wrong price")
    for checkout in late:
        assert call(*said(checkout)).status_code == 204
    assert (now(settled), now(cancelled)) == (("paid", 3000), ("credited", 0))
    assert credit_cents(asha_card.id) == 2000 + 3000
    assert [finding for finding in verify(Verification()) if finding] == []


def test_a_refusal_pays_nothing_and_a_payment_after_it_counts(asha: User, issued: MakeInvoice) -> None:
    found = issued()
    checkout = begin(asha, found)
    assert call(*said(checkout, Outcome.FAILED)).status_code == 204
    assert (now(found), Checkout.objects.get().status) == (("issued", 0), "failed")
    assert call(*said(checkout)).status_code == 204
    # Late news of a try before takes nothing back.
    assert call(*said(checkout, Outcome.FAILED)).status_code == 204
    assert (now(found), Checkout.objects.get().status) == (("paid", 3000), "paid")


def test_a_second_press_finds_the_payment_that_is_under_way(asha: User, carol: User, issued: MakeInvoice) -> None:
    found = issued()
    first = begin(asha, found)
    assert begin(asha, found).id == first.id
    record_payment(actor=carol, invoice_id=found.id, amount_cents=1000, method="cash", idempotency_key="k")
    assert begin(asha, found).amount_cents == 2000


def test_who_may_not_see_the_invoice_may_not_pay_it(
    asha: User, carol: User, dan: User, dan_card: PatientCard, issued: MakeInvoice, draft: MakeInvoice
) -> None:
    found = issued()
    problem(api(dan).post(f"/api/invoices/{found.id}/checkout"), 404, "not-found")
    problem(api(asha).post(f"/api/invoices/{draft().id}/checkout"), 404, "not-found")
    checkout = begin(asha, found)
    for actor in (dan, carol):
        with pytest.raises(NotFound):
            online.checkout_card(actor=actor, checkout_id=checkout.id)
    record_payment(actor=carol, invoice_id=found.id, amount_cents=3000, method="cash", idempotency_key="k")
    with pytest.raises(InvoiceNotOpen):
        start_checkout(actor=asha, invoice_id=found.id)


def test_the_pages_lead_there_and_back_and_wait_honestly(
    asha: User, dan: User, dan_card: PatientCard, issued: MakeInvoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = issued()
    sent: list[tuple[str, bytes, dict[str, str]]] = []
    monkeypatch.setattr(online, "send_later", lambda *values: sent.append(values))
    browser, stranger = Client(), Client()
    for client, user in ((browser, asha), (stranger, dan)):
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    address = reverse("invoice-pay", args=[found.id])
    assert stranger.post(address).status_code == 404
    bank = browser.post(address)["Location"]
    assert stranger.get(bank).status_code == 404
    assert "30,00" in browser.get(bank).content.decode()
    back = browser.post(bank, {"outcome": "paid"})["Location"]
    assert stranger.get(back).status_code == 404
    waiting = browser.get(back).content.decode()
    assert 'content="5; url=?look=1"' in waiting
    assert "refresh" not in browser.get(f"{back}?look=12").content.decode()
    assert now(found) == ("issued", 0)
    [(url, body, headers)] = sent
    assert url == f"{configured.PUBLIC_URL}{CALLBACK}"
    assert json.loads(body)["amount_cents"] == 3000
    assert call(body, headers).status_code == 204
    assert "refresh" not in browser.get(back).content.decode()
    assert now(found) == ("paid", 3000)


def test_without_a_provider_nothing_is_offered(asha: User, issued: MakeInvoice) -> None:
    found = issued()
    checkout = begin(asha, found)
    sent = said(checkout)
    with override_settings(PAYMENT_PROVIDER=""):
        problem(api(asha).post(f"/api/invoices/{found.id}/checkout"), 409, "no-provider")
        problem(call(*sent), 404, "not-found")
        with pytest.raises(NotFound):
            online.test_payment(actor=asha, checkout_id=checkout.id)


def test_production_refuses_the_provider_for_trying() -> None:
    with override_settings(EMBEDDED=False, PAYMENT_PROVIDER="local-test"):
        assert "medisecure.E006" in {found.id for found in run_checks(include_deployment_checks=True)}
    with override_settings(EMBEDDED=False, PAYMENT_PROVIDER=""):
        assert "medisecure.E006" not in {found.id for found in run_checks(include_deployment_checks=True)}
