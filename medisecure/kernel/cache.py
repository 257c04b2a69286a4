"""Hot reads in the shared cache: keys and lifetimes are named here and nowhere else.

A value is kept under a scope ("record:<id>") together with the scope's generation, a random mark. `forget` replaces
the mark, which drops everything below it at once and also what a slow reader, who started before the change, is about
to write: that goes under the old mark, where nobody looks.

Many readers of one key cost one computation (`single_flight`): of a key that nobody has kept yet the others wait for
it; of one that is about to expire, one reader makes it anew while the others go on with what is kept.

A cache that does not answer costs speed, never an answer: reads fall through to the database, in each process one of a
kind at a time. A process that is killed between its commit and the dropping leaves the old value for its lifetime at
most: the bound is the seconds named here.
"""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

from django.core.cache import cache
from django.db import connections
from django.utils.crypto import salted_hmac
from prometheus_client import Counter

from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.single_flight import WAIT_SECONDS, Flights, try_lock
from medisecure.kernel.transactions import on_commit

log = logging.getLogger(__name__)
T = TypeVar("T")

PATIENT_CARD_SECONDS: Final = 600
PRACTITIONER_SECONDS: Final = 600
RECORD_SECONDS: Final = 300
#: The ids that a search found: long enough to leaf through the pages and to type the next letter again.
SEARCH_SECONDS: Final = 30
#: When practitioners are busy. Each change drops it; this bounds what a change that could not drop it leaves behind.
BUSY_SECONDS: Final = 300
#: Signed URLs inside a cached record must outlive the cache entry (design §5).
RECORD_URL_SECONDS: Final = 900

GENERATION_SECONDS: Final = 7 * 24 * 3600
#: In the last fifth of its life a value is made anew by one reader, so that no key that is in use ever expires.
_RENEW_AFTER: Final = 0.8
_POLL_SECONDS: Final = (0.01, 0.04)

READS: Final = Counter(
    "medisecure_cache_reads",
    "Reads of the shared cache, by kind of value and by how they ended: hit, miss (computed), renew (computed before "
    "it expired), wait (another reader computed it), bypass (changed in this very transaction), error (no cache).",
    ["kind", "result"],
)
#: Kinds are the first word of a scope; whatever else comes is counted as one.
KINDS: Final = frozenset({"busy", "patient", "practitioner", "record", "search"})
SEARCH_SCOPE: Final = "search:patients"


def patient_scope(patient_id: UUID) -> str:
    return f"patient:{patient_id}"


def practitioner_scope(practitioner_id: UUID) -> str:
    return f"practitioner:{practitioner_id}"


def record_scope(patient_id: UUID) -> str:
    return f"record:{patient_id}"


def busy_scope(owner_id: UUID) -> str:
    return f"busy:{owner_id}"


def fingerprint(*parts: str) -> str:
    """A name for what somebody typed that nobody can read back: keys stand in the cache's dumps and monitors."""
    return salted_hmac("medisecure.kernel.cache", "\x00".join(parts), algorithm="sha256").hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What stands in the cache. `renew_at` is by the clock of whoever wrote it, a hint: the lifetime is the cache's."""

    value: Any
    renew_at: float


class _Away(Exception):
    """The cache did not answer; the text is the type of its error."""


_flights: Final = Flights()
#: Goes up with each `forget` of this process, so that without a cache nobody joins a computation from before their own
#: change. One number for all scopes: it stays small however long the process lives.
_changes = itertools.count()
_change = next(_changes)


def remember(scope: str, seconds: int, compute: Callable[[], T], *, name: str = "") -> tuple[T, bool]:
    """The value kept for `scope` (and `name` within it), computed when there is none. Returns (value, was it kept).

    The generation is read before the value is computed: see the module's text. Inside a transaction that has changed
    the scope the cache is left alone: what is not committed is nobody else's to read, and may be rolled back.
    """
    if _changed_here(scope):
        count(scope, "bypass")
        return compute(), False
    try:
        key = f"{scope}:{name}:{_generation(scope)}"
        kept = _get(key)
    except _Away as away:
        log.warning("cache read failed: %s", away)
        count(scope, "error")
        return _flights.run(f"{scope}:{name}:{_change}", compute), False
    if kept is None:
        return _first(scope, key, seconds, compute)
    if time.time() >= kept.renew_at:
        with try_lock(key) as mine:
            if mine:
                count(scope, "renew")
                return _compute(key, seconds, compute), False
    count(scope, "hit")
    return kept.value, True


