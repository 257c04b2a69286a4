"""What happens to images in the background. Nothing heavy runs inside an event's transaction: events put images on the
list, and a task of their own takes them from it."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from documents.imaging import copies, packing, work
from documents.models import ImagingCopy, ImagingInstance
from medisecure.accounts.interface import is_staff
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.events import Event, consumer
from medisecure.kernel.nudges import nudge
from medisecure.notifications.interface import notify_user

QUEUE = "imaging"


@consumer("document.added", database=DEFAULT, queue=QUEUE)
def enrol(event: Event) -> None:
    work.enrol(event.uuid("document_id"))


@consumer("imaging.flagged", database=DEFAULT, queue="mail")
def tell_uploader(event: Event) -> None:
    """Whoever added an image that may be another person's hears of it."""
    row = ImagingInstance.objects.select_related("document").filter(document_id=event.uuid("document_id")).first()
    if row is None or row.document.uploaded_by_id is None or not is_staff(row.document.uploaded_by_id):
        return
    notify_user(
        dedupe_key=f"imaging-flagged:{event.id}",
        user_id=row.document.uploaded_by_id,
        kind="imaging-flagged",
        url=f"/admin/documents/imaginginstance/review/{row.id}/",
    )


@consumer("imaging.copy_ended", database=DEFAULT, queue="mail")
def tell_of_copy(event: Event) -> None:
    row = ImagingCopy.objects.filter(id=event.uuid("copy_id")).first()
    kinds = {"ready": "imaging-copy-ready", "doubtful": "imaging-copy-doubtful", "failed": "imaging-copy-failed"}
    kind = kinds.get(event.text("status"))
    if row is None or kind is None:
        return
    url = f"/admin/documents/imaginginstance/copies/{row.id}/"
    notify_user(dedupe_key=f"{kind}:{row.id}", user_id=row.asked_by_id, kind=kind, url=url)


def nudge_image(document_id: UUID) -> None:
    """Ask a worker to look at this image now. When the broker is away the regular look does."""
    nudge(
        lambda: process.apply_async(args=(str(document_id),), queue=QUEUE, retry=False),
        f"image of document {document_id}",
    )


def nudge_copy(copy_id: UUID) -> None:
    nudge(lambda: make_copy.apply_async(args=(str(copy_id),), queue=QUEUE, retry=False), f"copy {copy_id}")


@shared_task(name="imaging.process")
def process(document_id: str) -> bool:
    return work.process(UUID(document_id))


@shared_task(name="imaging.make_copy")
def make_copy(copy_id: str) -> bool:
    return copies.make_copy(UUID(copy_id))


@shared_task(name="imaging.look")
def look() -> None:
    """Hand out what the nudges missed and what a dead worker left: one task each, so that a large one delays none."""
    for document_id in work.look():
        process.apply_async(args=(str(document_id),), queue=QUEUE)
    for copy_id in copies.due_copies():
        make_copy.apply_async(args=(str(copy_id),), queue=QUEUE)


@shared_task(name="imaging.tidy")
def tidy() -> None:
    packing.discard_replaced()
    copies.expire_copies()
