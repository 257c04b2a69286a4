"""Adding a document in one request. Bytes first, then the row with its audit entry and event in one transaction: no row
points at nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import IO, Any, Final, cast
from uuid import UUID

from django.core.files.base import File
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from documents import readers, rules, scanning, store
from documents.models import FILENAME_LENGTH, TITLE_LENGTH, Audience, BucketName, Category, Document, ScanState
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, NotFound, Refused, Stale
from medisecure.kernel.ids import new_id
from medisecure.kernel.objects import pieces
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional
from patients.interface import (
    access_record,
    forget_record,
    is_patients_side,
    practitioner_for_user,
    record_right_of,
    visible_patients,
    work_units,
)

log = logging.getLogger(__name__)

#: A scanner that did not answer is asked again so soon.
_FIRST_PAUSE: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of a document by who adds it. `replaces`: the document of which this is a new version, which then
    gives its category; `unit_id`: for readers of the unit only."""

    title: str
    category: str
    audience: str = Audience.TREATING
    unit_id: UUID | None = None
    withheld_until: date | None = None
    replaces: UUID | None = None


def upload_document(
    *,
    actor: User,
    patient_id: UUID,
    file: File[bytes],
    title: str,
    category: str,
    purpose: str = "care",
    audience: str = Audience.TREATING,
    unit_id: UUID | None = None,
    withheld_until: date | None = None,
    replaces: UUID | None = None,
) -> Document:
    """Add a file to a patient's record and tell the others (`document.added`).

    `file` is read in pieces. Raises `NotFound` when the patient is out of sight; `Refused` when the actor may not open
    the record; `Invalid` naming the field, for `file` also when the scanner finds something; `TooLarge`; `Stale` when
    what it replaces has a newer version; `Unavailable` when the storage does not answer. A scanner that does not answer
    leaves the document in quarantine, and is asked again.
    """
    entry = Entry(title, category, audience, unit_id, withheld_until, replaces)
    right = require_upload(actor, patient_id)
    entry = checked_entry(actor, patient_id, entry, right)
    content = store.inspect(file)
    verdict = look(file)
    if verdict.state == ScanState.INFECTED:
        report_infected(actor, patient_id, None)
        raise Invalid({"file": [_("The malware scanner found something in this file. It was removed.")]})
    stored = store.put(patient_id, cast("IO[bytes]", file), content)
    try:
        return record_upload(
            actor=actor,
            patient_id=patient_id,
            document_id=new_id(),
            filename=file.name or "",
            entry=entry,
            purpose=purpose,
            content=content,
            stored=stored,
            verdict=verdict,
        )
    except (OperationalError, InterfaceError):
        # The connection broke, perhaps after the commit had arrived: a row without its bytes would be a loss, bytes
        # without a row are only waste.
        log.error("object %s kept: its row may have been written", stored.key)
        raise
    except BaseException:
        store.discard_objects([stored])
        raise


def require_upload(actor: User, patient_id: UUID) -> str:
    """By which right, before any byte is read. The door itself is passed in the transaction that writes."""
    right = record_right_of(actor, patient_id)
    if right is not None and (is_patients_side(right) or actor.has_perm("documents.upload_document")):
        return right
    if right is not None or visible_patients(actor).contains(patient_id):
        raise Refused(_("Documents are added by the patient, and by the doctors and nurses who treat them."))
    raise NotFound


def checked_entry(actor: User, patient_id: UUID, entry: Entry, right: str) -> Entry:
    """Raises `Invalid` with every field that is not valid, `NotFound` for a document to replace that is out of sight,
    `Refused` for one that is somebody else's to replace, `Stale` for one that has a newer version."""
    side = is_patients_side(right)
    errors: dict[str, list[str]] = {}
    title = rules.clean_title(entry.title)
    if not title:
        errors["title"] = [_("Give the document a title.")]
    elif len(title) > TITLE_LENGTH:
        errors["title"] = [_("The title may have at most %(limit)d characters.") % {"limit": TITLE_LENGTH}]
    categories = rules.PATIENT_CATEGORIES if side else Category.values
    if entry.category not in categories:
        errors["category"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(categories)}]
    audiences = [Audience.TREATING, Audience.DOCTORS] if side else Audience.values
    units = {} if side else work_units(actor)
    unit_id = (entry.unit_id or next(iter(units), None)) if entry.audience == Audience.UNIT else None
    if entry.audience not in audiences:
        errors["audience"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(audiences)}]
    elif entry.audience == Audience.UNIT and unit_id not in units:
        errors["audience"] = [_("You work in no such unit.")]
    if entry.withheld_until is not None:
        today = clock.today()
        if side:
            errors["withheld_until"] = [_("Only staff can withhold a document.")]
        elif not today < entry.withheld_until <= rules.last_release(today):
            text = _("Choose a day from tomorrow on, at most %(days)d days from now.")
            errors["withheld_until"] = [text % {"days": rules.MOST_WITHHELD_DAYS}]
    if errors:
        raise Invalid(errors)
    if entry.replaces is not None:
        _replaceable(actor, patient_id, entry.replaces, side=side)
    return Entry(title, entry.category, entry.audience, unit_id, entry.withheld_until, entry.replaces)


