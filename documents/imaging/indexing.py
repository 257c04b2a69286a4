"""The result of looking at an image, in one transaction: where it belongs, whether it can be shown, whose it is."""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from documents.imaging import rules, storage
from documents.models import ImagingInstance, ImagingSeries, ImagingStudy
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import on_commit, transactional
from patients.interface import (
    forget_record,
    known_names,
    name_words,
    patient_by_record_number,
    same_patient_ids,
)

State, Review = ImagingInstance.State, ImagingInstance.Review
#: A decision of a person stands, whatever is read later.
DECIDED: Final = frozenset({Review.BELONGS, Review.FOREIGN})

_COPIED: Final = ("uid", "sop_class", "number", "place", "frames", "rows", "columns", "photometric", "transfer_syntax")


def record(
    row: ImagingInstance, found: Mapping[str, Any], sha256: str, preview_key: str = "", frames_key: str = ""
) -> bool:
    """Write what was found of the bytes `sha256`. False, and nothing written, when the row changed hands meanwhile."""
    return _record(row.id, row.attempts, found, sha256, preview_key, frames_key)


def record_refusal(row: ImagingInstance, reason: rules.Reason) -> None:
    record(row, {"reason": reason.value}, row.document.sha256)


@transactional(DEFAULT)
def _record(
    instance_id: UUID, attempts: int, found: Mapping[str, Any], sha256: str, preview_key: str, frames_key: str
) -> bool:
    row = (
        ImagingInstance.objects.select_for_update()
        .select_related("document")
        .filter(id=instance_id, attempts=attempts)
        .first()
    )
    if row is None or row.document.sha256 != sha256:
        return False
    patient_id = row.document.patient_id
    old = [key for key in (row.preview_key, row.frames_key) if key]
    index: Mapping[str, Any] = found.get("index", {})
    for name in _COPIED:
        if name in index:
            setattr(row, name, index[name])
    row.spacing, row.edges = index.get("spacing"), index.get("edges", {})
    row.series = _series(index) if index.get("series_uid") and index.get("study_uid") else None
    row.risks = rules.burned_in_risks(found["risk"]) if "risk" in found else []
    row.state = State.NOT_SHOWN if "reason" in found else State.SHOWN
    row.reason = found.get("reason", "")
    row.display, row.format = found.get("display", {}), found.get("format", "")
    offsets = found.get("offsets", [])
    row.offsets = struct.pack(f"<{len(offsets)}Q", *offsets)
    row.preview_key, row.frames_key = preview_key, frames_key
    row.examined_sha256 = sha256
    flagged = _compare(row, patient_id, found.get("who", {}))
    # What can be shown goes on to be stored smaller, under the same lease.
    if row.state == State.NOT_SHOWN:
        row.due_at, row.attempts = None, 0
    row.save()
    for key in old:
        on_commit(DEFAULT, functools.partial(storage.discard, key), robust=True)
    for one in flagged:
        emit(
            DEFAULT,
            "imaging.flagged",
            {"document_id": str(one.document_id), "patient_id": str(one.document.patient_id)},
        )
        forget_record(one.document.patient_id)
    forget_record(patient_id)
    return True


def _series(index: Mapping[str, Any]) -> ImagingSeries:
    study, _created = ImagingStudy.objects.get_or_create(
        uid=index["study_uid"],
        defaults={"started": _local(index["study_started"]), "description": index["study_description"]},
    )
    series, _created = ImagingSeries.objects.get_or_create(
        study=study,
        uid=index["series_uid"],
        defaults={
            "number": index["series_number"],
            "modality": index["modality"],
            "body_part": index["body_part"],
            "laterality": index["laterality"],
            "description": index["series_description"],
            "started": _local(index["series_started"]),
        },
    )
    return series


def _local(text: str | None) -> datetime | None:
    """A scanner's clock has no zone: it is taken for the hospital's."""
    return timezone.make_aware(datetime.fromisoformat(text)) if text else None


# --- Whose it is ------------------------------------------------------------------------------------------------------


def _compare(row: ImagingInstance, patient_id: UUID, who: Mapping[str, str]) -> list[ImagingInstance]:
    """Set what speaks against its being this patient's. Returns the rows that somebody must now look at: this one, and
    those of another patient that are the same image."""
    others = _same_elsewhere(row, patient_id)
    found = contradictions(patient_id, who)
    if others:
        found.append(rules.Concern.INSTANCE)
    if row.series and _study_elsewhere(row.series.study_id, patient_id, row.uid):
        found.append(rules.Concern.STUDY)
    row.concerns = [concern.value for concern in found]
    flagged = []
    if row.review not in DECIDED:
        row.review = Review.PENDING if found else Review.CLEAR
        flagged = [row] if found else []
    for other in others:
        if other.review in DECIDED or rules.Concern.INSTANCE.value in other.concerns:
            continue
        other.concerns = [*other.concerns, rules.Concern.INSTANCE.value]
        other.review = Review.PENDING
        other.save(update_fields=["concerns", "review"])
        flagged.append(other)
    return flagged


def contradictions(patient_id: UUID, who: Mapping[str, str]) -> list[rules.Concern]:
    names = known_names(patient_id)
    if names is None:
        return []
    known = rules.Known(names.family, names.given, rules.birth_digits(names.birth_date, names.birth_precision))
    # Groups of a DICOM name: letters, ideograms, sounds; parts: family, given, middle, prefix, suffix (PS3.5 §6.2.1).
    parts = who.get("name", "").split("=")[0].split("^")[:3]
    found = rules.doubts(known, words=name_words(" ".join(parts)), birth=who.get("birth", ""))
    number = who.get("number", "").strip()
    owner = patient_by_record_number(number) if number else None
    if owner is not None and owner not in same_patient_ids(patient_id):
        found.append(rules.Concern.NUMBER)
    return found


def _same_elsewhere(row: ImagingInstance, patient_id: UUID) -> list[ImagingInstance]:
    if not row.uid:
        return []
    return list(
        ImagingInstance.objects.select_related("document")
        .filter(uid=row.uid)
        .exclude(id=row.id)
        .exclude(document__patient_id__in=same_patient_ids(patient_id))
        .exclude(review=Review.FOREIGN)
    )


def _study_elsewhere(study_id: UUID, patient_id: UUID, uid: str) -> bool:
    return (
        ImagingInstance.objects.filter(series__study_id=study_id)
        .exclude(uid=uid)
        .exclude(document__patient_id__in=same_patient_ids(patient_id))
        .exclude(review=Review.FOREIGN)
        .exists()
    )


def finish(row: ImagingInstance, **values: Any) -> bool:
    """End the work on an image with these values, if it is still ours."""
    rows = ImagingInstance.objects.filter(id=row.id, attempts=row.attempts)
    return bool(rows.update(due_at=None, attempts=0, **values))
