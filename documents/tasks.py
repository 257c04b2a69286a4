"""What happens after a document was added."""

from __future__ import annotations

from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.events import Event, consumer
from medisecure.notifications.interface import notify_user, queue_mail
from patients.interface import patient_card


@consumer("document.added", database=DEFAULT, queue="mail")
def tell_patient(event: Event) -> None:
    """One notice and one mail to the patient. Neither says what the document is: others may see a screen or a mail."""
    document_id = event.uuid("document_id")
    patient = patient_card(event.uuid("patient_id"))
    if not patient.active:
        return
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
