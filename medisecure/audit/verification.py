"""Is the access log what was written: recompute every hash, in batches, and name what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import chain
from typing import Final

from django.db.models import QuerySet

from medisecure.audit.anchors import anchors
from medisecure.audit.models import AccessEntry, AccessSeal
from medisecure.audit.seals import FIELDS, START, hash_entry, hash_link, unsealed
from medisecure.kernel import clock

BATCH: Final = 1000
#: The sealer runs twice a minute; what it has not sealed by then, it does not see.
UNSEALED_AFTER: Final = timedelta(minutes=10)


class Problem(StrEnum):
    ALTERED = "altered"
    REMOVED = "removed"
    SEALS_MISSING = "seals-missing"
    CHAIN_BROKEN = "chain-broken"
    UNSEALED = "unsealed"
    ANCHOR_MISSING = "anchor-missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `entry_id` names the entry, `sequence` the seal (the first missing one of a gap)."""

    problem: Problem
    entry_id: str = ""
    sequence: int | None = None
    detail: str = ""


@dataclass(slots=True)
class Verification:
    """What has been seen so far; complete once the findings have been read to their end."""

    entries: int = 0
    seals: int = 0
    last_sequence: int = 0
    chain_hash: str = START
    #: Where the hash that was expected stands in the chain; None when it was not found.
    expected_at: int | None = None
    #: Anchors of object storage that were compared.
    anchors: int = 0
    problems: dict[str, int] = field(default_factory=dict)


def verify(
    seen: Verification,
    *,
    expect: str = "",
    unsealed_after: timedelta = UNSEALED_AFTER,
    batch: int = BATCH,
    with_anchors: bool = False,
) -> Iterator[Finding]:
    """Yield each problem as it is found, and count in `seen`. Reads in batches, in no transaction: the log goes on.

    `expect` is a chain hash of an earlier run: the chain must still contain it, and `with_anchors` each that the object
    storage has.
    """
    found = chain(_all(seen, expect.lower(), unsealed_after, batch), _anchored(seen) if with_anchors else ())
    for finding in found:
        seen.problems[finding.problem.value] = seen.problems.get(finding.problem.value, 0) + 1
        yield finding


def _all(seen: Verification, expect: str, unsealed_after: timedelta, batch: int) -> Iterator[Finding]:
    if expect == START:
        seen.expected_at = 0
    while seals := list(AccessSeal.objects.filter(sequence__gt=seen.last_sequence).order_by("sequence")[:batch]):
        rows: QuerySet[AccessEntry, dict[str, object]] = AccessEntry.objects.filter(
            id__in=[found.entry_id for found in seals]
        ).values(*FIELDS)
        hashes = {row["id"]: hash_entry(row) for row in rows}
        for found in seals:
            yield from _check(seen, found, hashes.get(found.entry_id))
            if found.chain_hash == expect:
                seen.expected_at = found.sequence
    for entry_id in unsealed(clock.now() - unsealed_after).values_list("id", flat=True).iterator(chunk_size=batch):
        yield Finding(Problem.UNSEALED, str(entry_id))
    seen.entries = AccessEntry.objects.count()
    if expect and seen.expected_at is None:
        yield Finding(Problem.ANCHOR_MISSING, detail=expect)


def _anchored(seen: Verification) -> Iterator[Finding]:
    for one in anchors():
        seen.anchors += 1
        kept = AccessSeal.objects.filter(sequence=one.sequence).values_list("chain_hash", flat=True).first()
        if not one.chain_hash or kept != one.chain_hash:
            yield Finding(Problem.ANCHOR_MISSING, sequence=one.sequence, detail=one.key)


def _check(seen: Verification, found: AccessSeal, digest: str | None) -> Iterator[Finding]:
    """One seal against the one before it and against its entry."""
    wanted = seen.last_sequence + 1
    if found.sequence != wanted:
        yield Finding(Problem.SEALS_MISSING, sequence=wanted, detail=f"{wanted}-{found.sequence - 1}")
    elif found.chain_hash != hash_link(seen.chain_hash, found.entry_hash):
        yield Finding(Problem.CHAIN_BROKEN, str(found.entry_id), found.sequence)
    if digest is None:
        yield Finding(Problem.REMOVED, str(found.entry_id), found.sequence)
    elif digest != found.entry_hash:
        yield Finding(Problem.ALTERED, str(found.entry_id), found.sequence)
    seen.seals += 1
    seen.last_sequence = found.sequence
    seen.chain_hash = found.chain_hash
