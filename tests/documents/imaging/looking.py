"""What tests of images share: doing the worker's part here and now."""

from __future__ import annotations

from documents.imaging import work
from documents.models import Document, ImagingInstance
from tests.support import deliver_events


def looked_at(document: Document) -> ImagingInstance:
    """The event puts the image on the list, the task takes it from it."""
    deliver_events()
    work.process(document.id)
    return image_of(document)


def image_of(document: Document) -> ImagingInstance:
    return ImagingInstance.objects.select_related("series__study", "document").get(document=document)
