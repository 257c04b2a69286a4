"""Writing clinical notes: drafts that are saved as somebody types, signatures, amendments, withdrawals.

Nobody overwrites what they have not seen: each save names the version it was made from, and one that is no longer the
newest is answered with the text that is there now. Nothing typed is thrown away: a draft that gives way is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from medisecure.accounts.interface import Role, has_role
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Stale
from medisecure.kernel.transactions import transactional
from patients import rules
from patients.models import ClinicalNote, Encounter, NoteDraft, NoteVersion, Patient
from patients.rules import notes as note_rules
from patients.writing import open_for_writing, record_changed

Status = ClinicalNote.Status


class NoteConflict(Stale):
    """Somebody else saved the note since this text was begun. Carries what is there now; only somebody who may read the
    note gets here."""

    def __init__(self, *, text: str, version: int, saved_name: str, saved_at: datetime | None, state: str) -> None:
        super().__init__()
        self.text = text
        self.version = version
        self.saved_name = saved_name
        self.saved_at = saved_at
        self.state = state

    def members(self) -> dict[str, Any]:
        return {
            "current": {
                "text": self.text,
                "version": self.version,
                "saved_by": self.saved_name,
                "saved_at": self.saved_at.isoformat() if self.saved_at else None,
                "status": self.state,
            }
        }


@dataclass(frozen=True, slots=True)
class NoteState:
    id: UUID
    version: int
    status: str
    saved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteHead:
    """What a note is about. It is fixed by the first signature."""

    kind: str = ClinicalNote.Kind.CONSULTATION.value
    occurred_at: datetime | None = None
    encounter_id: UUID | None = None


def save_draft(
    *,
    actor: User,
    patient_id: UUID,
    note_id: UUID,
    version: int,
    text: str,
    head: NoteHead | None = None,
    page_id: UUID | None = None,
) -> NoteState:
    """Keep what was typed so far. `version` 0 makes the note, under an id that the page chose: sent twice, it is one.
    `page_id` names the open page, whose own earlier save is no conflict when its answer was lost.

    On a signed note, it begins or continues the amendment. Raises `NotFound`, `Refused`, `Invalid`, `Conflict` for a
    note that this actor may not write, `NoteConflict` when somebody saved since `version`.
    """
    open_for_writing(actor=actor, patient_id=patient_id, resource="note", resource_id=note_id)
    text = _checked(text)
    values = _checked_head(patient_id, head or NoteHead())
    return _save(actor, patient_id, note_id, version, text, values if head else {}, page_id)


@transactional(DEFAULT)
def _save(
    actor: User,
    patient_id: UUID,
    note_id: UUID,
    version: int,
    text: str,
    head: dict[str, Any],
    page_id: UUID | None,
) -> NoteState:
    now = clock.now()
    draft: dict[str, Any] = {
        "draft": text,
        "draft_saved_at": now,
        "draft_saved_by_id": actor.id,
        "draft_page": page_id,
    }
    if version == 0:
        fresh = {
            "patient_id": patient_id,
            "author_id": actor.id,
            "search_text": _search_text(text),
            "occurred_at": now,
            **draft,
            **head,
        }
        note, created = ClinicalNote.objects.get_or_create(id=note_id, defaults=fresh)
        if created:
            return _state(note)
    note = _locked(patient_id, note_id)
    if note.version == version + 1 and note.draft == text and note.draft_saved_by_id == actor.id:
        return _state(note)  # the same save once more
    if not _is_current(note, version, page_id):
        raise _conflict(note)
    if not note_rules.may_draft(note.status, is_author=note.author_id == actor.id):
        raise Conflict(_("A signed note is amended by who signed it. Write a note of your own."))
    _keep_draft(note, actor, text)
    changes = {**draft, "search_text": _search_text(_signed_text(note), text), "changed_at": now}
    if note.status == Status.PRELIMINARY:
        changes |= head
    _compare_and_set(note, changes)
    return _state(note)


def sign_note(
    *,
    actor: User,
    patient_id: UUID,
    note_id: UUID,
    version: int,
    text: str,
    reason: str = "",
    head: NoteHead | None = None,
    page_id: UUID | None = None,
) -> NoteState:
    """Sign `text` as the note's next version; from the second on with the reason. Raises as `save_draft`."""
    open_for_writing(actor=actor, patient_id=patient_id, resource="note", resource_id=note_id)
    text = _checked(text)
    if not text.strip():
        raise Invalid({"text": [_("There is nothing to sign. Write the note first.")]})
    reason = checked_reason(reason)
    values = _checked_head(patient_id, head or NoteHead())
    return _sign(actor, patient_id, note_id, version, text, reason, values if head else {}, page_id)


