"""The access log sealed in a chain of hashes, afterwards, so that no read of a record waits for another one.

Entries are written at once and side by side. A task seals them a few seconds later, in the order of their ids:

    entry hash = SHA-256(canonical JSON of every field of the entry)
    chain hash = SHA-256(chain hash before ‖ entry hash), the first over 32 zero bytes

Ids are made in the application and commit in any order, so "not sealed yet" is asked for, never "after the last seal".
The chain has no key: who may rewrite the whole database may compute it anew. A chain hash kept elsewhere shows that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connections
from django.db.models import Exists, OuterRef, QuerySet

from medisecure.audit.models import AccessEntry, AccessSeal
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import transactional

#: Every field of an entry. A field that is added later must not change the hashes of what is sealed: leave it out of
#: the JSON while it is empty.
FIELDS: Final = (
    "id",
    "at",
    "actor_id",
    "patient_id",
    "action",
    "resource",
    "resource_id",
    "purpose",
    "right",
    "address",
)
START: Final = "0" * 64
#: Transactions that were open when an entry got its id have mostly ended by then, and seals follow the order of ids.
SETTLED: Final = timedelta(seconds=5)
#: How far behind the newest seal each run looks for entries that committed late. `seal(everything=True)` looks further.
REACH: Final = timedelta(hours=6)
BATCH: Final = 1000
#: One run's share; the next one goes on.
BATCHES: Final = 200
#: Any number of our own: one sealer at a time on PostgreSQL (the key of the sequence decides on its own everywhere).
_LOCK: Final = 0x6D736175


def canonical(entry: Mapping[str, Any]) -> bytes:
    """The fields of an entry as JSON that is always the same: sorted keys, no blanks, UTF-8, instants in UTC to the
    microsecond, ids in their usual form, null for what is empty."""
    return json.dumps(
        {name: _plain(entry[name]) for name in FIELDS}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode("utf-8")


def _plain(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return None if value is None else str(value)


def hash_entry(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(entry)).hexdigest()


def hash_link(before: str, entry_hash: str) -> str:
    """The chain hash after `before`; both hexadecimal."""
    return hashlib.sha256(bytes.fromhex(before) + bytes.fromhex(entry_hash)).hexdigest()


def floor_id(instant: datetime) -> UUID:
    """The smallest UUIDv7 of that millisecond (RFC 9562 §5.7)."""
    return UUID(int=int(instant.timestamp() * 1000) << 80)


def instant_of(id_: UUID) -> datetime:
    """When a UUIDv7 was made. What is not one, and says a time that no calendar has, counts as very old."""
    try:
        return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)
    except (OverflowError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def unsealed(before: datetime) -> QuerySet[AccessEntry]:
    """Entries whose id was made before that instant and that no seal is about."""
    rows: QuerySet[AccessEntry] = AccessEntry.objects.filter(id__lt=floor_id(before))
    return rows.filter(~Exists(AccessSeal.objects.filter(entry_id=OuterRef("id")))).order_by("id")


def seal(*, everything: bool = False, settled: timedelta = SETTLED) -> int:
    """Seal what is not sealed yet, in batches that each commit. Returns how many entries were.

    Looks at entries whose id is newer than the newest sealed one less `REACH`: the rest of a table of years is not read
    twice a minute. `everything` reads it all. Another sealer at work: returns what this one has done so far.
    """
    since = None if everything else _reach()
    count = 0
    for _number in range(BATCHES):
        try:
            sealed = _seal_batch(clock.now() - settled, since)
        except IntegrityError:
            break  # Another one took the next number first; our batch was rolled back whole.
        count += sealed
        if sealed < BATCH:
            break
    return count


def _reach() -> UUID | None:
    newest = AccessSeal.objects.order_by("-entry_id").values_list("entry_id", flat=True).first()
    if newest is None:
        return None
    return floor_id(max(instant_of(newest), datetime.fromtimestamp(0, UTC) + REACH) - REACH)


@transactional(DEFAULT)
def _seal_batch(before: datetime, since: UUID | None) -> int:
    if not _alone():
        return 0
    last = AccessSeal.objects.order_by("-sequence").first()
    sequence, chain = (last.sequence, last.chain_hash) if last else (0, START)
    rows = unsealed(before)
    if since is not None:
        rows = rows.filter(id__gte=since)
    seals = []
    for entry in rows.values(*FIELDS)[:BATCH]:
        sequence += 1
        digest = hash_entry(entry)
        chain = hash_link(chain, digest)
        seals.append(AccessSeal(sequence=sequence, entry_id=entry["id"], entry_hash=digest, chain_hash=chain))
    AccessSeal.objects.bulk_create(seals)
    return len(seals)


def _alone() -> bool:
    """On PostgreSQL a lock that ends with the transaction; SQLite has one writer anyway."""
    connection = connections[DEFAULT]
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])
