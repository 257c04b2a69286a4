"""A provider for trying: a page of this very server asks whether the card is to be good, and calls back over HTTP.

It moves no money. `check --deploy` refuses it.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.providers import BadCallback, Callback, Order, Outcome, signing
from medisecure.kernel import clock
from medisecure.kernel.ids import new_id

log = logging.getLogger(__name__)

TRIES: Final = 3
MOST_BYTES: Final = 4096


class LocalProvider:
    name = "local-test"

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def start(self, order: Order) -> str:
        return f"/payments/test/{order.checkout_id}/"

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Callback:
        if len(body) > MOST_BYTES:
            raise BadCallback("too-large")
        signing.verify(self.secret, headers.get(signing.HEADER, ""), body, now)
        try:
            said = json.loads(body)
            found = Callback(
                event_id=str(said["id"])[:64],
                checkout_id=UUID(said["checkout"]),
                outcome=Outcome(said["outcome"]),
                amount_cents=said["amount_cents"],
                currency=said["currency"],
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadCallback("malformed") from None
        if type(found.amount_cents) is not int or not found.event_id:
            raise BadCallback("malformed")
        return found

    # --- the provider's own side --------------------------------------------------------------------------------------
    def callback(self, checkout_id: UUID, outcome: Outcome, amount_cents: int) -> tuple[bytes, dict[str, str]]:
        """(body, headers) of a callback made now."""
        body = json.dumps(
            {
                "id": str(new_id()),
                "checkout": str(checkout_id),
                "outcome": outcome.value,
                "amount_cents": amount_cents,
                "currency": "EUR",
            }
        ).encode()
        headers = {"Content-Type": "application/json", signing.HEADER: signing.sign(self.secret, body, clock.now())}
        return body, headers


def send_later(url: str, body: bytes, headers: dict[str, str]) -> None:
    """Call back after this answer has gone out, as a provider does: on its own time, and again when nobody answers."""
    threading.Thread(target=_send, args=(url, body, headers), daemon=True).start()


def _send(url: str, body: bytes, headers: dict[str, str]) -> None:
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - our own address
    for attempt in range(TRIES):
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - the same
                return
        except urllib.error.HTTPError as error:
            # It was heard and refused: to say it again changes nothing.
            log.warning("test provider: the callback was answered %s", error.code)
            return
        except OSError as error:
            log.warning("test provider: no answer (%s)", type(error).__name__)
            time.sleep(1 + attempt)
