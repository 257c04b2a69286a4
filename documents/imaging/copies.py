"""De-identified copies of a study: asked for with a reason, made by a worker, looked at by a person when the pixels may
name somebody, downloaded by whoever asked, gone after a week."""

from __future__ import annotations

import functools
import json
import logging
import secrets
import tempfile
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext as _

from documents.imaging import deidentify, gate, pixels, sandbox, storage, work
from documents.models import ImagingCopy, ImagingInstance
from documents.models.imaging import REASON_LENGTH
from documents.rules import clean_title
from medisecure.accounts.models import User
from medisecure.kernel import clock, objects
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import on_commit, transactional
from patients.interface import access_record, may_read_record, visible_patients

log = logging.getLogger(__name__)

PURPOSE: Final = "secondary use"
KEPT: Final = timedelta(days=7)
LEASE: Final = timedelta(minutes=15)
MOST_ATTEMPTS: Final = 3
MOST_IMAGES: Final = 5000
Status = ImagingCopy.Status


def request_copy(*, actor: User, patient_id: UUID, study_id: UUID, reason: str) -> UUID:
    """Ask for a copy of what the actor sees of a study. Raises `NotFound`, `Refused`; `Invalid` with `reason`."""
    if not may_read_record(actor, patient_id):
        raise Refused if visible_patients(actor).contains(patient_id) else NotFound
    if not actor.has_perm(gate.DEIDENTIFY):
        raise Refused
    reason = clean_title(reason)
    if not reason or len(reason) > REASON_LENGTH:
        raise Invalid({"reason": [_("Give a reason, in at most %(count)d characters.") % {"count": REASON_LENGTH}]})
    if not gate.visible(actor, patient_id).filter(series__study_id=study_id).exists():
        raise NotFound
    return _request(actor, patient_id, study_id, reason)


@transactional(DEFAULT)
def _request(actor: User, patient_id: UUID, study_id: UUID, reason: str) -> UUID:
    row = ImagingCopy(patient_id=patient_id, study_id=study_id, asked_by=actor, reason=reason)
    access_record(
        actor=actor,
        patient_id=patient_id,
        purpose=PURPOSE,
        action="export",
        resource="imaging-copy",
        resource_id=row.id,
    )
    row.save(force_insert=True)
    on_commit(DEFAULT, functools.partial(_nudge, row.id), robust=True)
    return row.id


def _nudge(copy_id: UUID) -> None:
    from documents.imaging.tasks import nudge_copy

    nudge_copy(copy_id)


def open_copy(*, actor: User, copy_id: UUID) -> ImagingCopy:
    """A copy that the actor asked for, with its entry in the log. Raises `NotFound`."""
    row = _own(actor, copy_id)
    access_record(
        actor=actor,
        patient_id=row.patient_id,
        purpose=PURPOSE,
        action="view",
        resource="imaging-copy",
        resource_id=row.id,
    )
    return row


def _own(actor: User, copy_id: UUID) -> ImagingCopy:
    row = ImagingCopy.objects.select_related("study").filter(id=copy_id, asked_by=actor).first()
    if row is None or not actor.has_perm(gate.DEIDENTIFY):
        raise NotFound
    return row


def decide_copy(*, actor: User, copy_id: UUID, clean: bool) -> None:
    """Somebody looked at the images that may carry text: none names anybody (`clean`), or the copy is thrown away.
    Raises `NotFound`; `Conflict` when there is nothing to decide."""
    row = _own(actor, copy_id)
    _decide(actor, row, clean)


@transactional(DEFAULT)
def _decide(actor: User, row: ImagingCopy, clean: bool) -> None:
    access_record(
        actor=actor,
        patient_id=row.patient_id,
        purpose=PURPOSE,
        action="compare",
        resource="imaging-copy",
        resource_id=row.id,
    )
    values: dict[str, Any] = {"decided_by": actor, "decided_at": clock.now()}
    values |= {"status": Status.READY} if clean else {"status": Status.REFUSED, "key": "", "size": 0, "sha256": ""}
    if not ImagingCopy.objects.filter(id=row.id, status=Status.DOUBTFUL).update(**values):
        raise Conflict
    if not clean:
        on_commit(DEFAULT, functools.partial(storage.discard, row.key), robust=True)


def copy_url(*, actor: User, copy_id: UUID) -> str:
    """An address that serves the ZIP for five minutes; its name tells nothing. Raises `NotFound`; `Conflict` while it
    is not ready, or somebody must look at it first."""
    row = _own(actor, copy_id)
    access_record(
        actor=actor,
        patient_id=row.patient_id,
        purpose=PURPOSE,
        action="download",
        resource="imaging-copy",
        resource_id=row.id,
    )
    if row.status != Status.READY or row.expires_at is None or row.expires_at <= clock.now():
        raise Conflict(_("This copy cannot be downloaded: it is not ready, or no longer kept."))
    return objects.images().signed_url(row.key, filename=f"images-{row.sha256[:8]}.zip", content_type="application/zip")


