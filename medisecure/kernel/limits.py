"""How often one address may ask for something that asks for no sign-in. Counted in the shared cache."""

from __future__ import annotations

import logging
import time

from django.core.cache import cache

from medisecure.kernel.errors import TooMany

log = logging.getLogger(__name__)


def limit(name: str, who: str | None, *, most: int, seconds: int) -> None:
    """Count one request of `who`; raise TooMany above `most` within so many seconds. An address that is not known is
    one address. A cache that does not answer lets requests through: signatures and tokens still guard what is behind.
    """
    key = f"limit:{name}:{who or 'unknown'}:{int(time.time()) // seconds}"
    try:
        cache.add(key, 0, seconds * 2)
        count = cache.incr(key)
    except ValueError:
        # It expired between the two calls: this is the first of a new window.
        return
    except Exception as error:  # noqa: BLE001 - the client library decides what a dead server raises
        log.warning("cannot count requests: %s", type(error).__name__)
        return
    if count > most:
        raise TooMany
