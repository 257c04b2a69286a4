"""What is kept in the database about documents."""

from __future__ import annotations

from documents.models.document import (
    FILENAME_LENGTH,
    TITLE_LENGTH,
    Audience,
    BucketName,
    Category,
    Document,
    ScanState,
)
from documents.models.imaging import ImagingCopy, ImagingInstance, ImagingSeries, ImagingStudy
from documents.models.upload import Upload

__all__ = [
    "FILENAME_LENGTH",
    "TITLE_LENGTH",
    "Audience",
    "BucketName",
    "Category",
    "Document",
    "ImagingCopy",
    "ImagingInstance",
    "ImagingSeries",
    "ImagingStudy",
    "ScanState",
    "Upload",
]
