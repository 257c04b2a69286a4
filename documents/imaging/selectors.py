"""Reads: the studies of a patient, what a viewer needs of one, and what waits for a person."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.urls import reverse

from documents.imaging import gate, rules, wording
from documents.models import Document, ImagingInstance, ImagingSeries, ImagingStudy
from documents.readers import reader_of
from medisecure.accounts.models import User
from medisecure.kernel import objects
from medisecure.kernel.errors import NotFound
from patients.interface import access_record

State, Review = ImagingInstance.State, ImagingInstance.Review
#: So many images that cannot be shown are named; there is a count of the others.
NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A study as it is listed. `cover` is the image whose preview stands for it."""

    id: UUID
    started: datetime | None
    title: str
    modalities: str
    images: int
    frames: int
    cover: UUID | None


@dataclass(frozen=True, slots=True)
class OtherLine:
    """A DICOM document that is no image of a study that can be shown."""

    document_id: UUID
    title: str
    created_at: datetime
    words: str


def studies_of(actor: User, patient_id: UUID) -> QuerySet[Any]:
    """Newest first, each with its counts; pages of it become lines by `lines`. For callers that passed the door."""
    mine = gate.visible(actor, patient_id)
    cover = mine.filter(series__study_id=OuterRef("pk")).order_by("-frames", "number", "id").values("id")[:1]
    return (
        ImagingStudy.objects.filter(series__instances__in=mine)
        .annotate(images=Count("series__instances"), frames=Sum("series__instances__frames"), cover=Subquery(cover))
        .order_by("-started", "-id")
    )


def lines(rows: Iterable[Any]) -> list[StudyLine]:
    """One query for the series of all of them."""
    found = list(rows)
    series: dict[UUID, list[ImagingSeries]] = defaultdict(list)
    for one in ImagingSeries.objects.filter(study_id__in=[row.id for row in found]).order_by("number", "id"):
        series[one.study_id].append(one)
    return [
        StudyLine(
            id=row.id,
            started=row.started,
            title=row.description or wording.study_title(series[row.id]),
            modalities=wording.modalities(one.modality for one in series[row.id]),
            images=row.images,
            frames=row.frames,
            cover=row.cover,
        )
        for row in found
    ]


def others(actor: User, patient_id: UUID) -> tuple[list[OtherLine], int]:
    """DICOM documents without a place in a study, with the reason; and how many there are."""
    rows = (
        ImagingInstance.objects.filter(document__in=gate.documents_of(actor, patient_id))
        .exclude(review__in=gate.HELD)
        .exclude(state=State.SHOWN, series__isnull=False)
        .select_related("document")
        .order_by("-document__created_at", "-id")
    )
    found = [
        OtherLine(row.document_id, row.document.title, row.document.created_at, wording.state_words(row))
        for row in rows[:NAMED]
    ]
    return found, rows.count() if len(found) == NAMED else len(found)


def to_review(patient_id: UUID) -> list[UUID]:
    """Images of this patient that somebody must look at."""
    rows = ImagingInstance.objects.filter(document__patient_id=patient_id, review=Review.PENDING)
    return list(rows.order_by("id").values_list("id", flat=True)[:50])


def open_study(*, actor: User, patient_id: UUID, study_id: UUID, purpose: str = "care") -> tuple[StudyLine, str]:
    """A study and the token for its frames, after the door; one entry in the log for the whole opening. Raises
    `NotFound`, `Refused`."""
    access_record(actor=actor, patient_id=patient_id, purpose=purpose, resource="imaging-study", resource_id=study_id)
    found = study(actor, patient_id, study_id)
    return found, gate.token(actor, patient_id=patient_id, study_id=study_id)


def study(actor: User, patient_id: UUID, study_id: UUID) -> StudyLine:
    """For callers that have passed the door. Raises `NotFound`."""
    row = studies_of(actor, patient_id).filter(id=study_id).first()
    if row is None:
        raise NotFound
    return lines([row])[0]


def viewer_address(document: Document, actor: User) -> str:
    """The page that shows this file; empty when it cannot be shown. For `register_viewer`."""
    row = (
        gate.visible(actor, document.patient_id)
        .filter(document=document, series__isnull=False)
        .values("id", "series__study_id")
        .first()
    )
    if row is None:
        return ""
    study_id = row["series__study_id"]
    if reader_of(actor, document.patient_id).side:
        address = reverse("images-study", args=[study_id])
    else:
        address = reverse("admin:documents_images_study", args=[document.patient_id, study_id])
    return f"{address}?image={row['id']}"


# --- What the viewer asks for -----------------------------------------------------------------------------------------

_SHOWN: Final = (
    "id",
    "number",
    "place",
    "frames",
    "rows",
    "columns",
    "format",
    "display",
    "spacing",
    "edges",
    "series_id",
)


def manifest(opened: gate.Opened) -> dict[str, Any]:
    """Series and their images in the order of the stack, with all that drawing them needs: two queries."""
    rows = opened.images().filter(state=State.SHOWN).values(*_SHOWN)
    by_series: dict[UUID | None, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_series[row["series_id"]].append(row)
    known = {one.id: one for one in ImagingSeries.objects.filter(id__in=[key for key in by_series if key])}
    found = []
    for series_id, images in by_series.items():
        one = known.get(series_id) if series_id else None
        found.append(
            {
                "id": str(series_id or ""),
                "number": one.number if one else None,
                "title": wording.series_title(one),
                "modality": one.modality if one else "",
                "presets": [
                    {"name": wording.PRESETS[preset.key], "center": preset.center, "width": preset.width}
                    for preset in rules.presets(one.modality if one else "")
                ],
                "images": [_image(row) for row in sorted(images, key=_order(images))],
            }
        )
    found.sort(key=lambda item: (item["number"] is None, item["number"] or 0, item["id"]))
    return {"series": found}


def _order(images: list[dict[str, Any]]) -> Any:
    """By where they lie, when all say so and do not all say the same; else by their numbers."""
    places = {row["place"] for row in images}
    if None not in places and len(places) > 1:
        return lambda row: (row["place"], row["number"] or 0, row["id"])
    return lambda row: (row["number"] is None, row["number"] or 0, row["id"])


def _image(row: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: row[name] for name in ("number", "frames", "rows", "columns", "format", "display", "spacing", "edges")
    }
    return {"id": str(row["id"]), **kept}


def frame_bytes(opened: gate.Opened, instance_id: UUID, number: int) -> bytes:
    """One frame, packed with gzip. Raises `NotFound`."""
    row = opened.images().filter(id=instance_id).values("frames_key", "offsets", "frames").first()
    if row is None or not row["frames_key"] or not 0 <= number < row["frames"]:
        raise NotFound
    start, end = struct.unpack_from("<2Q", row["offsets"], number * 8)
    try:
        return b"".join(objects.images().stream(row["frames_key"], start=start, length=end - start))
    except FileNotFoundError:
        raise NotFound from None


def preview_bytes(opened: gate.Opened, instance_id: UUID) -> bytes:
    """Raises `NotFound`."""
    key = opened.images().filter(id=instance_id).values_list("preview_key", flat=True).first()
    if not key:
        raise NotFound
    try:
        return b"".join(objects.images().stream(key))
    except FileNotFoundError:
        raise NotFound from None
