"""Documents in quarantine: the scanner is asked again until it answers."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.db.models import F

from documents import rules, scanning, store
from documents.models import Document, ScanState
from documents.services.adding import announce, report_infected
from medisecure.kernel import clock, objects
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import transactional
from medisecure.notifications.interface import notify_user
from patients.interface import forget_record

log = logging.getLogger(__name__)


def documents_to_scan(limit: int = 100) -> list[UUID]:
    rows = Document.objects.filter(scan_state=ScanState.QUARANTINE, scan_due_at__lte=clock.now())
    return list(rows.order_by("scan_due_at").values_list("id", flat=True)[:limit])


def scan_document(document_id: UUID) -> bool:
    """Ask the scanner about one document. True when its quarantine is over. Nothing runs inside a transaction while the
    bytes are on their way."""
    row = Document.objects.filter(id=document_id, scan_state=ScanState.QUARANTINE).first()
    if row is None:
        return False
    # The pause stands before the try: a worker that dies, or another one at the same time, comes back after it.
    Document.objects.filter(id=row.id).update(
        scan_tries=F("scan_tries") + 1, scan_due_at=clock.now() + timedelta(seconds=rules.pause(row.scan_tries + 1))
    )
    try:
        verdict = scanning.scan(objects.Bucket(row.bucket).stream(row.key))
    except scanning.ScannerAway:
        log.warning("document %s stays in quarantine: the scanner does not answer", row.id)
        return False
    if verdict.state == ScanState.INFECTED:
        # Bytes first: a row that says "removed" has none.
        store.discard_objects([store.StoredObject(row.bucket, row.key)])
    _conclude(row.id, verdict)
    return True


@transactional(DEFAULT)
def _conclude(document_id: UUID, verdict: scanning.Verdict) -> None:
    row = Document.objects.select_related("uploaded_by").get(id=document_id)
    changed = Document.objects.filter(id=row.id, scan_state=ScanState.QUARANTINE).update(
        scan_state=verdict.state, scan_finding=verdict.finding, scan_due_at=None
    )
    if not changed:
        return
    if verdict.state == ScanState.INFECTED:
        report_infected(row.uploaded_by, row.patient_id, row.id)
        notify_user(
            dedupe_key=f"document-infected:{row.id}", user_id=row.uploaded_by_id, kind="document-infected", url=""
        )
        # What it replaced holds again.
        if row.first_id is not None and row.current:
            Document.objects.filter(id=row.id).update(current=False)
            older = Document.objects.filter(first_id=row.first_id, version__lt=row.version) | Document.objects.filter(
                id=row.first_id
            )
            back = older.exclude(scan_state=ScanState.INFECTED).order_by("-version").first()
            if back is not None:
                Document.objects.filter(id=back.id).update(current=True)
    elif row.source is None:
        announce(row)
    forget_record(row.patient_id)
