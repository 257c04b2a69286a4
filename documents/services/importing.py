"""Documents of another system, taken over as they came."""

from __future__ import annotations

import functools
from contextlib import suppress
from datetime import datetime
from io import BytesIO
from typing import Any, Literal
from uuid import UUID

from django.core.files.base import ContentFile
from django.utils.translation import gettext as _

from documents import rules, scanning, sniffing, store
from documents.models import TITLE_LENGTH, Category, Document, ScanState
from documents.services.adding import content_fields, verdict_fields
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid
from medisecure.kernel.transactions import in_atomic, on_commit
from patients.interface import forget_record

Outcome = Literal["created", "changed", "same"]


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
        Document.objects.create(source=source, **values, **content_fields(found, stored), **_unseen())
        forget_record(patient_id)
        return "created"
    if row.sha256 != found.sha256 or row.patient_id != patient_id:
        # The key carries the patient's id, so bytes that change hands are stored again.
        old = store.StoredObject(row.bucket, row.key)
        values |= content_fields(found, store.put(patient_id, BytesIO(content), found)) | _unseen()
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


def _unseen() -> dict[str, Any]:
    """The scanner looks at it later: an import must not wait for each."""
    waiting = scanning.configured()
    return verdict_fields(scanning.Verdict(ScanState.QUARANTINE if waiting else ScanState.NOT_SCANNED))


def _inspect_import(file: ContentFile[bytes], content: bytes) -> store.Content:
    if sniffing.content_type(content[: sniffing.HEAD]) is not None:
        # DICOM that cannot be read: history is kept as it came.
        with suppress(Invalid):
            return store.inspect(file)
    return store.unknown(content)
