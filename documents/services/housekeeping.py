"""What nobody finishes is given up, what was withheld is released, rows that only tell of an end are dropped."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from documents import rules
from documents.models import Document, ScanState, Upload
from documents.services.uploading import end
from medisecure.kernel import clock, multipart, objects
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional
from patients.interface import forget_record

log = logging.getLogger(__name__)

#: For how long it is remembered that an upload ended, so that its page can say how.
REMEMBERED: Final = timedelta(days=30)
#: Parts and bytes that no row names may belong to a request that is under way.
GRACE: Final = timedelta(days=1)


@dataclass(slots=True)
class Expired:
    """`uploads`: rows whose time was over; `parts`: uploads that only the storage still knew; `forgotten`: old rows."""

    uploads: int = 0
    parts: int = 0
    forgotten: int = 0


def expire_uploads() -> Expired:
    """Give up what was not finished in time, in our table and in the storage. A second run finds nothing."""
    done, now = Expired(), clock.now()
    for row in Upload.objects.filter(state=Upload.State.OPEN, expires_at__lte=now).iterator(chunk_size=500):
        if end(row, Upload.State.EXPIRED):
            multipart.abort(objects.documents(), rules.incoming_key(row.id), row.storage_id)
            done.uploads += 1
    open_ids = set(Upload.objects.filter(state=Upload.State.OPEN).values_list("storage_id", flat=True))
    for bucket in (objects.documents(), objects.images()):
        for found in multipart.unfinished(bucket):
            # Ours alone: others may have large objects of their own under way.
            if found.key.startswith(rules.INCOMING) and found.id not in open_ids and found.started < now - GRACE:
                multipart.abort(bucket, found.key, found.id)
                done.parts += 1
    ended = Upload.objects.exclude(state__in=(Upload.State.OPEN, Upload.State.RECEIVED))
    done.forgotten = ended.filter(ended_at__lte=now - REMEMBERED).delete()[0]
    return done


def release_due() -> int:
    """Tell patients of documents whose day has come. They read them from that day on, whether this has run or not."""
    rows = Document.objects.filter(withheld_until__lte=clock.today())
    return sum(release(document_id) for document_id in list(rows.values_list("id", flat=True)[:1000]))


@transactional(DEFAULT)
def release(document_id: UUID) -> bool:
    """Withheld no longer: the patient is told. For callers that have passed the door, and for the clock."""
    row = Document.objects.filter(id=document_id, withheld_until__isnull=False).first()
    if row is None or not Document.objects.filter(id=row.id, withheld_until=row.withheld_until).update(
        withheld_until=None
    ):
        return False
    if row.scan_state not in (ScanState.QUARANTINE, ScanState.INFECTED):
        emit(DEFAULT, "document.released", {"document_id": str(row.id), "patient_id": str(row.patient_id)})
    forget_record(row.patient_id)
    return True
