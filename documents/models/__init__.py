"""What is kept in the database about documents."""

from __future__ import annotations

from documents.models.document import (
    FILENAME_LENGTH,
    TITLE_LENGTH,
    BucketName,
    Category,
    Document,
    ScanState,
)

__all__ = ["FILENAME_LENGTH", "TITLE_LENGTH", "BucketName", "Category", "Document", "ScanState"]
