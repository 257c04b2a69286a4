"""Writes. Bytes first, then the row with its audit entry and event in one transaction: no row points at nothing."""

from __future__ import annotations

import functools
import logging
from contextlib import suppress
from datetime import datetime
from io import BytesIO
from typing import IO, Any, Literal, cast
from uuid import UUID

from django.core.files.base import ContentFile, File
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from documents import rules, sniffing, store
from documents.models import FILENAME_LENGTH, TITLE_LENGTH, BucketName, Category, Document
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, NotFound, Refused
from medisecure.kernel.ids import new_id
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import in_atomic, on_commit, transactional
from patients.interface import access_record, forget_record, may_read_record, practitioner_for_user, visible_patients

log = logging.getLogger(__name__)

Outcome = Literal["created", "changed", "same"]


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
        **_content_fields(content, stored),
    )
    emit(DEFAULT, "document.added", {"document_id": str(row.id), "patient_id": str(patient_id), "category": category})
    forget_record(patient_id)
    return row


def _content_fields(content: store.Content, stored: store.StoredObject) -> dict[str, Any]:
    return {
        "content_type": content.content_type,
        "size": content.size,
        "sha256": content.sha256,
        "dicom": content.dicom,
        "bucket": BucketName(stored.bucket),
        "key": stored.key,
    }


def import_document(
    *,
    patient_id: UUID,
    source: str,
    title: str,
    category: str,
    content_type: str,
    content: bytes,
    created_at: datetime | None,
    author_id: UUID | None = None,
) -> Outcome:
    """Take over a document of another system: history, so nobody is notified. Idempotent by `source` and content.

    Runs in the caller's transaction on DEFAULT, inside `collecting_objects()`, which deletes the bytes if that fails.
    `content_type` is what the other system says: it is not believed. What the content shows counts, and what it does
    not show is kept as bytes to be saved, never to be displayed. An unknown category becomes "other"; a missing title
    becomes the category's name, one that is too long is shortened. Raises `Invalid` for empty or too large content.
    """
    if not (in_atomic(DEFAULT) and store.is_collecting()):
        raise RuntimeError("import_document needs `with collecting_objects(), atomic(DEFAULT):` around it")
    if not content:
        raise Invalid({"content": [_("The document is empty.")]})
    if len(content) > rules.MAX_BYTES:
        raise Invalid({"content": [_("The document is too large.")]})
    known = Category(category) if category in Category.values else Category.OTHER
    title = rules.clean_title(title) or str(known.label)
    values: dict[str, Any] = {
        "patient_id": patient_id,
        "title": title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1]}…",
        "category": known,
        "author_id": author_id,
    }
    if created_at is not None:
        values["created_at"] = clock.truncate(created_at)
    file = ContentFile(content, name="import")
    found = _inspect_import(file, content)
    row = Document.objects.filter(source=source).first()
    if row is None:
        stored = store.put(patient_id, BytesIO(content), found)
        Document.objects.create(source=source, **values, **_content_fields(found, stored))
        forget_record(patient_id)
        return "created"
    if row.sha256 != found.sha256 or row.patient_id != patient_id:
        # The key carries the patient's id, so bytes that change hands are stored again.
        old = store.StoredObject(row.bucket, row.key)
        values |= _content_fields(found, store.put(patient_id, BytesIO(content), found))
        on_commit(DEFAULT, functools.partial(store.discard_objects, [old]), robust=True)
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    if not changed:
        return "same"
    if row.patient_id != patient_id:
        forget_record(row.patient_id)
    for name in changed:
        setattr(row, name, values[name])
    row.save(update_fields=changed)
    forget_record(patient_id)
    return "changed"


def _inspect_import(file: ContentFile[bytes], content: bytes) -> store.Content:
    if sniffing.content_type(content[: sniffing.HEAD]) is not None:
        # DICOM that cannot be read: history is kept as it came.
        with suppress(Invalid):
            return store.inspect(file)
    return store.unknown(content)
