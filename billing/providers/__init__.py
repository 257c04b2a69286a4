"""Payment providers: what one must do, and which one the settings name.

A provider takes the money on its own page and tells us by a signed callback. What a browser brings back proves
nothing, and is not believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from medisecure.kernel.errors import DomainError
from medisecure.kernel.errors import Text as ErrorText


class Outcome(StrEnum):
    PAID = "paid"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be paid. No name and no act: the provider learns a number and a sum."""

    checkout_id: UUID
    invoice_number: str
    amount_cents: int
    currency: str
    expires_at: datetime
    return_url: str


@dataclass(frozen=True, slots=True)
class Callback:
    """What a provider has told us, its signature and its time checked."""

    event_id: str
    checkout_id: UUID
    outcome: Outcome
    amount_cents: int
    currency: str


class BadCallback(DomainError):
    """Forged, too old, or no callback at all. `reason` goes into the log and not into the answer."""

    code = "bad-callback"
    status = 400
    title: ErrorText = _("This is not a callback that can be believed.")

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class NoProvider(DomainError):
    code = "no-provider"
    status = 409
    title: ErrorText = _("Paying online is not possible here. Pay at the counter or by bank transfer.")


class Provider(Protocol):
    """One payment provider."""

    name: str

    def start(self, order: Order) -> str:
        """The address of the provider's page, to which the payer is sent."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Callback:
        """Check the signature and the time of a callback and read it. Raises `BadCallback`."""
        ...


def provider(name: str | None = None) -> Provider:
    """The one that the settings name. Raises `NoProvider`, also for another name than theirs."""
    from billing.providers.local import LocalProvider

    known: Final[dict[str, type[LocalProvider]]] = {LocalProvider.name: LocalProvider}
    chosen = settings.PAYMENT_PROVIDER
    if chosen not in known or (name is not None and name != chosen):
        raise NoProvider
    return known[chosen](settings.PAYMENT_CALLBACK_SECRET.encode())
