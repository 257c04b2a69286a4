"""A patient's documents with their bytes, for the copy of their data (`patients.exporting`)."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final
from uuid import UUID

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from documents import rules
from documents.models import Document
from documents.selectors import rows_of
from medisecure.kernel import objects
from patients.interface import ExportFile, ExportSection, PaperTable, fhir_practitioners
from patients.interface import ExportResource as Resource

#: Documents up to this size stand in the bundle too, so that another system takes them over with it; the others are
#: files beside it, and the bundle says where.
INLINE_BYTES: Final = 256 * 1024
#: R4's documents have types of LOINC; those of ours that have one.
_LOINC: Final = {
    "letter": "57133-1",
    "prescription": "57833-6",
    "imaging": "18748-4",
    "lab": "11502-2",
}
_CHUNK: Final = 200


def _path(row: Document) -> str:
    """Date and id: a title may say what ails someone, and the names in a ZIP can be read without opening it."""
    suffix = PurePosixPath(rules.download_name(row.content_type, row.created_at.date(), row.sha256)).suffix
    return f"documents/{row.created_at:%Y-%m-%d}-{row.id}{suffix}"


def _resources(patient_id: UUID) -> Iterator[Resource]:
    authors: set[UUID] = set()
    for row in rows_of(patient_id).order_by("id").iterator(chunk_size=_CHUNK):
        if row.author_id:
            authors.add(row.author_id)
        loinc = _LOINC.get(row.category)
        yield {
            "resourceType": "DocumentReference",
            "id": str(row.id),
            "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", "code": loinc}]} if loinc else {},
            "category": [{"coding": [{"system": "urn:medisecure:document-category", "code": row.category}]}],
            "subject": {"reference": f"urn:uuid:{row.patient_id}"},
            "date": row.created_at.isoformat(timespec="milliseconds"),
            "author": [{"reference": f"urn:uuid:{row.author_id}"}] if row.author_id else [],
            "description": row.title,
            "content": [
                {
                    "attachment": {
                        "contentType": row.content_type,
                        "url": f"../{_path(row)}",
                        "size": row.size,
                        "title": row.title,
                        **_inline(row),
                    }
                }
            ],
        }
    yield from fhir_practitioners(authors)


def _inline(row: Document) -> Resource:
    if row.size > INLINE_BYTES:
        return {}
    try:
        with objects.Bucket(row.bucket).open(row.key) as file:
            data = file.read()
    except FileNotFoundError:
        return {}  # The manifest names it among the missing.
    digest = hashlib.sha1(data, usedforsecurity=False).digest()  # R4 §2.24.0.13: a SHA-1, against damage
    return {"data": base64.b64encode(data).decode(), "hash": base64.b64encode(digest).decode()}


def _files(patient_id: UUID) -> Iterator[ExportFile]:
    for row in rows_of(patient_id).order_by("id").iterator(chunk_size=_CHUNK):
        yield ExportFile(_path(row), functools.partial(objects.Bucket(row.bucket).open, row.key))


def _paper(patient_id: UUID) -> list[PaperTable]:
    return [
        PaperTable(
            _("Documents"),
            [_("Date"), _("Title"), _("File"), _("Kind")],
            [
                [
                    date_format(localtime(row.created_at), "DATE_FORMAT"),
                    row.title,
                    _path(row),
                    str(row.get_category_display()),
                ]
                for row in rows_of(patient_id)
            ],
        )
    ]


SECTION: Final = ExportSection(resources=_resources, files=_files, paper=_paper)
