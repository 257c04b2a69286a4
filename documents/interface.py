"""What other apps may ask of documents."""

from __future__ import annotations

from documents.forms import EntryForm
from documents.imaging.interface import ImagingPage, StudyLine, imaging_page, open_study
from documents.imaging.work import ImagingTally, draw_image, images_to_draw, index_images
from documents.models import Category
from documents.previews import PAGES as PREVIEW_PAGES
from documents.previews import open_preview, preview_pages, register_viewer
from documents.rules import MAX_BYTES
from documents.scanning import version as scanner_version
from documents.selectors import (
    DocumentLine,
    document_url,
    documents_for_patient,
    list_documents,
    readable_versions,
)
from documents.selectors import line as document_line
from documents.services import (
    cancel_upload,
    expire_uploads,
    finish_upload,
    import_document,
    open_uploads,
    upload_document,
)
from documents.store import StoredObject, collecting_objects, discard_objects

__all__ = [
    "MAX_BYTES",
    "PREVIEW_PAGES",
    "Category",
    "DocumentLine",
    "EntryForm",
    "ImagingPage",
    "ImagingTally",
    "StoredObject",
    "StudyLine",
    "cancel_upload",
    "collecting_objects",
    "discard_objects",
    "document_line",
    "document_url",
    "documents_for_patient",
    "draw_image",
    "expire_uploads",
    "finish_upload",
    "images_to_draw",
    "imaging_page",
    "import_document",
    "index_images",
    "list_documents",
    "open_preview",
    "open_study",
    "open_uploads",
    "preview_pages",
    "readable_versions",
    "register_viewer",
    "scanner_version",
    "upload_document",
]
