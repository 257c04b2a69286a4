"""Writes. Bytes first, then the row with its audit entry and event in one transaction: no row points at nothing."""

from __future__ import annotations

import logging
from typing import IO, Any, cast
from uuid import UUID

from django.core.files.base import File
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from documents import rules, store
from documents.models import FILENAME_LENGTH, TITLE_LENGTH, BucketName, Category, Document
from medisecure.accounts.models import User
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, NotFound, Refused
from medisecure.kernel.ids import new_id
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional
from patients.interface import access_record, forget_record, may_read_record, practitioner_for_user, visible_patients

log = logging.getLogger(__name__)


def upload_document(
    *, actor: User, patient_id: UUID, file: File[bytes], title: str, category: str, purpose: str = "care"
) -> Document:
    """Add a file to a patient's record and tell the others (`document.added`).

    `file` is read in pieces. Raises `NotFound` when the patient is out of sight; `Refused` when the actor may not open
    the record or, as patients, may not add to it; `Invalid` with `title`, `category` or `file`; `TooLarge`;
    `Unavailable` when the storage does not answer.
    """
    _require_upload(actor, patient_id)
    title = _valid_title(title)
    if category not in Category.values:
        raise Invalid({"category": [_("Choose one of: %(choices)s.") % {"choices": ", ".join(Category.values)}]})
    content = store.inspect(file)
    stored = store.put(patient_id, cast("IO[bytes]", file), content)
    try:
        return _record_upload(actor, patient_id, file, title, category, purpose, content, stored)
    except (OperationalError, InterfaceError):
        # The connection broke, perhaps after the commit had arrived: a row without its bytes would be a loss, bytes
        # without a row are only waste.
        log.error("object %s kept: its row may have been written", stored.key)
        raise
    except BaseException:
        store.discard_objects([stored])
        raise


def _require_upload(actor: User, patient_id: UUID) -> None:
    """Before any byte is read. The door itself is passed in the transaction that writes."""
    readable = may_read_record(actor, patient_id)
    if readable and actor.has_perm("documents.upload_document"):
        return
    if readable or visible_patients(actor).contains(patient_id):
        raise Refused(_("Documents are added by the doctors and nurses who treat the patient."))
    raise NotFound


def _valid_title(text: str) -> str:
    title = rules.clean_title(text)
    if not title:
        raise Invalid({"title": [_("Give the document a title.")]})
    if len(title) > TITLE_LENGTH:
        raise Invalid({"title": [_("The title may have at most %(limit)d characters.") % {"limit": TITLE_LENGTH}]})
    return title


@transactional(DEFAULT)
def _record_upload(
    actor: User,
    patient_id: UUID,
    file: File[bytes],
    title: str,
    category: str,
    purpose: str,
    content: store.Content,
    stored: store.StoredObject,
) -> Document:
    document_id = new_id()
    access_record(
        actor=actor,
        patient_id=patient_id,
        purpose=purpose,
        action="create",
        resource="document",
        resource_id=document_id,
    )
    row = Document.objects.create(
        id=document_id,
        patient_id=patient_id,
        title=title,
        category=category,
        filename=rules.clean_filename(file.name or "", FILENAME_LENGTH),
        uploaded_by=actor,
        author_id=practitioner_for_user(actor.id),
        **content_fields(content, stored),
    )
    emit(DEFAULT, "document.added", {"document_id": str(row.id), "patient_id": str(patient_id), "category": category})
    forget_record(patient_id)
    return row


def content_fields(content: store.Content, stored: store.StoredObject) -> dict[str, Any]:
    return {
        "content_type": content.content_type,
        "size": content.size,
        "sha256": content.sha256,
        "dicom": content.dicom,
        "bucket": BucketName(stored.bucket),
        "key": stored.key,
    }
