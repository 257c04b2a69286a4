"""How the queues do, without a plugin of the broker: workers note what they handle, the broker is asked how much waits.

The broker does not say how old a queue's first message is, and looking at it would count as a delivery. But queues are
first in, first out: what waits was sent after what was handled last, and after the queue was last seen empty. So its
age is at most so much; the regular look every ten seconds keeps the bound tight.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache

from medisecure.kernel import dead_letters
from medisecure.kernel.event_queues import QUEUES

log = logging.getLogger(__name__)

_FLUSH_SECONDS: Final = 1.0
_MINUTES: Final = 5
_KEPT_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class QueueState:
    """`waiting`: not yet with a worker. `per_minute`: handled, over the last whole minutes. `oldest`: seconds that the
    first message has waited at most; None when nothing is known. `workers` is None where the broker cannot say."""

    name: str
    waiting: int
    workers: int | None
    per_minute: float
    oldest: float | None


class _Noted:
    """What this process handled since it last wrote it down: the cache is asked once a second, not once a message."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.handled: dict[str, int] = {}
        self.sent_at: dict[str, float] = {}
        self.flushed = 0.0

    def note(self, queue: str, sent_at: float) -> None:
        with self.lock:
            self.handled[queue] = self.handled.get(queue, 0) + 1
            self.sent_at[queue] = max(self.sent_at.get(queue, 0.0), sent_at)
            if time.monotonic() - self.flushed < _FLUSH_SECONDS:
                return
            self.flushed = time.monotonic()
            handled, sent = self.handled, self.sent_at
            self.handled, self.sent_at = {}, {}
        minute = int(time.time()) // 60
        for name, count in handled.items():
            key = f"queues:handled:{name}:{minute}"
            cache.add(key, 0, (_MINUTES + 2) * 60)
            cache.incr(key, count)
        for name, at in sent.items():
            cache.set(f"queues:sent:{name}", at, _KEPT_SECONDS)


_noted = _Noted()


def note_handled(queue: str, sent_at: object) -> None:
    """A worker is done with a message of that queue."""
    if queue not in QUEUES:
        return
    try:
        _noted.note(queue, float(str(sent_at or 0.0)))
    except Exception as error:  # noqa: BLE001 - each cache has its own errors; a figure is missing then, no message
        log.warning("handled message not counted: %s", type(error).__name__)


def look() -> None:
    """Note which queues are empty now."""
    for name, (waiting, _workers) in _depths().items():
        if not waiting:
            cache.set(f"queues:empty:{name}", time.time(), _KEPT_SECONDS)


def states() -> list[QueueState]:
    """Of every queue, in the order of their list. Raises what the broker's library raises when it is away."""
    depths = _depths()
    minute = int(time.time()) // 60
    keys = {
        (name, past): f"queues:handled:{name}:{minute - past}" for name in QUEUES for past in range(1, _MINUTES + 1)
    }
    kept = cache.get_many([*keys.values(), *(f"queues:{word}:{name}" for word in ("sent", "empty") for name in QUEUES)])
    found = []
    for name in QUEUES:
        waiting, workers = depths[name]
        handled = sum(kept.get(keys[name, past], 0) for past in range(1, _MINUTES + 1))
        found.append(QueueState(name, waiting, workers, handled / _MINUTES, _oldest(name, waiting, kept)))
    return found


def dead() -> int:
    """Dead messages that the broker still holds."""
    return dead_letters.waiting()


def _oldest(name: str, waiting: int, kept: Mapping[str, Any]) -> float | None:
    if not waiting:
        return 0.0
    if not _amqp():
        put_at = dead_letters.local_store().oldest(name)
        return 0.0 if put_at is None else max(0.0, time.time() - put_at)
    known = [float(kept[key]) for key in (f"queues:sent:{name}", f"queues:empty:{name}") if kept.get(key)]
    return max(0.0, time.time() - max(known)) if known else None


def _amqp() -> bool:
    return bool(settings.CELERY_BROKER_URL.startswith("amqp"))


def _depths() -> dict[str, tuple[int, int | None]]:
    from medisecure.celery import app

    if not _amqp():
        return {name: (dead_letters.local_store().size(name), None) for name in QUEUES}
    found: dict[str, tuple[int, int | None]] = {}
    with app.connection_for_write(connect_timeout=3) as connection:
        for name in QUEUES:
            try:
                channel: Any = connection.default_channel
                state = channel.queue_declare(queue=name, passive=True)
                found[name] = (state.message_count, state.consumer_count)
            except connection.channel_errors:
                found[name] = (0, 0)  # no worker has declared it yet
    return found
