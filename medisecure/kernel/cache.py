"""Hot reads in the shared cache: keys and lifetimes are named here and nowhere else.

A value is kept under a scope ("record:<id>") together with the scope's generation, a random mark. `forget` replaces
the mark, which drops everything below it at once and also what a slow reader, who started before the change, is about
to write: that goes under the old mark, where nobody looks.

A cache that does not answer costs speed, never an answer: reads fall through to the database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

from django.core.cache import cache

from medisecure.kernel.transactions import on_commit

log = logging.getLogger(__name__)
T = TypeVar("T")

PATIENT_CARD_SECONDS: Final = 600
PRACTITIONER_SECONDS: Final = 600
RECORD_SECONDS: Final = 300
#: Signed URLs inside a cached record must outlive the cache entry (design §5).
RECORD_URL_SECONDS: Final = 900

_GENERATION_SECONDS: Final = 7 * 24 * 3600
_MISSING: Final = object()


def patient_scope(patient_id: UUID) -> str:
    return f"patient:{patient_id}"


def practitioner_scope(practitioner_id: UUID) -> str:
    return f"practitioner:{practitioner_id}"


def record_scope(patient_id: UUID) -> str:
    return f"record:{patient_id}"


def _generation(scope: str) -> str:
    mark = cache.get_or_set(f"generation:{scope}", lambda: uuid4().hex, _GENERATION_SECONDS)
    return str(mark)


def remember(scope: str, seconds: int, compute: Callable[[], T], *, name: str = "") -> tuple[T, bool]:
    """The value kept for `scope` (and `name` within it), computed when there is none. Returns (value, was it kept).

    The generation is read before the value is computed: see the module's text.
    """
    try:
        key = f"{scope}:{name}:{_generation(scope)}"
        found: Any = cache.get(key, _MISSING)
    except Exception as error:  # noqa: BLE001 - the client library decides what a dead server raises
        log.warning("cache read failed: %s", type(error).__name__)
        return compute(), False
    if found is not _MISSING:
        return found, True
    value = compute()
    try:
        cache.set(key, value, seconds)
    except Exception as error:  # noqa: BLE001
        log.warning("cache write failed: %s", type(error).__name__)
    return value, False


def forget(*scopes: str) -> None:
    """Drop everything kept for these scopes, now."""
    for scope in scopes:
        try:
            cache.set(f"generation:{scope}", uuid4().hex, _GENERATION_SECONDS)
        except Exception as error:  # noqa: BLE001
            # The entry outlives this change by its lifetime at most; the log says so.
            log.error("cache entry of a changed item not dropped: %s", type(error).__name__)


def forget_on_commit(alias: str, *scopes: str) -> None:
    """Drop the scopes when the transaction open on `alias` commits: a rollback leaves what was right."""
    on_commit(alias, lambda: forget(*scopes), robust=True)
