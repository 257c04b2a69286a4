"""What there is of a patient's images besides their documents, when those are erased."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from documents.models import ImagingCopy, ImagingInstance, ImagingSeries, ImagingStudy
from patients.interface import erase_rows


def derived_keys(patient_id: UUID) -> Iterator[str]:
    """Previews, frames, originals that are still kept, and copies that nobody has thrown away: all among the images."""
    names = ("preview_key", "frames_key", "old_key")
    for keys in ImagingInstance.objects.filter(document__patient_id=patient_id).values_list(*names):
        yield from filter(None, keys)
    yield from ImagingCopy.objects.filter(patient_id=patient_id).exclude(key="").values_list("key", flat=True)


def forget_images(patient_id: UUID) -> int:
    return erase_rows(ImagingCopy.objects.filter(patient_id=patient_id)) + erase_rows(
        ImagingInstance.objects.filter(document__patient_id=patient_id)
    )


def forget_empty_studies() -> None:
    """Their descriptions say what ailed somebody."""
    erase_rows(ImagingSeries.objects.filter(instances=None))
    erase_rows(ImagingStudy.objects.filter(series=None).exclude(id__in=ImagingCopy.objects.values("study_id")))
