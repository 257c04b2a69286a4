"""Telling the broker at once what is committed anyway.

Everything that is sent this way is also found by a regular look at the database. So a broker that is away costs a
little time and never a message, and nobody who books waits for it: after a failure it is left alone for a while.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.conf import settings

log = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0

_paused_until = 0.0


def nudge(send: Callable[[], object], what: str) -> None:
    """Call `send` unless the broker failed a moment ago. `what` names the thing in the log: a kind and an id."""
    global _paused_until
    if not settings.OUTBOX_NUDGE or time.monotonic() < _paused_until:
        return
    try:
        send()
    except Exception as error:  # noqa: BLE001 - it is committed: whatever the broker says, the regular look finds it
        _paused_until = time.monotonic() + PAUSE_SECONDS
        log.warning("%s not sent to the broker yet (%s); the regular look will", what, type(error).__name__)
