"""Which objects of the storage documents and uploads name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from documents import rules
from documents.models import BucketName, Document, ScanState, Upload
from medisecure.kernel import objects
from medisecure.kernel.owners import Named, Owner, by_id


def _documents() -> Iterator[Named]:
    # What was found infected has no bytes any more.
    rows = Document.objects.exclude(scan_state=ScanState.INFECTED)
    for row_id, bucket, key, size in by_id(rows, "bucket", "key", "size"):
        yield Named(bucket, key, str(row_id), size)


def _uploads() -> Iterator[Named]:
    for row_id, size in by_id(Upload.objects.filter(state=Upload.State.RECEIVED), "size"):
        yield Named(objects.DOCUMENTS, rules.incoming_key(row_id), str(row_id), size)


def _disposable(bucket: str, key: str) -> bool:
    return bucket in BucketName.values and rules.is_our_key(key)


DOCUMENTS: Final = Owner("document", _documents, _disposable)
UPLOADS: Final = Owner("upload", _uploads)
