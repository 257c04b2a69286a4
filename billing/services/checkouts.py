"""Paying online: somebody is sent to the provider, and what the provider says is believed when it is signed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError

from billing import selectors
from billing.models import Checkout, Invoice, Payment, ProviderEvent
from billing.providers import BadCallback, Callback, Order, Outcome, provider
from billing.rules import Payer
from billing.services.payments import Part, take
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import InvoiceNotOpen, NotFound
from medisecure.kernel.transactions import transactional

log = logging.getLogger(__name__)

MINUTES: Final = 30
#: A page that was opened twice leads to the same payment while it has this long to live.
LEAST: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the payer."""

    checkout_id: UUID
    url: str
    expires_at: datetime


def start_checkout(*, actor: User, invoice_id: UUID) -> Started:
    """Begin to pay what the patient still owes of an invoice. A second press finds the payment that is under way.

    Raises `NotFound`, `NoProvider`, and `InvoiceNotOpen` when the patient owes nothing.
    """
    invoice = selectors.find(actor, invoice_id)
    chosen = provider()
    if not invoice.balance_cents:
        raise InvoiceNotOpen
    selectors.audit(actor=actor, patient_id=invoice.patient_id, action="pay-online", invoice_id=invoice.id)
    checkout = _start(invoice_id, actor.id, chosen.name)
    order = Order(
        checkout_id=checkout.id,
        invoice_number=invoice.number or "",
        amount_cents=checkout.amount_cents,
        currency=invoice.currency,
        expires_at=checkout.expires_at,
        return_url=f"{settings.PUBLIC_URL}/invoices/{invoice.id}/payment/{checkout.id}/",
    )
    return Started(checkout.id, chosen.start(order), checkout.expires_at)


@transactional(BILLING)
def _start(invoice_id: UUID, actor_id: UUID, name: str) -> Checkout:
    invoice = Invoice.objects.select_for_update().filter(id=invoice_id).first()
    if invoice is None:
        raise NotFound
    owed = invoice.balance_cents
    if not owed:
        raise InvoiceNotOpen
    now = clock.now()
    found = Checkout.objects.filter(
        invoice=invoice,
        created_by=actor_id,
        provider=name,
        status=Checkout.Status.OPEN,
        amount_cents=owed,
        expires_at__gt=now + LEAST,
    ).first()
    return found or Checkout.objects.create(
        invoice=invoice,
        patient_id=invoice.patient_id,
        amount_cents=owed,
        provider=name,
        created_by=actor_id,
        created_at=now,
        expires_at=now + timedelta(minutes=MINUTES),
    )


def checkout_of(*, actor: User, checkout_id: UUID) -> Checkout:
    """One that the actor began, of an invoice in their sight. Raises `NotFound`."""
    found = Checkout.objects.select_related("invoice").filter(id=checkout_id, created_by=actor.id).first()
    if found is None:
        raise NotFound
    selectors.find(actor, found.invoice_id)
    return found


def take_callback(*, name: str, headers: dict[str, str], body: bytes) -> None:
    """Act on what a provider calls back with; what is forged, old or strange is logged by its kind and does nothing.

    A payment that comes when the invoice is settled or cancelled by now is money all the same: it is the patient's
    credit. Raises `NotFound` for another provider than ours, `BadCallback` for what is not believed.
    """
    try:
        said = provider(name).read(headers, body, clock.now())
        outcome = _act(name, said)
    except BadCallback as error:
        log.warning("payment callback refused: %s", error.reason)
        raise
    except IntegrityError:
        # The same callback at the same time: the unique index let one of them in.
        if not ProviderEvent.objects.filter(provider=name, event_id=said.event_id).exists():
            raise
        outcome = "repeated"
    log.info("payment callback: %s", outcome)


@transactional(BILLING)
def _act(name: str, said: Callback) -> str:
    checkout = Checkout.objects.select_for_update().filter(id=said.checkout_id, provider=name).first()
    if checkout is None:
        raise BadCallback("unknown-checkout")
    if ProviderEvent.objects.filter(provider=name, event_id=said.event_id).exists():
        return "repeated"
    invoice = Invoice.objects.get(id=checkout.invoice_id)
    if (said.amount_cents, said.currency) != (checkout.amount_cents, invoice.currency):
        raise BadCallback("other-amount")
    ProviderEvent.objects.create(provider=name, event_id=said.event_id, checkout=checkout, outcome=said.outcome.value)
    if checkout.status == Checkout.Status.PAID:
        return "paid-already"
    if said.outcome is Outcome.FAILED:
        Checkout.objects.filter(id=checkout.id).update(status=Checkout.Status.FAILED)
        return "failed"
    wanted = Payment(
        invoice_id=invoice.id,
        patient_id=checkout.patient_id,
        payer=Payer.PATIENT.value,
        amount_cents=checkout.amount_cents,
        method=Payment.Method.CARD.value,
        reference=f"{name} {str(checkout.id)[-12:]}",
        taken_by=None,
        idempotency_key=f"checkout:{checkout.id}",
    )
    selectors.audit(actor=None, patient_id=checkout.patient_id, action="pay", invoice_id=invoice.id)
    # Whatever the invoice says by now, the money has come: it pays what is owed, and the rest is credit.
    recorded = take(wanted, [Part(invoice.id, checkout.amount_cents)], keep_rest=True, must_fit=False)
    Checkout.objects.filter(id=checkout.id).update(status=Checkout.Status.PAID, payment=recorded.payment)
    return "paid"
