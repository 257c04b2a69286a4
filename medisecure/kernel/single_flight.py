"""One computation where many ask at once: a lock that all processes share, and within one process a shared answer.

The lock is never waited for here and never outlives its holder for long: on Redis it carries its holder's token and
ends by itself, on the embedded cache the operating system drops it with the process.
"""

from __future__ import annotations

import copy
import fcntl
import logging
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from django.conf import settings
from django.core.cache import cache

log = logging.getLogger(__name__)
T = TypeVar("T")

#: A holder that died blocks nobody longer; one that is slower than this is joined by a second one.
LOCK_SECONDS: Final = 2.0
#: Longer than the lock: after a dead holder one waiter computes, and the rest still wait for that one.
WAIT_SECONDS: Final = 6.0
#: Lock files of the embedded cache. Two keys may share one: the second waits a moment, nothing more.
_STRIPES: Final = 1024


@contextmanager
def try_lock(key: str) -> Iterator[bool]:
    """True inside when nobody else holds `key`, which is then held until the end of the block. Does not wait. A cache
    that does not answer locks nothing: False."""
    if "redis" in settings.CACHES["default"]["BACKEND"].lower():
        with _redis_lock(f"lock:{key}") as mine:
            yield mine
    else:
        with _file_lock(key) as mine:
            yield mine


@contextmanager
def _redis_lock(key: str) -> Iterator[bool]:
    from redis.exceptions import LockError

    lock: Any = None
    try:
        lock = cache.lock(key, timeout=LOCK_SECONDS, blocking=False)  # type: ignore[attr-defined]  # django-redis' own
        mine = bool(lock.acquire())
    except Exception as error:  # noqa: BLE001 - the client library decides what a dead server raises
        log.warning("cache lock failed: %s", type(error).__name__)
        mine = False
    try:
        yield mine
    finally:
        if mine:
            try:
                lock.release()
            except LockError:
                # It ended by itself and may be another one's by now: the library compared the token.
                log.info("a computation outlived its lock of %s s", LOCK_SECONDS)
            except Exception as error:  # noqa: BLE001
                log.warning("cache lock not released: %s", type(error).__name__)


@contextmanager
def _file_lock(key: str) -> Iterator[bool]:
    folder = Path(settings.CACHES["default"]["LOCATION"]) / "locks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / str(zlib.crc32(key.encode()) % _STRIPES), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = True
        except BlockingIOError:
            mine = False
        yield mine
    finally:
        os.close(handle)  # which drops the lock


class _Flight:
    """One computation under way, and its answer once it is there."""

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.answers: list[Any] = []


class Flights:
    """Within this process: who asks for what somebody is computing gets a copy of that answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, _Flight] = {}

    def run(self, key: str, compute: Callable[[], T]) -> T:
        """Compute, or wait for who does. When that one fails or takes too long, compute after all."""
        with self._lock:
            flight = self._under_way.get(key)
            leader = flight is None
            if flight is None:
                flight = self._under_way[key] = _Flight()
        if not leader:
            if flight.landed.wait(WAIT_SECONDS) and flight.answers:
                answer: T = copy.deepcopy(flight.answers[0])
                return answer
            return compute()
        try:
            value = compute()
            flight.answers.append(value)
            return value
        finally:
            with self._lock:
                del self._under_way[key]
            flight.landed.set()