def _replaceable(actor: User, patient_id: UUID, document_id: UUID, *, side: bool) -> None:
    old = Document.objects.filter(id=document_id, patient_id=patient_id).first()
    if old is None or not readers.reader_of(actor, patient_id).may_read(old):
        raise NotFound
    if side and old.uploaded_by_id != actor.id:
        raise Refused(_("You can replace what you added yourself."))
    if not old.current:
        raise Stale


def look(file: File[bytes]) -> scanning.Verdict:
    """Ask the scanner; quarantine when it does not answer."""
    file.seek(0)
    try:
        return scanning.scan(pieces(cast("IO[bytes]", file)))
    except scanning.ScannerAway:
        return scanning.Verdict(ScanState.QUARANTINE)


def report_infected(actor: User | None, patient_id: UUID, document_id: UUID | None) -> None:
    """A security event: in the access log, and in the server's log without a name."""
    log.warning("security: malware in a file by account %s, refused", actor.id if actor else "of an import")
    record_access(
        actor=actor,
        patient_id=patient_id,
        action="refuse-infected",
        resource="document",
        resource_id=document_id,
        purpose="operations",
        right="system",
    )


@transactional(DEFAULT)
def record_upload(
    *,
    actor: User,
    patient_id: UUID,
    document_id: UUID,
    filename: str,
    entry: Entry,
    purpose: str,
    content: store.Content,
    stored: store.StoredObject,
    verdict: scanning.Verdict,
) -> Document:
    right = record_right_of(actor, patient_id)
    access_record(
        actor=actor,
        patient_id=patient_id,
        purpose=purpose,
        action="contribute" if right is not None and is_patients_side(right) else "create",
        resource="document",
        resource_id=document_id,
    )
    row = Document.objects.create(
        id=document_id,
        patient_id=patient_id,
        title=entry.title,
        category=entry.category,
        audience=entry.audience,
        unit_id=entry.unit_id,
        withheld_until=entry.withheld_until,
        filename=rules.clean_filename(filename, FILENAME_LENGTH),
        uploaded_by=actor,
        author_id=practitioner_for_user(actor.id),
        **_version_fields(patient_id, entry.replaces),
        **content_fields(content, stored),
        **verdict_fields(verdict),
    )
    if row.scan_state != ScanState.QUARANTINE:
        announce(row)
    forget_record(patient_id)
    return row


def announce(row: Document) -> None:
    """Others learn of it now: inside the caller's transaction, once its bytes may be handed out."""
    emit(
        DEFAULT,
        "document.added",
        {"document_id": str(row.id), "patient_id": str(row.patient_id), "category": row.category},
    )


def _version_fields(patient_id: UUID, replaces: UUID | None) -> dict[str, Any]:
    if replaces is None:
        return {}
    old = Document.objects.filter(id=replaces, patient_id=patient_id, current=True)
    found = old.values("id", "first_id", "version").first()
    # Two at once: one takes the place, the other is told.
    if found is None or not old.update(current=False):
        raise Stale
    return {"first_id": found["first_id"] or found["id"], "version": found["version"] + 1}


def verdict_fields(verdict: scanning.Verdict) -> dict[str, Any]:
    waiting = verdict.state == ScanState.QUARANTINE
    return {
        "scan_state": verdict.state,
        "scan_finding": verdict.finding,
        "scan_due_at": clock.now() + _FIRST_PAUSE if waiting else None,
    }


def content_fields(content: store.Content, stored: store.StoredObject) -> dict[str, Any]:
    return {
        "content_type": content.content_type,
        "size": content.size,
        "sha256": content.sha256,
        "dicom": content.dicom,
        "bucket": BucketName(stored.bucket),
        "key": stored.key,
    }
