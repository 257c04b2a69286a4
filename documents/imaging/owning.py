"""Which objects of the storage belong to images besides their documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from documents.models import ImagingCopy, ImagingInstance
from medisecure.kernel import objects
from medisecure.kernel.owners import Named, Owner, by_id


def _images() -> Iterator[Named]:
    for row_id, *keys in by_id(ImagingInstance.objects.all(), "preview_key", "frames_key", "old_key"):
        yield from (Named(objects.IMAGES, key, str(row_id)) for key in keys if key)
    for row_id, key, size in by_id(ImagingCopy.objects.exclude(key=""), "key", "size"):
        yield Named(objects.IMAGES, key, str(row_id), size)


#: A leftover of ours has the key of a document: documents know it for one.
IMAGES: Final = Owner("image", _images)
