"""What has arrived becomes a document or is refused: a worker reads it once, for its SHA-256, its type and malware.

Nothing runs inside a transaction while bytes are on their way. The document has the upload's id, and its key in storage
is made of it: a worker that follows one that was killed writes the same bytes over the same, and the row once.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from typing import IO, Final, cast
from uuid import UUID

from django.conf import settings
from django.db.models import F

from documents import dicom, rules, scanning, sniffing, store
from documents.models import Document, ScanState, Upload
from documents.services.adding import Entry, record_upload, report_infected
from documents.store import Content, StoredObject
from medisecure.kernel import clock, objects
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import NotFound, Refused, Stale
from medisecure.kernel.transactions import atomic
from medisecure.notifications.interface import notify_user

log = logging.getLogger(__name__)

#: A worker that has one for longer must have died: 2 GB are read, scanned and copied in less.
CLAIM: Final = timedelta(minutes=30)


class _Unfit(Exception):
    def __init__(self, reason: Upload.Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def uploads_to_finish(limit: int = 100) -> list[UUID]:
    """Received ones whose time has come: just now, after a pause, or left by a worker that died."""
    rows = Upload.objects.filter(state=Upload.State.RECEIVED, due_at__lte=clock.now())
    return list(rows.order_by("due_at").values_list("id", flat=True)[:limit])


def finish_upload(upload_id: UUID) -> bool:
    """Look at one, unless another worker does. True when it is in the record or refused now."""
    due = Upload.objects.filter(id=upload_id, state=Upload.State.RECEIVED, due_at__lte=clock.now())
    if not due.update(due_at=clock.now() + CLAIM, tries=F("tries") + 1):
        return False
    row = Upload.objects.select_related("uploader").get(id=upload_id)
    try:
        content, verdict = _read(row)
        _add(row, content, verdict)
    except _Unfit as unfit:
        _refuse(row, unfit.reason)
    except (NotFound, Refused):
        _refuse(row, Upload.Reason.NO_ACCESS)
    except Stale:
        _refuse(row, Upload.Reason.STALE)
    except Exception as error:
        # The type only: the text of an error may quote what was being read.
        log.error("upload %s not finished: %s", row.id, type(error).__name__)
        pause = timedelta(seconds=rules.pause(row.tries))
        Upload.objects.filter(id=row.id, state=Upload.State.RECEIVED).update(due_at=clock.now() + pause)
        raise
    return True


def _read(row: Upload) -> tuple[Content, scanning.Verdict]:
    """The whole file once. Raises `_Unfit`."""
    bucket, key = objects.documents(), rules.incoming_key(row.id)
    head = b"".join(bucket.stream(key, length=sniffing.HEAD))
    kind = sniffing.content_type(head)
    if kind is None:
        raise _Unfit(Upload.Reason.TYPE)
    digest, size = hashlib.sha256(), 0
    folder = settings.DATA_DIR / "tmp"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as local:

        def passing() -> Iterator[bytes]:
            nonlocal size
            for piece in bucket.stream(key):
                size += len(piece)
                digest.update(piece)
                if kind == rules.DICOM:
                    # Its tags are read back and forth: on this machine's disk.
                    local.write(piece)
                yield piece

        try:
            verdict = scanning.scan(passing())
        except scanning.ScannerAway:
            verdict = scanning.Verdict(ScanState.QUARANTINE)
        if size != row.size:
            raise _Unfit(Upload.Reason.DAMAGED)
        if verdict.state == ScanState.INFECTED:
            raise _Unfit(Upload.Reason.INFECTED)
        metadata = None
        if kind == rules.DICOM:
            try:
                metadata = dicom.metadata(cast("IO[bytes]", local))
            except dicom.NotReadable:
                raise _Unfit(Upload.Reason.DAMAGED) from None
    return Content(kind, size, digest.hexdigest(), metadata), verdict


def _add(row: Upload, content: Content, verdict: scanning.Verdict) -> None:
    """Raises as `record_upload`."""
    waiting, key = objects.documents(), rules.incoming_key(row.id)
    if not Document.objects.filter(id=row.id).exists():
        target = objects.images() if content.content_type == rules.DICOM else objects.documents()
        stored = StoredObject(target.name, rules.object_key(row.patient_id, row.id, content.sha256))
        waiting.copy(key, target, stored.key, content.content_type)
        try:
            _record(row, content, verdict, stored)
        except (NotFound, Refused, Stale):
            store.discard_objects([stored])
            raise
    waiting.delete(key)


def _record(row: Upload, content: Content, verdict: scanning.Verdict, stored: StoredObject) -> None:
    with atomic(DEFAULT):
        # Read again: a merge may have moved it to another file of the same person.
        now = Upload.objects.get(id=row.id)
        record_upload(
            actor=row.uploader,
            patient_id=now.patient_id,
            document_id=row.id,
            filename=row.filename,
            entry=Entry(row.title, row.category, row.audience, row.unit_id, row.withheld_until, row.replaces_id),
            purpose=row.purpose,
            content=content,
            stored=stored,
            verdict=verdict,
        )
        Upload.objects.filter(id=row.id).update(
            state=Upload.State.DONE, document_id=row.id, ended_at=clock.now(), due_at=None, title="—", filename="—"
        )


def _refuse(row: Upload, reason: Upload.Reason) -> None:
    """The bytes go first: a row that says "refused" has none."""
    objects.documents().delete(rules.incoming_key(row.id))
    with atomic(DEFAULT):
        refused = Upload.objects.filter(id=row.id, state=Upload.State.RECEIVED).update(
            state=Upload.State.REFUSED, reason=reason, ended_at=clock.now(), due_at=None, title="—", filename="—"
        )
        if not refused:
            return
        if reason is Upload.Reason.INFECTED:
            report_infected(row.uploader, row.patient_id, row.id)
        kind = "document-infected" if reason is Upload.Reason.INFECTED else "upload-refused"
        notify_user(dedupe_key=f"upload-refused:{row.id}", user_id=row.uploader_id, kind=kind, url="")
    log.info("upload %s refused: %s", row.id, reason.value)
