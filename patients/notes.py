"""Reading clinical notes: what staff see, and what of it the patient sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Left
from django.utils import timezone

from medisecure.accounts.models import User
from medisecure.kernel.errors import NotFound
from patients import rules
from patients.access import access_record, record_right_of
from patients.models import ClinicalNote, NoteDraft, NoteVersion
from patients.rules import notes as note_rules

EXCERPT: Final = 240


@dataclass(frozen=True, slots=True)
class NoteFilter:
    """Every part may be left empty. `words`: beginnings of words that the note must hold, all of them."""

    kind: str = ""
    author_id: UUID | None = None
    since: date | None = None
    until: date | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class NoteLine:
    id: UUID
    kind: str
    kind_label: str
    status: str
    status_label: str
    author_id: UUID
    author_name: str
    occurred_at: datetime
    signed_at: datetime | None
    excerpt: str
    version: int
    #: Somebody is writing: the first text, or an amendment.
    open_draft: bool


@dataclass(frozen=True, slots=True)
class NoteText:
    """A signed version, or the withdrawal of the note."""

    number: int
    status: str
    text: str
    reason: str
    signed_at: datetime
    signed_name: str


@dataclass(frozen=True, slots=True)
class DraftText:
    text: str
    saved_at: datetime
    saved_name: str


@dataclass(frozen=True, slots=True)
class NoteView:
    """A whole note. `text` is what counts now: the newest signed version, or the draft of one that is not signed."""

    line: NoteLine
    text: str
    draft: str | None
    draft_saved_at: datetime | None
    draft_saved_name: str
    #: The newest first.
    versions: tuple[NoteText, ...]
    earlier_drafts: tuple[DraftText, ...]
    encounter_id: UUID | None


def reads_as_staff(actor: User, patient_id: UUID) -> bool:
    """Staff see drafts and the team's own notes. The patient, and whoever stands for them, sees what is signed and of a
    kind that is meant for them (rules.notes.PATIENT_KINDS)."""
    right = record_right_of(actor, patient_id)
    return right is not None and not rules.is_patients_side(right)


def notes_of(*, actor: User, patient_id: UUID, wanted: NoteFilter, purpose: str = "care") -> QuerySet[Any]:
    """The notes that match, the newest care first, after the door. Each row goes through `note_line`.

    Raises `NotFound`, `Refused`.
    """
    access_record(actor=actor, patient_id=patient_id, purpose=purpose, resource="notes")
    return list_notes(actor, patient_id, wanted)


def list_notes(actor: User, patient_id: UUID, wanted: NoteFilter) -> QuerySet[Any]:
    """The same without the door, which stands before it."""
    rows = _visible(actor, patient_id)
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if wanted.author_id:
        rows = rows.filter(author_id=wanted.author_id)
    if wanted.since:
        rows = rows.filter(occurred_at__gte=timezone.make_aware(datetime.combine(wanted.since, time.min)))
    if wanted.until:
        rows = rows.filter(occurred_at__lte=timezone.make_aware(datetime.combine(wanted.until, time.max)))
    for word in rules.words(wanted.words):
        rows = rows.filter(search_text__contains=f" {word}")
    return _with_excerpt(rows).order_by("-occurred_at", "-id")


def authors_of(actor: User, patient_id: UUID) -> list[tuple[UUID, str]]:
    """Who wrote the notes that the actor may read, by name: to filter by. After the door."""
    found = _visible(actor, patient_id).order_by().values_list("author_id", "author__full_name").distinct()
    return sorted(found, key=lambda row: row[1])


def _visible(actor: User, patient_id: UUID) -> QuerySet[ClinicalNote]:
    rows = ClinicalNote.objects.filter(patient_id=patient_id)
    if reads_as_staff(actor, patient_id):
        return rows
    signed = Q(status__in=(ClinicalNote.Status.FINAL, ClinicalNote.Status.AMENDED))
    return rows.filter(signed, kind__in=note_rules.PATIENT_KINDS)


def _with_excerpt(rows: QuerySet[ClinicalNote]) -> QuerySet[Any]:
    newest = NoteVersion.objects.filter(note_id=OuterRef("id")).order_by("-number")
    return rows.annotate(
        author_name=F("author__full_name"),
        # The whole text of fifty notes would be megabytes.
        signed_start=Subquery(newest.annotate(start=Left("text", EXCERPT)).values("start")[:1]),
        draft_start=Left("draft", EXCERPT),
        signed_at=Subquery(newest.values("signed_at")[:1]),
    ).defer("draft", "search_text")


def note_line(row: Any) -> NoteLine:
    start = row.signed_start if row.signed_start is not None else row.draft_start
    return NoteLine(
        id=row.id,
        kind=row.kind,
        kind_label=str(ClinicalNote.Kind(row.kind).label),
        status=row.status,
        status_label=str(ClinicalNote.Status(row.status).label),
        author_id=row.author_id,
        author_name=row.author_name,
        occurred_at=row.occurred_at,
        signed_at=row.signed_at,
        excerpt=" ".join((start or "").split()),
        version=row.version,
        open_draft=row.draft_start is not None,
    )


def open_note(*, actor: User, patient_id: UUID, note_id: UUID, purpose: str = "care") -> NoteView:
    """One note with all its versions, after the door. Raises `NotFound`, `Refused`.

    The patient reads the newest signed version and no draft.
    """
    access_record(actor=actor, patient_id=patient_id, purpose=purpose, resource="note", resource_id=note_id)
    return note_view(actor, patient_id, note_id)


def note_view(actor: User, patient_id: UUID, note_id: UUID) -> NoteView:
    """The door stands before it. Raises `NotFound` for a note that this reader does not see."""
    row = _with_excerpt(_visible(actor, patient_id)).filter(id=note_id).first()
    if row is None:
        raise NotFound
    staff = reads_as_staff(actor, patient_id)
    versions = [
        NoteText(found.number, found.status, found.text, found.reason, found.signed_at, found.signed_name)
        for found in NoteVersion.objects.filter(note_id=note_id).order_by("-number")
    ]
    draft: dict[str, Any] = {}
    earlier: list[DraftText] = []
    if staff:
        draft |= ClinicalNote.objects.filter(id=note_id).values("draft", "draft_saved_by__full_name").get()
        earlier = [
            DraftText(found.text, found.saved_at, found.saved_by.full_name)
            for found in NoteDraft.objects.filter(note_id=note_id).select_related("saved_by")
        ]
    else:
        versions = versions[:1]
    return NoteView(
        line=note_line(row),
        text=versions[0].text if versions else draft.get("draft") or "",
        draft=draft.get("draft"),
        draft_saved_at=row.draft_saved_at if staff else None,
        draft_saved_name=draft.get("draft_saved_by__full_name") or "",
        versions=tuple(versions),
        earlier_drafts=tuple(earlier),
        encounter_id=row.encounter_id,
    )