# --- Made by a worker -------------------------------------------------------------------------------------------------


def due_copies(most: int = 50) -> list[UUID]:
    rows = ImagingCopy.objects.filter(due_at__lte=clock.now()).order_by("due_at")
    return list(rows.values_list("id", flat=True)[:most])


def make_copy(copy_id: UUID) -> bool:
    """Make one copy, unless another worker does. True when there is one now."""
    now = clock.now()
    claimed = ImagingCopy.objects.filter(id=copy_id, due_at__lte=now).update(
        attempts=F("attempts") + 1, due_at=now + LEASE, status=Status.RUNNING
    )
    if not claimed:
        return False
    row = ImagingCopy.objects.select_related("asked_by").get(id=copy_id)
    if row.attempts > MOST_ATTEMPTS or not may_read_record(row.asked_by, row.patient_id):
        return _end(row, status=Status.FAILED)
    pixels.warm_up()
    with tempfile.TemporaryDirectory(prefix="medisecure-copy-") as name:
        folder = Path(name)
        made = _pack(row, folder)
        if not made["images"]:
            return _end(row, status=Status.FAILED, left_out=made["left_out"])
        target = folder / "copy.zip"
        digest = storage.digest_of(target)
        key = storage.keep(row.patient_id, target, "application/zip", digest)
        status = Status.DOUBTFUL if made["doubts"] else Status.READY
        done = _end(row, status=status, key=key, sha256=digest, size=target.stat().st_size, **made)
        if not done:
            storage.discard(key)
        return done


def _pack(row: ImagingCopy, folder: Path) -> dict[str, Any]:
    """The ZIP, and what is to be said of it. The key of the UIDs lives as long as this call: nobody can undo them."""
    key = secrets.token_bytes(32)
    images = (
        gate.visible(row.asked_by, row.patient_id)
        .filter(series__study_id=row.study_id)
        .select_related("document")
        .defer("offsets", "display")
        .order_by("series__number", "place", "number", "id")
    )
    doubts: list[dict[str, Any]] = []
    count = left_out = 0
    with zipfile.ZipFile(folder / "copy.zip", "w", zipfile.ZIP_STORED) as archive:
        for image in images[:MOST_IMAGES]:
            target = _clean_one(image, folder, key)
            if target is None:
                left_out += 1
                continue
            count += 1
            # Names and times in an archive tell something too: numbers, and the oldest date that a ZIP knows.
            with target.open("rb") as source, archive.open(zipfile.ZipInfo(f"images/{count:05}.dcm"), "w") as out:
                while piece := source.read(1024 * 1024):
                    out.write(piece)
            if image.risks:
                doubts.append({"image": str(image.id), "risks": image.risks})
        archive.writestr(zipfile.ZipInfo("method.json"), json.dumps({"method": deidentify.METHOD, "images": count}))
    return {"images": count, "left_out": left_out, "doubts": doubts}


def _clean_one(image: ImagingInstance, folder: Path, key: bytes) -> Path | None:
    source, target = folder / "source.dcm", folder / "clean.dcm"
    target.unlink(missing_ok=True)
    try:
        storage.fetch(image.document.bucket, image.document.key, source)
        sandbox.run(lambda: deidentify.write(source, target, key), work.limits())
    except Unavailable:
        raise
    except (FileNotFoundError, sandbox.OutOfBounds, sandbox.Failed) as error:
        log.warning("imaging: image %s left out of a copy: %s", image.id, type(error).__name__)
        return None
    return target


def _end(row: ImagingCopy, **values: Any) -> bool:
    @transactional(DEFAULT)
    def unit() -> bool:
        now = clock.now()
        rows = ImagingCopy.objects.filter(id=row.id, status=Status.RUNNING, attempts=row.attempts)
        done = rows.update(due_at=None, ended_at=now, expires_at=now + KEPT, **values)
        if done:
            emit(
                DEFAULT,
                "imaging.copy_ended",
                {"copy_id": str(row.id), "patient_id": str(row.patient_id), "status": str(values["status"])},
            )
        return bool(done)

    return unit()


def expire_copies() -> int:
    """Bytes first: a row whose bytes are gone is found by the next look."""
    rows = ImagingCopy.objects.filter(expires_at__lte=clock.now(), status__in=(Status.READY, Status.DOUBTFUL))
    for row in rows:
        storage.discard(row.key)
        ImagingCopy.objects.filter(id=row.id).update(status=Status.EXPIRED, key="", doubts=[])
    return len(rows)
