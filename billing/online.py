"""Online payments as pages see them, and the page of the provider for trying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings

from billing.models import Checkout
from billing.providers import NoProvider, Outcome, provider
from billing.providers.local import LocalProvider, send_later
from billing.services.checkouts import checkout_of
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound

CALLBACK: Final = f"/api/payment-callbacks/{LocalProvider.name}"


@dataclass(frozen=True, slots=True)
class CheckoutCard:
    """A payment under way; `status` is open, paid or failed, as the provider has said."""

    id: UUID
    invoice_id: UUID
    invoice_number: str
    amount_cents: int
    status: str
    expired: bool


def available() -> bool:
    return bool(settings.PAYMENT_PROVIDER)


def _card(checkout: Checkout) -> CheckoutCard:
    return CheckoutCard(
        id=checkout.id,
        invoice_id=checkout.invoice_id,
        invoice_number=checkout.invoice.number or "",
        amount_cents=checkout.amount_cents,
        status=checkout.status,
        expired=checkout.expires_at <= clock.now(),
    )


def checkout_card(*, actor: User, checkout_id: UUID) -> CheckoutCard:
    """One that the actor began. Raises `NotFound`."""
    return _card(checkout_of(actor=actor, checkout_id=checkout_id))


def test_payment(*, actor: User, checkout_id: UUID) -> CheckoutCard:
    """For the page of the provider for trying. Raises `NotFound` when another one is set."""
    _local()
    return checkout_card(actor=actor, checkout_id=checkout_id)


def answer_test_payment(*, checkout: CheckoutCard, paid: bool) -> None:
    """What that page's buttons do: call back, as any provider does, over HTTP. Nothing of an expired one."""
    if checkout.expired:
        return
    body, headers = _local().callback(checkout.id, Outcome.PAID if paid else Outcome.FAILED, checkout.amount_cents)
    send_later(f"{settings.PUBLIC_URL}{CALLBACK}", body, headers)


def _local() -> LocalProvider:
    try:
        found = provider(LocalProvider.name)
    except NoProvider:
        raise NotFound from None
    if not isinstance(found, LocalProvider):
        raise NotFound
    return found
