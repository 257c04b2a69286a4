"""`cache.remember` for many small values at once: two questions to the cache, however many they are.

They are cheap to compute together and nobody asks for one on its own, so that readers neither wait for each other nor
make a value anew before it expires.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar
from uuid import uuid4

from django.core.cache import cache

from medisecure.kernel.cache import GENERATION_SECONDS, count

log = logging.getLogger(__name__)
T = TypeVar("T")
#: (scope, name within it)
Key = tuple[str, str]


def remember_many(keys: Sequence[Key], seconds: int, compute: Callable[[list[Key]], Mapping[Key, T]]) -> dict[Key, T]:
    """The value kept for each key. `compute` is called once, with those that are not kept, and answers each of them.

    Not for use inside a transaction that has changed a scope: what is not committed is nobody else's to read.
    """
    if not keys:
        return {}
    kind = keys[0][0]
    try:
        marks = _generations({scope for scope, _name in keys})
        addresses = {key: f"{key[0]}:{key[1]}:{marks[key[0]]}" for key in keys}
        kept = cache.get_many(addresses.values())
    except Exception as error:  # noqa: BLE001 - the client library decides what a dead server raises
        log.warning("cache read failed: %s", type(error).__name__)
        count(kind, "error", len(keys))
        return dict(compute(list(keys)))
    found: dict[Key, T] = {key: kept[address] for key, address in addresses.items() if address in kept}
    missing = [key for key in keys if key not in found]
    count(kind, "hit", len(found))
    if missing:
        count(kind, "miss", len(missing))
        fresh = compute(missing)
        found.update(fresh)
        try:
            cache.set_many({addresses[key]: fresh[key] for key in missing}, seconds)
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("cache write failed: %s", type(error).__name__)
    return found


def _generations(scopes: Collection[str]) -> dict[str, str]:
    wanted = {f"generation:{scope}": scope for scope in scopes}
    marks = {wanted[key]: str(mark) for key, mark in cache.get_many(wanted).items()}
    if new := {scope: uuid4().hex for scope in scopes if scope not in marks}:
        # Two readers may both find none. What the one writes under the mark that the other replaced is never read.
        cache.set_many({f"generation:{scope}": mark for scope, mark in new.items()}, GENERATION_SECONDS)
    return marks | new
