"""Writes: one use case, one transaction, one audit entry, its events."""

from __future__ import annotations

from documents.services.adding import upload_document
from documents.services.importing import import_document

__all__ = ["import_document", "upload_document"]