def _first(scope: str, key: str, seconds: int, compute: Callable[[], T]) -> tuple[T, bool]:
    """Nobody has kept it: one computes, the others wait. A holder that died loses the lock, and the next one computes;
    who has waited long enough stops believing and computes on its own."""
    deadline = time.monotonic() + WAIT_SECONDS
    waited = False
    while time.monotonic() < deadline:
        with try_lock(key) as mine:
            try:
                # The one before may have ended between our look and our lock.
                kept = _get(key)
            except _Away:
                break
            if kept is not None:
                count(scope, "wait" if waited else "hit")
                return kept.value, True
            if mine:
                count(scope, "miss")
                return _compute(key, seconds, compute), False
        waited = True
        time.sleep(random.uniform(*_POLL_SECONDS))  # noqa: S311 - spreads the next looks, no secret
    count(scope, "miss")
    return _compute(key, seconds, compute), False


def _compute(key: str, seconds: int, compute: Callable[[], T]) -> T:
    value = compute()
    try:
        cache.set(key, _Kept(value, time.time() + seconds * _RENEW_AFTER), seconds)
    except Exception as error:  # noqa: BLE001 - the client library decides what a dead server raises
        log.warning("cache write failed: %s", type(error).__name__)
    return value


def _get(key: str) -> _Kept | None:
    try:
        found = cache.get(key)
    except Exception as error:
        raise _Away(type(error).__name__) from error
    # What an earlier release kept in another form counts as nothing.
    return found if isinstance(found, _Kept) else None


def _generation(scope: str) -> str:
    """The scope's mark, made by one reader. The embedded cache's own "add" lets several win, and then each would
    compute under a mark of its own: the lock decides."""
    key = f"generation:{scope}"
    deadline = time.monotonic() + WAIT_SECONDS
    try:
        while (mark := cache.get(key)) is None and time.monotonic() < deadline:
            with try_lock(key) as mine:
                if mine:
                    mark = cache.get_or_set(key, lambda: uuid4().hex, GENERATION_SECONDS)
                    break
            time.sleep(random.uniform(*_POLL_SECONDS))  # noqa: S311 - spreads the next looks, no secret
    except Exception as error:
        raise _Away(type(error).__name__) from error
    if mark is None:
        raise _Away("no mark")
    return str(mark)


def count(scope: str, result: str, times: int = 1) -> None:
    kind = scope.partition(":")[0]
    READS.labels(kind if kind in KINDS else "other", result).inc(times)


def forget(*scopes: str) -> None:
    """Drop everything kept for these scopes, now."""
    global _change
    _change = next(_changes)
    for scope in scopes:
        try:
            cache.set(f"generation:{scope}", uuid4().hex, GENERATION_SECONDS)
        except Exception as error:  # noqa: BLE001
            # The entry outlives this change by its lifetime at most; the log says so.
            log.error("cache entry of a changed item not dropped: %s", type(error).__name__)


@dataclass(frozen=True, slots=True)
class _Forget:
    """What waits for the commit. A class, so that `_changed_here` knows it among what else waits."""

    scopes: tuple[str, ...]

    def __call__(self) -> None:
        forget(*self.scopes)


def forget_on_commit(alias: str, *scopes: str) -> None:
    """Drop the scopes when the transaction open on `alias` commits: a rollback leaves what was right."""
    on_commit(alias, _Forget(scopes), robust=True)


def _changed_here(scope: str) -> bool:
    """True while the scope's dropping waits for the commit of the block we are in. What is cached lives on DEFAULT."""
    connection = connections[DEFAULT]
    if not connection.in_atomic_block:
        return False
    blocks = set(connection.savepoint_ids)
    return any(
        isinstance(waiting[1], _Forget) and scope in waiting[1].scopes and blocks.issuperset(waiting[0])
        for waiting in connection.run_on_commit
    )
