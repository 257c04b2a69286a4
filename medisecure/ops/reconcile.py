"""The storage compared with what the databases say of it, both ways.

Whatever the storage holds is written into a table on this machine's disk; then each row that names an object ticks it
off. No more than a thousand keys are in memory, and neither side has to sort as the other does.
"""

from __future__ import annotations

import logging
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

from medisecure.kernel import clock, multipart
from medisecure.kernel.objects import DOCUMENTS, IMAGES, Bucket
from medisecure.kernel.owners import is_rowless, owners

log = logging.getLogger(__name__)

#: Bytes are stored before their row commits: what is younger may be on its way.
GRACE: Final = timedelta(days=1)
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """`kind`: "missing" (a row names bytes that are not there), "size", "leftover" (bytes of ours that no row names),
    "unknown" (bytes of which nothing is known). `fixed`: the bytes were deleted."""

    kind: str
    bucket: str
    key: str
    row: str = ""
    fixed: bool = False


@dataclass(slots=True)
class Report:
    """`young`: objects without a row that are too young to say anything of; `parts`: unfinished uploads."""

    objects: int = 0
    rows: int = 0
    young: int = 0
    parts: int = 0
    differences: dict[str, int] = field(default_factory=dict)
    left: int = 0


def reconcile(*, fix: bool, tell: Callable[[Difference], object]) -> Report:
    """Compare, and `tell` each difference as it is found. With `fix`, leftovers that are certainly ours are deleted;
    nothing else is ever changed."""
    report = Report()
    folder = settings.DATA_DIR / "tmp"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        table = sqlite3.connect(Path(place) / "keys")
        try:
            table.executescript(
                "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-8000;"
                "CREATE TABLE stored (bucket TEXT, key TEXT, size INTEGER, young INTEGER, named INTEGER DEFAULT 0,"
                " PRIMARY KEY (bucket, key)) WITHOUT ROWID"
            )
            _list(table, report)
            for difference in _compare(table, report):
                _count(report, difference, tell)
            for difference in _unnamed(table, report, fix=fix):
                _count(report, difference, tell)
        finally:
            table.close()
    report.parts = sum(1 for name in (DOCUMENTS, IMAGES) for _one in multipart.unfinished(Bucket(name)))
    return report


def _count(report: Report, found: Difference, tell: Callable[[Difference], object]) -> None:
    report.differences[found.kind] = report.differences.get(found.kind, 0) + 1
    report.left += not found.fixed
    tell(found)


def _list(table: sqlite3.Connection, report: Report) -> None:
    since = clock.now() - GRACE
    for name in (DOCUMENTS, IMAGES):
        batch = []
        for item in Bucket(name).walk():
            report.objects += 1
            if not is_rowless(item.key):
                batch.append((name, item.key, item.size, item.modified > since))
            if len(batch) == _BATCH:
                table.executemany("INSERT INTO stored (bucket, key, size, young) VALUES (?, ?, ?, ?)", batch)
                batch.clear()
        table.executemany("INSERT INTO stored (bucket, key, size, young) VALUES (?, ?, ?, ?)", batch)


def _compare(table: sqlite3.Connection, report: Report) -> Iterator[Difference]:
    for owner in owners():
        for named in owner.rows():
            report.rows += 1
            row = f"{owner.name} {named.row_id}"
            found = table.execute(
                "SELECT size FROM stored WHERE bucket = ? AND key = ?", (named.bucket, named.key)
            ).fetchone()
            if found is None:
                # It may have been written after the storage was listed.
                if not Bucket(named.bucket).exists(named.key):
                    yield Difference("missing", named.bucket, named.key, row)
                continue
            table.execute("UPDATE stored SET named = 1 WHERE bucket = ? AND key = ?", (named.bucket, named.key))
            if named.size is not None and found[0] != named.size:
                yield Difference("size", named.bucket, named.key, row)


def _unnamed(table: sqlite3.Connection, report: Report, *, fix: bool) -> Iterator[Difference]:
    rows = table.execute("SELECT bucket, key, young FROM stored WHERE named = 0 ORDER BY bucket, key")
    for bucket, key, young in rows:
        if young:
            report.young += 1
        elif any(owner.disposable(bucket, key) for owner in owners()):
            if fix:
                Bucket(bucket).delete(key)
                log.warning("leftover %s deleted from %s", key, bucket)
            yield Difference("leftover", bucket, key, fixed=fix)
        else:
            yield Difference("unknown", bucket, key)