@transactional(DEFAULT)
def _sign(
    actor: User,
    patient_id: UUID,
    note_id: UUID,
    version: int,
    text: str,
    reason: str,
    head: dict[str, Any],
    page_id: UUID | None,
) -> NoteState:
    if version == 0 and not ClinicalNote.objects.filter(id=note_id).exists():
        _save(actor, patient_id, note_id, 0, text, head, page_id)
        version = 1
    note = _locked(patient_id, note_id)
    newest = NoteVersion.objects.filter(note_id=note.id).order_by("-number").first()
    signed_now = newest is not None and (newest.text, newest.signed_by_id) == (text, actor.id)
    if signed_now and note.draft is None and note.status != Status.ENTERED_IN_ERROR and note.version > version:
        return _state(note)  # the button was pressed twice
    if not _is_current(note, version, page_id):
        raise _conflict(note)
    if not note_rules.may_sign(note.status, is_author=note.author_id == actor.id):
        raise Conflict(_("A note is signed by who began it, and not once it is withdrawn."))
    if newest is not None:
        if not reason:
            raise Invalid({"reason": [_("Say why the signed text is amended.")]})
        if newest.text == text:
            raise Invalid({"text": [_("This is the signed text, unchanged: there is nothing to amend.")]})
    now = clock.now()
    status = Status.FINAL if newest is None else Status.AMENDED
    _keep_draft(note, actor, text)
    NoteVersion.objects.create(
        note=note,
        number=newest.number + 1 if newest else 1,
        status=status,
        text=text,
        reason=reason if newest else "",
        signed_at=now,
        signed_by=actor,
        signed_name=actor.full_name,
    )
    changes = head if note.status == Status.PRELIMINARY else {}
    _compare_and_set(
        note, {**changes, "status": status, "draft": None, "search_text": _search_text(text, ""), "changed_at": now}
    )
    record_changed(patient_id)
    return _state(note)


def is_doctor(actor: User) -> bool:
    return has_role(actor, Role.DOCTOR)


def withdraw_note(*, actor: User, patient_id: UUID, note_id: UUID, version: int, reason: str) -> NoteState:
    """Say that the note should not be there: it stays, crossed out, with the reason. A draft may be withdrawn too.

    By its author or a doctor. Raises as `sign_note`.
    """
    open_for_writing(actor=actor, patient_id=patient_id, resource="note", resource_id=note_id)
    reason = checked_reason(reason)
    if not reason:
        raise Invalid({"reason": [_("Say why this note is withdrawn.")]})
    return _withdraw(actor, patient_id, note_id, version, reason)


@transactional(DEFAULT)
def _withdraw(actor: User, patient_id: UUID, note_id: UUID, version: int, reason: str) -> NoteState:
    note = _locked(patient_id, note_id)
    if note.status == Status.ENTERED_IN_ERROR and note.version == version + 1:
        return _state(note)
    if note.version != version:
        raise _conflict(note)
    is_author = note.author_id == actor.id
    if not note_rules.may_withdraw(note.status, is_author=is_author, is_doctor=is_doctor(actor)):
        raise Conflict(_("A note is withdrawn by its author or a doctor, once."))
    newest = NoteVersion.objects.filter(note_id=note.id).order_by("-number").first()
    if newest is not None and note.draft is not None:
        _put_aside(note)
    now = clock.now()
    NoteVersion.objects.create(
        note=note,
        number=newest.number + 1 if newest else 1,
        status=Status.ENTERED_IN_ERROR,
        text=newest.text if newest else note.draft or "",
        reason=reason,
        signed_at=now,
        signed_by=actor,
        signed_name=actor.full_name,
    )
    _compare_and_set(note, {"status": Status.ENTERED_IN_ERROR, "draft": None, "changed_at": now})
    record_changed(patient_id)
    return _state(note)


def drop_amendment(*, actor: User, patient_id: UUID, note_id: UUID, version: int) -> NoteState:
    """Leave the signed text as it is; the draft of the amendment is put with the earlier drafts."""
    open_for_writing(actor=actor, patient_id=patient_id, resource="note", resource_id=note_id)
    return _drop(actor, patient_id, note_id, version)


@transactional(DEFAULT)
def _drop(actor: User, patient_id: UUID, note_id: UUID, version: int) -> NoteState:
    note = _locked(patient_id, note_id)
    if note.draft is None and note.version == version + 1:
        return _state(note)
    if note.version != version:
        raise _conflict(note)
    signed = note.status in (Status.FINAL, Status.AMENDED)
    if not signed or note.author_id != actor.id or note.draft is None:
        raise Conflict(_("There is no amendment of yours to drop."))
    _put_aside(note)
    _compare_and_set(note, {"draft": None, "search_text": _search_text(_signed_text(note), "")})
    return _state(note)


