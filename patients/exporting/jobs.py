"""Making copies in the background: one worker each, by comparison; a worker that dies is followed by another.

Nothing here runs inside a transaction: a large copy takes minutes, and the register must not wait for it.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from datetime import datetime, timedelta
from typing import IO, Final, cast
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import translation

from medisecure.accounts.interface import user_card
from medisecure.kernel import clock, objects
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import atomic
from medisecure.notifications.interface import notify_user, queue_mail
from patients.access import may_read_record
from patients.exporting.archive import write_archive
from patients.models import RecordExport
from patients.rules.rights import EXPORT_DAYS

log = logging.getLogger(__name__)

#: Renewed with each step forward. A file that takes longer than this to copy is taken over and made twice.
CLAIM: Final = timedelta(minutes=5)
MOST_ATTEMPTS: Final = 5
PAGE: Final = "/privacy/"
ZIP: Final = "application/zip"


class _Lost(Exception):
    """Another worker has it, or it was withdrawn."""


def pending_exports(limit: int = 50) -> list[UUID]:
    """Copies to make now: asked for, or left by a worker that died. Oldest first."""
    return list(_claimable().order_by("asked_at").values_list("id", flat=True)[:limit])


def _claimable() -> QuerySet[RecordExport]:
    rows: QuerySet[RecordExport] = RecordExport.objects.filter(
        Q(status=RecordExport.Status.ASKED) | Q(status=RecordExport.Status.RUNNING, claimed_until__lte=clock.now())
    )
    return rows


def run_export(export_id: UUID) -> bool:
    """Make one copy, unless another worker does. True when it is ready now."""
    claim = clock.now() + CLAIM
    values = {"status": RecordExport.Status.RUNNING, "progress": 0, "attempts": F("attempts") + 1}
    if not _claimable().filter(id=export_id).update(claimed_until=claim, **values):
        return False
    row = RecordExport.objects.select_related("asked_by", "patient").get(id=export_id)
    if not may_read_record(row.asked_by, row.patient_id):
        _fail(row, claim)
        return False

    def tick(percent: int) -> None:
        nonlocal claim
        after = clock.now() + CLAIM
        if not _mine(row, claim).update(progress=percent, claimed_until=after):
            raise _Lost
        claim = after

    key = ""
    try:
        # Constant memory: on this machine's disk, readable by nobody else, and gone when it is closed.
        folder = settings.DATA_DIR / "tmp"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            write_archive(
                cast("IO[bytes]", file),
                patient_id=row.patient_id,
                record_number=row.patient.record_number,
                language=row.language,
                tick=tick,
            )
            size = file.tell()
            digest = _sha256(cast("IO[bytes]", file))
            file.seek(0)
            key = objects.documents().save(f"exports/{row.id}/{new_id()}.zip", cast("IO[bytes]", file), ZIP)
        return _finish(row, claim, key, size, digest)
    except _Lost:
        return False
    except Exception as error:
        # The type only: the text of an error may quote what was being written.
        log.error("export %s failed: %s", row.id, type(error).__name__)
        if key:
            _discard(key)
        if row.attempts >= MOST_ATTEMPTS:
            _fail(row, claim)
        else:
            _mine(row, claim).update(status=RecordExport.Status.ASKED, claimed_until=None)
        raise


def _mine(row: RecordExport, claim: datetime) -> QuerySet[RecordExport]:
    rows: QuerySet[RecordExport] = RecordExport.objects.filter(
        id=row.id, status=RecordExport.Status.RUNNING, claimed_until=claim
    )
    return rows


def _sha256(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any file opened for bytes


def _finish(row: RecordExport, claim: datetime, key: str, size: int, digest: str) -> bool:
    now = clock.now()
    with atomic(DEFAULT):
        done = _mine(row, claim).update(
            status=RecordExport.Status.READY,
            progress=100,
            claimed_until=None,
            ready_at=now,
            expires_at=now + timedelta(days=EXPORT_DAYS),
            key=key,
            size=size,
            sha256=digest,
        )
        if done:
            _tell(row, "export-ready")
    if not done:
        _discard(key)
    return bool(done)


def _fail(row: RecordExport, claim: datetime) -> None:
    with atomic(DEFAULT):
        if _mine(row, claim).update(status=RecordExport.Status.FAILED, claimed_until=None):
            notify_user(dedupe_key=f"{row.id}:export-failed", user_id=row.asked_by_id, kind="export-failed", url=PAGE)


def _tell(row: RecordExport, kind: str) -> None:
    """A line in the portal, and a mail without a clinical word."""
    notify_user(dedupe_key=f"{row.id}:{kind}", user_id=row.asked_by_id, kind=kind, url=PAGE)
    account = user_card(row.asked_by_id)
    if account is None:
        return
    with translation.override(account.language):
        queue_mail(
            dedupe_key=f"{row.id}:{kind}",
            to_email=account.email,
            language=account.language,
            template="export_ready",
            context={"name": account.full_name, "days": EXPORT_DAYS},
            user_id=account.id,
        )


def expire_exports() -> int:
    """Delete the files of copies whose time is over, and say so in their rows. The file goes first: a row that says
    "expired" has none."""
    count = 0
    for row in RecordExport.objects.filter(status=RecordExport.Status.READY, expires_at__lte=clock.now()):
        _discard(row.key)
        count += RecordExport.objects.filter(id=row.id, status=RecordExport.Status.READY).update(
            status=RecordExport.Status.EXPIRED, key="", size=0
        )
    return count


def _discard(key: str) -> None:
    objects.documents().delete(key)


def forget_exports(patient_id: UUID) -> int:
    """Delete every copy of a patient's data with its row: for an erasure."""
    count = 0
    for row in RecordExport.objects.filter(patient_id=patient_id):
        if row.key:
            _discard(row.key)
        row.delete()
        count += 1
    return count
