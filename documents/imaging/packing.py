"""Storing an image smaller, without loss, so that at no moment the original is not there.

1. the new file is written and, in another process, compared with the original: every pixel, every attribute;
2. it is stored beside the original, and read back;
3. one transaction lets the document point to it, and keeps the original's SHA-256, size and key;
4. the original goes a day later: addresses of it that were given out work until they expire.
Whatever dies in between, the document points to bytes that are there.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

from documents import rules as document_rules
from documents.imaging import recompress, rules, sandbox, storage
from documents.imaging.indexing import finish
from documents.models import Document, ImagingInstance
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import on_commit, transactional
from patients.interface import forget_record

log = logging.getLogger(__name__)

KEEP_ORIGINAL: Final = timedelta(days=1)
Packing = ImagingInstance.Packing


def leave(row: ImagingInstance) -> None:
    """It stays as it came, and is not tried again."""
    finish(row, packing=Packing.KEPT)


def pack(row: ImagingInstance, source: Path, sha256: str, folder: Path, limits: sandbox.Limits) -> None:
    """`source` is the document's file, whose SHA-256 is `sha256`."""
    if not settings.IMAGES_RECOMPRESS:
        finish(row)
        return
    target = folder / "packed.dcm"
    if row.document.hold_at is not None:
        # Under legal hold: the very bytes are evidence.
        leave(row)
        return
    if row.transfer_syntax not in recompress.NATIVE or not _proved(source, target, limits):
        leave(row)
        return
    if not rules.saves_enough(source.stat().st_size, target.stat().st_size):
        leave(row)
        return
    digest = storage.digest_of(target)
    key = storage.keep(row.document.patient_id, target, document_rules.DICOM, digest)
    if not storage.intact(key, digest) or not _switch(row, sha256, key, digest, target.stat().st_size):
        storage.discard(key)
        leave(row)


def _proved(source: Path, target: Path, limits: sandbox.Limits) -> bool:
    try:
        if not sandbox.run(lambda: recompress.attempt(source, target), limits)["written"]:
            return False
        same = sandbox.run(lambda: recompress.prove(source, target), limits)["same"]
    except sandbox.OutOfBounds:
        return False
    except sandbox.Failed as error:
        log.info("imaging: not stored smaller: %s", error.kind)
        return False
    if not same:
        log.error("imaging: a file that was written smaller is not the same; the original stays")
    return bool(same)


@transactional(DEFAULT)
def _switch(row: ImagingInstance, sha256: str, key: str, digest: str, size: int) -> bool:
    """False when the document has other bytes by now."""
    document = row.document
    replaced = ImagingInstance.objects.filter(id=row.id).values_list("old_key", flat=True).first()
    changed = Document.objects.filter(id=document.id, key=document.key, sha256=sha256).update(
        key=key, sha256=digest, size=size
    )
    if not changed:
        return False
    ImagingInstance.objects.filter(id=row.id).update(
        packing=Packing.DONE,
        original_sha256=sha256,
        original_size=document.size,
        original_syntax=row.transfer_syntax,
        transfer_syntax=recompress.TARGET,
        examined_sha256=digest,
        old_key=document.key,
        old_until=clock.now() + KEEP_ORIGINAL,
        due_at=None,
        attempts=0,
    )
    if replaced:
        on_commit(DEFAULT, lambda: storage.discard(replaced), robust=True)
    forget_record(document.patient_id)
    return True


def discard_replaced(most: int = 500) -> int:
    """Delete originals whose day is over. Bytes first: a row whose bytes are gone is found by the next look."""
    rows = ImagingInstance.objects.filter(old_until__lte=clock.now()).order_by("old_until")[:most]
    for row in rows:
        storage.discard(row.old_key)
        ImagingInstance.objects.filter(id=row.id, old_key=row.old_key).update(old_key="", old_until=None)
    return len(rows)
