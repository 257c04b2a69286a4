"""The staff's view of documents."""

from __future__ import annotations

from documents.admin.documents import DocumentAdmin

__all__ = ["DocumentAdmin"]
