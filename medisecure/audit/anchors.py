"""Anchors: where the chain's end was, kept outside the database and compared with it.

The chain has no key, so who may rewrite the whole database may make it anew, without a fault inside. A copy of its end
in object storage, by day and number, shows that: the chain must still contain every hash that was anchored. The storage
is listed and no table, which the same hands would have changed; versioning or object lock on the bucket keeps the
anchors themselves from them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from medisecure.audit.models import AccessSeal
from medisecure.kernel import clock, objects

FOLDER: Final = "audit-anchors"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The chain hash of one seal, as the storage has it. `chain_hash` is empty when the object cannot be read."""

    key: str
    sequence: int
    chain_hash: str


def anchor() -> str | None:
    """Write the present end of the chain into object storage, once for each end and day; returns its key."""
    last = AccessSeal.objects.order_by("-sequence").first()
    if last is None:
        return None
    now = clock.now()
    key = f"{FOLDER}/{now:%Y/%m/%d}/{last.sequence:012}.json"
    bucket = objects.documents()
    if bucket.exists(key):
        return None
    text = json.dumps({"sequence": last.sequence, "chain_hash": last.chain_hash, "at": now.isoformat()})
    return bucket.save(key, io.BytesIO(text.encode()), "application/json")


def anchors() -> Iterator[Anchor]:
    """Every anchor of the storage, the first one first."""
    bucket = objects.documents()
    for key in bucket.keys(FOLDER):
        try:
            with bucket.open(key) as file:
                found = json.loads(file.read())
            yield Anchor(key, int(found["sequence"]), str(found["chain_hash"]))
        except (ValueError, KeyError, TypeError):
            yield Anchor(key, 0, "")