# --- Parts ------------------------------------------------------------------------------------------------------------
def _locked(patient_id: UUID, note_id: UUID) -> ClinicalNote:
    note = ClinicalNote.objects.select_for_update().filter(id=note_id, patient_id=patient_id).first()
    if note is None:
        raise NotFound
    return note


def _is_current(note: ClinicalNote, version: int, page_id: UUID | None) -> bool:
    """Whether a text made from `version` follows what is there: nobody saved since, or nobody but this very page."""
    return note.version == version or (page_id is not None and note.draft is not None and note.draft_page == page_id)


def _compare_and_set(note: ClinicalNote, changes: dict[str, Any]) -> None:
    """The condition is part of the UPDATE: of two writers at once one wins, also where rows are not locked."""
    rows = ClinicalNote.objects.filter(id=note.id, version=note.version)
    if not rows.update(version=note.version + 1, **changes):
        raise _conflict(ClinicalNote.objects.get(id=note.id))
    note.refresh_from_db()


def _state(note: ClinicalNote) -> NoteState:
    return NoteState(note.id, note.version, note.status, note.draft_saved_at)


def _signed_text(note: ClinicalNote) -> str:
    return NoteVersion.objects.filter(note_id=note.id).order_by("-number").values_list("text", flat=True).first() or ""


def _conflict(note: ClinicalNote) -> NoteConflict:
    newest = NoteVersion.objects.filter(note_id=note.id).order_by("-number").first()
    name, at = (note.draft_saved_by.full_name if note.draft_saved_by else ""), note.draft_saved_at
    text = note.draft or ""
    if note.draft is None and newest is not None:
        text, name, at = newest.text, newest.signed_name, newest.signed_at
    return NoteConflict(text=text, version=note.version, saved_name=name, saved_at=at, state=note.status)


def _keep_draft(note: ClinicalNote, actor: User, text: str) -> None:
    """A colleague's draft that somebody saves over, having seen it, is kept; one's own half sentence is not."""
    if note.draft and note.draft != text and note.draft_saved_by_id != actor.id:
        _put_aside(note)


def _put_aside(note: ClinicalNote) -> None:
    if note.draft and note.draft_saved_by_id is not None:
        NoteDraft.objects.create(
            note=note,
            text=note.draft,
            saved_at=note.draft_saved_at or clock.now(),
            saved_by_id=note.draft_saved_by_id,
        )


def _search_text(*texts: str) -> str:
    # Each word once before the costly part: a long note has few different ones.
    return rules.search_text(" ".join(dict.fromkeys(" ".join(texts).split())))


def _checked(text: str) -> str:
    text = note_rules.as_typed(text)
    if note_rules.unstorable(text):
        raise Invalid({"text": [_("This holds a character that cannot be stored (NUL). Remove it.")]})
    if len(text) > note_rules.LONGEST_NOTE:
        sizes = {"count": note_rules.LONGEST_NOTE, "length": len(text)}
        raise Invalid(
            {"text": [_("At most %(count)d characters; this has %(length)d. Add it as a document instead.") % sizes]}
        )
    return text


def checked_reason(reason: str) -> str:
    reason = note_rules.as_typed(reason).strip()
    if note_rules.unstorable(reason):
        raise Invalid({"reason": [_("This holds a character that cannot be stored (NUL). Remove it.")]})
    if len(reason) > note_rules.LONGEST_REASON:
        sizes = {"count": note_rules.LONGEST_REASON, "length": len(reason)}
        raise Invalid({"reason": [_("At most %(count)d characters; this has %(length)d.") % sizes]})
    return reason


def _checked_head(patient_id: UUID, head: NoteHead) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    if head.kind not in ClinicalNote.Kind.values:
        errors["kind"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(ClinicalNote.Kind.values)}]
    if head.encounter_id and not Encounter.objects.filter(id=head.encounter_id, patient_id=patient_id).exists():
        errors["encounter_id"] = [_("This patient has no such encounter.")]
    occurred_at = head.occurred_at or clock.now()
    if fault := date_fault(patient_id, occurred_at):
        errors["occurred_at"] = [fault]
    if errors:
        raise Invalid(errors)
    return {"kind": head.kind, "occurred_at": occurred_at, "encounter_id": head.encounter_id}


def date_fault(patient_id: UUID, at: datetime, *, future: bool = False) -> str:
    """What is wrong with the date of something that happened to this patient; empty when nothing is."""
    birth: date | None = Patient.objects.filter(id=patient_id).values_list("birth_date", flat=True).first()
    if birth is not None and timezone.localdate(at) < birth:
        return _("This is before the patient was born.")
    # The clocks of two machines differ by a little.
    if not future and (at - clock.now()).total_seconds() > rules.CLOCKS_DIFFER:
        return _("This is in the future.")
    return ""
