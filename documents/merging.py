"""What a merge of two patients means for documents.

Their rows are in the database of the patients and move with everything there. The bytes stay where they are: the key of
an object says nothing about anyone, and whoever may read the row gets an address of the object.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy

from documents.models import BucketName, Document
from patients.interface import Count, MergePart, PartPreview


def preview(survivor_id: UUID, loser_id: UUID) -> PartPreview:
    rows = Document.objects.filter(patient_id=loser_id)
    images = rows.filter(bucket=BucketName.IMAGES)
    size = filesizeformat(rows.aggregate(size=Sum("size"))["size"] or 0)
    return PartPreview(
        stays=(
            Count(gettext_lazy("Files, whose rows move and whose bytes stay in the storage"), rows.count()),
            Count(gettext_lazy("of which images"), images.count()),
        ),
        notes=(size,) if rows.exists() else (),
    )


def added(survivor_id: UUID, since: datetime) -> tuple[Count, ...]:
    return ()


MERGE_PART: Final = MergePart("storage", gettext_lazy("Storage"), preview, added, answers=False)
