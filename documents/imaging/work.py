"""What a worker does with a DICOM document: read it, draw it, compare whose it is, store it smaller.

Each step ends in one transaction that compares what it knew; a worker that dies leaves a lease that ends by itself.
"""

from __future__ import annotations

import functools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import F, QuerySet

from documents import rules as document_rules
from documents.imaging import indexing, packing, pixels, rules, sandbox, storage
from documents.models import Document, ImagingInstance, ScanState
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Unavailable
from medisecure.kernel.transactions import on_commit, transactional

#: A worker that has not come back after so long is dead.
LEASE: Final = timedelta(minutes=12)
#: Tries until an image that nobody comes back from is left alone.
MOST_ATTEMPTS: Final = 3
_BATCH: Final = 500
_STORAGE_AWAY: Final = timedelta(minutes=1)
State, Packing = ImagingInstance.State, ImagingInstance.Packing


def limits() -> sandbox.Limits:
    return sandbox.Limits(seconds=settings.IMAGING_SECONDS, memory=settings.IMAGING_MEMORY)


@transactional(DEFAULT)
def enrol(document_id: UUID) -> bool:
    """Put a DICOM document on the list of what is to be looked at; its row is made once. False when it is not DICOM."""
    document = _looked_at().filter(id=document_id).first()
    if document is None:
        return False
    row, created = ImagingInstance.objects.get_or_create(document=document)
    if not created and row.state != State.WAITING and row.examined_sha256 != document.sha256:
        # Other bytes under the same document: what was known of the old ones is no longer true.
        ImagingInstance.objects.filter(id=row.id).update(
            state=State.WAITING,
            review=ImagingInstance.Review.UNCHECKED,
            packing=Packing.NONE,
            attempts=0,
            due_at=clock.now(),
        )
    on_commit(DEFAULT, functools.partial(_nudge, document_id), robust=True)
    return True


def _nudge(document_id: UUID) -> None:
    from documents.imaging.tasks import nudge_image

    nudge_image(document_id)


def _looked_at() -> QuerySet[Document]:
    """DICOM documents that no scanner is still to look at. Those that are wait for the next regular look."""
    waiting = (ScanState.QUARANTINE, ScanState.INFECTED)
    return Document.objects.filter(content_type=document_rules.DICOM).exclude(scan_state__in=waiting)


def missing(most: int) -> list[UUID]:
    """DICOM documents that are on no list: imported ones, and those from before there was one. Those whose bytes are
    other ones than were looked at, too."""
    rows = _looked_at()
    new = rows.filter(imaging=None)
    changed = (
        rows.exclude(imaging=None).exclude(imaging__state=State.WAITING).exclude(sha256=F("imaging__examined_sha256"))
    )
    found = list(new.order_by("id").values_list("id", flat=True)[:most])
    return found + list(changed.order_by("id").values_list("id", flat=True)[: most - len(found)])


def due(most: int) -> list[UUID]:
    """Documents that wait for a worker, or whose worker died."""
    rows = ImagingInstance.objects.filter(due_at__lte=clock.now()).order_by("due_at", "id")
    return list(rows.values_list("document_id", flat=True)[:most])


def process(document_id: UUID) -> bool:
    """Do what is to be done with one image. False when there is nothing to do, or another worker has it."""
    row = _claim(document_id)
    if row is None:
        return False
    pixels.warm_up()
    try:
        with tempfile.TemporaryDirectory(prefix="medisecure-image-") as folder:
            _process(row, Path(folder))
    except Unavailable:
        # No fault of the image's: another try when the storage is back, as often as it takes.
        ImagingInstance.objects.filter(id=row.id, attempts=row.attempts).update(
            attempts=F("attempts") - 1, due_at=clock.now() + _STORAGE_AWAY
        )
        raise
    return True


def _claim(document_id: UUID) -> ImagingInstance | None:
    now = clock.now()
    rows = ImagingInstance.objects.filter(document_id=document_id, due_at__lte=now)
    if not rows.update(attempts=F("attempts") + 1, due_at=now + LEASE):
        return None
    return ImagingInstance.objects.select_related("document").get(document_id=document_id)


