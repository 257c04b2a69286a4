"""Reads. What is disclosed to a person has passed the door of the record first (decision 10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Q, QuerySet

from documents import rules
from documents.imaging.gate import UNCHECKED, held, is_compared
from documents.models import Document, ScanState
from documents.readers import is_served, reader_of
from medisecure.accounts.models import User
from medisecure.kernel import objects
from medisecure.kernel.cache import RECORD_URL_SECONDS
from medisecure.kernel.errors import NotFound, Quarantined
from patients.interface import (
    access_record,
    may_read_record,
    patient_by_record_number,
    records_in_care,
    visible_patients,
)


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One document without its bytes. `size` in bytes; `scan_state` "not_scanned" until a scanner has seen it."""

    id: UUID
    patient_id: UUID
    title: str
    category: str
    category_label: str
    content_type: str
    size: int
    sha256: str
    scan_state: str
    scan_label: str
    #: False while nobody gets the bytes: they are being checked, or were found infected.
    served: bool
    version: int
    current: bool
    audience: str
    withheld_until: date | None
    author_id: UUID | None
    created_at: datetime
    dicom: dict[str, Any] | None


def line(row: Document) -> DocumentLine:
    return DocumentLine(
        id=row.id,
        patient_id=row.patient_id,
        title=row.title,
        category=row.category,
        category_label=str(row.get_category_display()),
        content_type=row.content_type,
        size=row.size,
        sha256=row.sha256,
        scan_state=row.scan_state,
        scan_label=str(row.get_scan_state_display()),
        served=is_served(row.scan_state),
        version=row.version,
        current=row.current,
        audience=row.audience,
        withheld_until=row.withheld_until,
        author_id=row.author_id,
        created_at=row.created_at,
        dicom=row.dicom,
    )


def rows_of(patient_id: UUID) -> QuerySet[Document]:
    """Newest first, without images that may be another person's. For callers that have passed the door."""
    return Document.objects.filter(patient_id=patient_id).exclude(held())


def documents_for_patient(patient_id: UUID) -> list[DocumentLine]:
    """All documents of the patient, newest first: one query. For callers that have passed the door."""
    return [line(row) for row in rows_of(patient_id)]


def list_documents(*, actor: User, patient_id: UUID, purpose: str = "care") -> QuerySet[Document]:
    """The patient's documents that the actor may read, the versions that hold, through the door; the audit entry says
    that the list was read. Raises `NotFound`, `Refused`."""
    access_record(actor=actor, patient_id=patient_id, purpose=purpose, resource="documents")
    return rows_of(patient_id).filter(reader_of(actor, patient_id).readable(), current=True)


#: What stands in the cached section to decide who gets the row, and in nobody's answer.
_FOR_READERS: Final = ("audience", "unit_id", "withheld_until", "uploaded_by_id")


def record_section(patient_id: UUID) -> list[dict[str, Any]]:
    """The "documents" of a medical record, with addresses that outlive the record's cache entry (design §5); `url` is
    None while nobody gets the bytes. For `narrow_section`."""
    return [
        {
            "id": row.id,
            "title": row.title,
            "category": row.category,
            "content_type": row.content_type,
            "size": row.size,
            "sha256": row.sha256,
            "scan_state": row.scan_state,
            "created_at": row.created_at,
            "version": row.version,
            "url": signed_url(row, seconds=RECORD_URL_SECONDS) if _has_address(row) else None,
            **{name: getattr(row, name) for name in _FOR_READERS},
        }
        for row in rows_of(patient_id).filter(current=True).annotate(compared=F("imaging__review"))
    ]


def _has_address(row: Any) -> bool:
    # The section is read by the patient too: not before somebody, or something, has seen whose the image is.
    compared = row.content_type != rules.DICOM or row.compared not in (None, UNCHECKED)
    return compared and is_served(row.scan_state)


def narrow_section(actor: User, patient_id: UUID, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The section as this reader gets it."""
    if not rows:
        return []
    reader = reader_of(actor, patient_id)
    return [
        {name: value for name, value in row.items() if name not in _FOR_READERS}
        for row in rows
        if reader.reads(**{name: row[name] for name in _FOR_READERS})
    ]


def signed_url(row: Document, *, seconds: int = objects.SIGNED_SECONDS) -> str:
    """For callers that have passed the door. Always to be saved: what is shown in a page is drawn by us (previews).
    Raises `Quarantined` while nobody gets the bytes, `NotFound` when they were removed."""
    if row.scan_state == ScanState.INFECTED:
        raise NotFound
    if not is_served(row.scan_state):
        raise Quarantined
    return objects.Bucket(row.bucket).signed_url(
        row.key,
        seconds=seconds,
        filename=rules.download_name(row.content_type, row.created_at.date(), row.sha256),
        content_type=rules.served_type(row.content_type),
        inline=False,
    )


def open_document(*, actor: User, document_id: UUID, purpose: str = "care", action: str = "download") -> Document:
    """The document's row, through the door: the audit entry is written first.

    Raises `NotFound` when there is none, its patient is out of the actor's sight, or it is not for this reader;
    `Refused` when the actor may know who the patient is but not what ails them.
    """
    row = Document.objects.filter(id=document_id).exclude(held()).first()
    if row is None:
        raise NotFound
    if may_read_record(actor, row.patient_id):
        reader = reader_of(actor, row.patient_id)
        if not reader.may_read(row):
            raise NotFound
        if reader.side and not is_compared(row):
            raise Quarantined
    access_record(
        actor=actor,
        patient_id=row.patient_id,
        purpose=purpose,
        action=action,
        resource="document",
        resource_id=row.id,
    )
    return row


def document_url(actor: User, document_id: UUID, *, purpose: str = "care") -> str:
    """An address that serves the bytes for `objects.SIGNED_SECONDS`. Raises as `open_document`."""
    return signed_url(open_document(actor=actor, document_id=document_id, purpose=purpose))


def visible_rows(actor: User) -> QuerySet[Document]:
    """Documents of the patients in the actor's care now, for a list that is audited by its own entry.

    Whoever sees all identities by role gets nothing here: that right does not open records. Nor do one's own and
    one's child's stand here: they are on the portal.
    """
    rows = Document.objects.filter(reader_of(actor, None).readable(), patient_id__in=records_in_care(actor))
    return rows.exclude(held())


def versions_of(row: Document) -> list[Document]:
    """Every version of this document, the newest first. For callers that have passed the door."""
    first = row.first_id or row.id
    return list(Document.objects.filter(Q(id=first) | Q(first_id=first)).order_by("-version"))


def readable_versions(actor: User, row: Document) -> list[DocumentLine]:
    """Those that this reader may open, the newest first. For callers that have passed the door."""
    reader = reader_of(actor, row.patient_id)
    return [line(one) for one in versions_of(row) if reader.may_read(one)]


def patient_with_record_number(actor: User, record_number: str) -> UUID | None:
    """The patient with this number, if the actor may know of them."""
    found = patient_by_record_number(record_number)
    return found if found is not None and visible_patients(actor).contains(found) else None
