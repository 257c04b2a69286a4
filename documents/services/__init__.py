"""Writes: one use case, one transaction, one audit entry, its events."""

from __future__ import annotations

from documents.services.adding import Entry, upload_document
from documents.services.finishing import finish_upload, uploads_to_finish
from documents.services.holding import HOLD, release_document, set_hold
from documents.services.housekeeping import expire_uploads, release_due
from documents.services.importing import import_document
from documents.services.scans import documents_to_scan, scan_document
from documents.services.uploading import (
    FileFacts,
    SignedPart,
    UploadIncomplete,
    UploadLine,
    UploadOver,
    begin_upload,
    cancel_upload,
    complete_upload,
    find_upload,
    open_uploads,
    sign_parts,
)

__all__ = [
    "HOLD",
    "Entry",
    "FileFacts",
    "SignedPart",
    "UploadIncomplete",
    "UploadLine",
    "UploadOver",
    "begin_upload",
    "cancel_upload",
    "complete_upload",
    "documents_to_scan",
    "expire_uploads",
    "find_upload",
    "finish_upload",
    "import_document",
    "open_uploads",
    "release_document",
    "release_due",
    "scan_document",
    "set_hold",
    "sign_parts",
    "upload_document",
    "uploads_to_finish",
]