def _process(row: ImagingInstance, folder: Path) -> None:
    document = row.document
    exhausted = row.attempts > MOST_ATTEMPTS
    if exhausted and row.state == State.WAITING:
        indexing.record_refusal(row, rules.Reason.LIMITS)
        return
    if exhausted:
        packing.leave(row)
        return
    source = folder / "source.dcm"
    try:
        found = storage.fetch(document.bucket, document.key, source)
    except FileNotFoundError:
        indexing.record_refusal(row, rules.Reason.MISSING)
        return
    if row.state == State.WAITING:
        if not _examine(row, source, found, folder):
            return
        row = ImagingInstance.objects.select_related("document").get(id=row.id)
    packing.pack(row, source, found, folder, limits())


def _examine(row: ImagingInstance, source: Path, sha256: str, folder: Path) -> bool:
    """True when it can be shown."""
    preview, frames = folder / "preview.webp", folder / "frames.bin"
    try:
        found: dict[str, Any] = sandbox.run(lambda: pixels.examine(source, preview, frames), limits())
    except sandbox.OutOfBounds:
        found = {"reason": rules.Reason.LIMITS.value}
    except sandbox.Failed:
        found = {"reason": rules.Reason.DAMAGED.value}
    if "reason" in found and "index" not in found:
        found |= _index_alone(source)
    if "reason" in found:
        indexing.record(row, found, sha256)
        return False
    patient_id = row.document.patient_id
    keys: list[str] = []
    try:
        keys.append(storage.keep(patient_id, preview, "image/webp"))
        keys.append(storage.keep(patient_id, frames, "application/octet-stream"))
        recorded = indexing.record(row, found, sha256, *keys)
    except BaseException:
        storage.discard(*keys)
        raise
    if not recorded:
        storage.discard(*keys)
    return recorded


def _index_alone(source: Path) -> dict[str, Any]:
    """What the file says of itself, when its pixels ended the process that drew them."""
    try:
        return sandbox.run(lambda: pixels.index_only(source), limits())
    except (sandbox.OutOfBounds, sandbox.Failed):
        return {}


def look(most: int = 200) -> Iterable[UUID]:
    """What the regular look hands out: each document once."""
    for document_id in missing(most):
        enrol(document_id)
    return due(most)


# --- From the command line --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImagingTally:
    """How many were put on the list, and how the images of those stand afterwards. `left`: not finished here."""

    enrolled: int
    shown: int
    not_shown: int
    doubtful: int
    left: int


def index_images(*, again: bool, here: bool, say: Callable[[str], object]) -> ImagingTally:
    """Look at what is there already; a second run finds nothing to do, unless `again`."""
    if again:
        ImagingInstance.objects.exclude(state=State.WAITING).update(state=State.WAITING, attempts=0, due_at=clock.now())
    ids: list[UUID] = []
    while batch := missing(_BATCH):
        for document_id in batch:
            enrol(document_id)
        ids += batch
    waiting = list(ImagingInstance.objects.filter(due_at__lte=clock.now()).values_list("document_id", flat=True))
    ids = list(dict.fromkeys(ids + waiting))
    for number, document_id in enumerate(ids if here else (), start=1):
        process(document_id)
        if number % 100 == 0:
            say(f"{number} of {len(ids)}")
    count = Counter[tuple[str, str]]()
    for start in range(0, len(ids), _BATCH):
        rows = ImagingInstance.objects.filter(document_id__in=ids[start : start + _BATCH])
        count.update(rows.values_list("state", "review"))
    states = Counter[str]()
    for (state, _review), found in count.items():
        states[state] += found
    doubtful = sum(found for (_state, review), found in count.items() if review == ImagingInstance.Review.PENDING)
    left = states[State.WAITING] if here else 0
    return ImagingTally(len(ids), states[State.SHOWN], states[State.NOT_SHOWN], doubtful, left)


def images_to_draw(patient_id: UUID) -> list[UUID]:
    """Put a patient's images on the list, and say which wait, for a measurement."""
    for document_id in _looked_at().filter(patient_id=patient_id, imaging=None).values_list("id", flat=True):
        enrol(document_id)
    rows = ImagingInstance.objects.filter(document__patient_id=patient_id, state=State.WAITING)
    return list(rows.order_by("id").values_list("document_id", flat=True))


def draw_image(document_id: UUID) -> bool:
    """Do a worker's work on one image; whether it can be shown now."""
    process(document_id)
    return ImagingInstance.objects.filter(document_id=document_id, state=State.SHOWN).exists()
