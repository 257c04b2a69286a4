"""What happens after a document was added."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from celery import shared_task

from documents import services
from documents.imaging import tasks as imaging_tasks
from documents.models import Document
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.events import Event, consumer
from medisecure.notifications.interface import notify_user, queue_mail
from patients.interface import patient_card

#: Celery reads one module of tasks in each app.
__all__ = ["imaging_tasks", "tell_patient"]


@consumer("document.added", database=DEFAULT, queue="mail")
@consumer("document.released", database=DEFAULT, queue="mail")
def tell_patient(event: Event) -> None:
    """One notice and one mail to the patient. Neither says what the document is: others may see a screen or a mail."""
    document_id = event.uuid("document_id")
    patient = patient_card(event.uuid("patient_id"))
    row = Document.objects.filter(id=document_id).first()
    if not patient.active or row is None:
        return
    if row.withheld_until is not None and row.withheld_until > clock.today():
        return  # told when it is released
    if row.uploaded_by_id is not None and row.uploaded_by_id == patient.user_id:
        return  # they added it themselves
    key = f"document-added:{document_id}"
    notify_user(dedupe_key=key, user_id=patient.user_id, kind="document-added", url="/record/")
    queue_mail(
        dedupe_key=key,
        to_email=patient.mail_address,
        language=patient.language,
        template="document_added",
        context={"name": patient.full_name},
        user_id=patient.user_id,
    )


#: Gigabytes are read, scanned and copied: longer than other tasks, and as long as a worker's claim.
_SECONDS: Final = 1800


@shared_task(name="documents.finish_upload", time_limit=_SECONDS, soft_time_limit=_SECONDS - 60)
def finish_upload(upload_id: str) -> bool:
    return services.finish_upload(UUID(upload_id))


@shared_task(name="documents.finish_pending")
def finish_pending() -> None:
    """Uploads that the nudge missed, whose worker died, or whose pause is over: one task each, so that none waits for
    another; and documents that wait for the scanner."""
    for upload_id in services.uploads_to_finish():
        finish_upload.apply_async(args=(str(upload_id),), queue="documents")
    for document_id in services.documents_to_scan():
        scan_document.apply_async(args=(str(document_id),), queue="documents")


@shared_task(name="documents.scan", time_limit=_SECONDS, soft_time_limit=_SECONDS - 60)
def scan_document(document_id: str) -> bool:
    return services.scan_document(UUID(document_id))


@shared_task(name="documents.expire_uploads")
def expire_uploads() -> None:
    services.expire_uploads()


@shared_task(name="documents.release_due")
def release_due() -> int:
    return services.release_due()
