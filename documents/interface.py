"""What other apps may ask of documents."""

from __future__ import annotations

from documents.models import Category
from documents.rules import MAX_BYTES
from documents.selectors import DocumentLine, document_url, documents_for_patient
from documents.services import import_document, upload_document
from documents.store import StoredObject, collecting_objects, discard_objects

__all__ = [
    "MAX_BYTES",
    "Category",
    "DocumentLine",
    "StoredObject",
    "collecting_objects",
    "discard_objects",
    "document_url",
    "documents_for_patient",
    "import_document",
    "upload_document",
]
