"""A large file, from its first part to the last: begun or gone on with, signed, checked, given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from documents import rules, sniffing, store
from documents.models import FILENAME_LENGTH, Upload
from documents.services.adding import Entry, checked_entry, require_upload
from medisecure.accounts.models import User
from medisecure.kernel import clock, multipart, objects
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, TooLarge, Unavailable
from medisecure.kernel.ids import new_id
from medisecure.kernel.nudges import nudge
from medisecure.kernel.transactions import atomic, on_commit

#: A slow line needs minutes for one part.
PART_SECONDS: Final = 900
#: So many addresses are signed at a time.
MOST_SIGNED: Final = 100
#: One person has so many unfinished at most.
MOST_OPEN: Final = 20
LONGEST_SIZE_NAME: Final = 2**53


class UploadOver(Conflict):
    code = "upload-over"
    title = gettext_lazy("This upload is over. Please choose the file again.")


class UploadIncomplete(Conflict):
    code = "upload-incomplete"
    title = gettext_lazy("Some parts of the file have not arrived.")

    def __init__(self, missing: Sequence[int]) -> None:
        super().__init__()
        self.missing = list(missing)

    def members(self) -> dict[str, object]:
        return {"missing": self.missing[:MOST_SIGNED]}


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as its sender names it. `last_modified` in milliseconds since 1970, 0 when it is not known."""

    name: str
    size: int
    last_modified: int = 0
    declared_type: str = ""


@dataclass(frozen=True, slots=True)
class SignedPart:
    number: int
    start: int
    size: int
    url: str


@dataclass(frozen=True, slots=True)
class UploadLine:
    """`arrived`: the parts that are there; `reason` in words when it was refused."""

    id: UUID
    patient_id: UUID
    state: str
    reason: str
    reason_text: str
    title: str
    filename: str
    size: int
    part_size: int
    parts: int
    arrived: list[int]
    expires_at: datetime
    document_id: UUID | None

    @property
    def percent(self) -> int:
        return 100 * len(self.arrived) // self.parts


def begin_upload(*, actor: User, patient_id: UUID, entry: Entry, file: FileFacts, purpose: str = "care") -> UploadLine:
    """Begin an upload, or go on with the actor's own of the same file. Raises as `upload_document`."""
    right = require_upload(actor, patient_id)
    if file.size > settings.UPLOAD_MAX_BYTES:
        limit = settings.UPLOAD_MAX_BYTES // (1024 * 1024)
        raise TooLarge(errors={"file": [_("The file may have at most %(limit)d MB.") % {"limit": limit}]})
    if file.size < 1:
        raise Invalid({"file": [_("The file is empty.")]})
    name = rules.clean_filename(file.name, FILENAME_LENGTH) or "file"
    modified = file.last_modified if 0 <= file.last_modified < LONGEST_SIZE_NAME else 0
    mine = Upload.objects.filter(uploader=actor, state=Upload.State.OPEN, expires_at__gt=clock.now())
    known = mine.filter(patient_id=patient_id, filename=name, size=file.size, last_modified=modified).first()
    entry = checked_entry(actor, patient_id, entry, right)
    if known is not None and known.replaces_id == entry.replaces:
        return _go_on(known, entry)
    if mine.count() >= MOST_OPEN:
        raise Conflict(_("Finish or cancel your other uploads first."))
    upload_id = new_id()
    bucket, key = objects.documents(), rules.incoming_key(upload_id)
    try:
        storage_id = multipart.begin(bucket, key)
    except Exception as error:
        # Each storage library has errors of its own.
        raise Unavailable from error
    with atomic(DEFAULT):
        row = Upload.objects.create(
            id=upload_id,
            patient_id=patient_id,
            uploader=actor,
            purpose=purpose,
            filename=name,
            size=file.size,
            last_modified=modified,
            declared_type=file.declared_type[:100],
            part_size=rules.PART_BYTES,
            storage_id=storage_id,
            expires_at=_until(),
            **_entry_fields(entry),
        )
    return upload_line(row, [])


def _entry_fields(entry: Entry) -> dict[str, object]:
    return {
        "title": entry.title,
        "category": entry.category,
        "audience": entry.audience,
        "unit_id": entry.unit_id,
        "withheld_until": entry.withheld_until,
        "replaces_id": entry.replaces,
    }


def _until() -> datetime:
    return clock.now() + timedelta(hours=settings.UPLOAD_HOURS)


def _go_on(row: Upload, entry: Entry) -> UploadLine:
    """The words may be others than the first time: the last ones count."""
    arrived = _arrived(row)
    with atomic(DEFAULT):
        rows = Upload.objects.filter(id=row.id, state=Upload.State.OPEN)
        if not rows.update(expires_at=_until(), **_entry_fields(entry)):
            raise UploadOver
    row.refresh_from_db()
    return upload_line(row, arrived)


def find_upload(*, actor: User, upload_id: UUID) -> UploadLine:
    """One's own upload, with the parts that are there. Raises `NotFound`."""
    row = _own(actor, upload_id)
    return upload_line(row, _arrived(row) if row.state == Upload.State.OPEN else [])


def open_uploads(*, actor: User, patient_id: UUID | None = None) -> list[UploadLine]:
    """One's own unfinished uploads, about one patient or all, newest first. The parts are not counted."""
    rows = Upload.objects.filter(uploader=actor, state=Upload.State.OPEN, expires_at__gt=clock.now())
    if patient_id is not None:
        rows = rows.filter(patient_id=patient_id)
    return [upload_line(row, []) for row in rows[:MOST_OPEN]]


def sign_parts(*, actor: User, upload_id: UUID, numbers: Sequence[int]) -> list[SignedPart]:
    """Addresses to which these parts are PUT. The right to add to the record is asked for each time. Raises `NotFound`,
    `Refused`, `UploadOver`, `Invalid`."""
    row = _open(actor, upload_id)
    require_upload(actor, row.patient_id)
    if not numbers or len(numbers) > MOST_SIGNED:
        raise Invalid({"numbers": [_("Ask for 1 to %(most)d parts at a time.") % {"most": MOST_SIGNED}]})
    bucket, key = objects.documents(), rules.incoming_key(row.id)
    found = []
    for number in numbers:
        try:
            start, size = rules.part_place(number, row.size, row.part_size)
        except ValueError:
            raise Invalid({"numbers": [_("There is no such part.")]}) from None
        url = multipart.part_url(
            bucket, key, row.storage_id, number=number, start=start, size=size, seconds=PART_SECONDS
        )
        found.append(SignedPart(number, start, size, url))
    return found


def complete_upload(*, actor: User, upload_id: UUID) -> UploadLine:
    """All parts are there: the file goes into quarantine, and a worker looks at it. What is of a type that is not taken
    is refused at once. Raises `NotFound`, `Refused`, `UploadOver`, `UploadIncomplete`, `Invalid`, `Unavailable`.

    May be called again after a broken line: what has been completed is passed over.
    """
    row = _own(actor, upload_id)
    if row.state in (Upload.State.RECEIVED, Upload.State.DONE):
        return upload_line(row, [])
    row = _open(actor, upload_id)
    require_upload(actor, row.patient_id)
    bucket, key = objects.documents(), rules.incoming_key(row.id)
    try:
        missing = rules.missing_parts(multipart.parts(bucket, key, row.storage_id), row.size, row.part_size)
        if missing:
            raise UploadIncomplete(missing)
        count = rules.part_count(row.size, row.part_size)
        multipart.complete(bucket, key, row.storage_id, range(1, count + 1))
    except multipart.NoSuchUpload:
        # It was completed by a process that died before it could say so, or aborted.
        if not bucket.exists(key):
            raise UploadOver from None
    if bucket.size(key) != row.size:
        bucket.delete(key)
        end(row, Upload.State.REFUSED, Upload.Reason.DAMAGED)
        raise Invalid({"file": [str(Upload.Reason.DAMAGED.label)]})
    head = b"".join(bucket.stream(key, length=sniffing.HEAD))
    if sniffing.content_type(head) is None:
        bucket.delete(key)
        end(row, Upload.State.REFUSED, Upload.Reason.TYPE)
        raise store.wrong_type()
    with atomic(DEFAULT):
        rows = Upload.objects.filter(id=row.id, state=Upload.State.OPEN)
        if rows.update(state=Upload.State.RECEIVED, due_at=clock.now()):
            on_commit(DEFAULT, lambda: _nudge(row.id), robust=True)
    row.refresh_from_db()
    return upload_line(row, [])


def _nudge(upload_id: UUID) -> None:
    from documents.tasks import finish_upload

    nudge(
        lambda: finish_upload.apply_async(args=(str(upload_id),), queue="documents", retry=False), f"upload {upload_id}"
    )


def cancel_upload(*, actor: User, upload_id: UUID) -> None:
    """Give it up: its parts go at once. Raises `NotFound`, `UploadOver`."""
    row = _own(actor, upload_id)
    if not end(row, Upload.State.CANCELLED):
        raise UploadOver
    multipart.abort(objects.documents(), rules.incoming_key(row.id), row.storage_id)


def end(row: Upload, state: Upload.State, reason: str = "") -> bool:
    """From "open" to an end without a document. What it was called goes; that it was, stays for a while."""
    return bool(
        Upload.objects.filter(id=row.id, state=Upload.State.OPEN).update(
            state=state, reason=reason, ended_at=clock.now(), due_at=None, title="—", filename="—"
        )
    )


def _own(actor: User, upload_id: UUID) -> Upload:
    row = Upload.objects.filter(id=upload_id, uploader=actor).first()
    if row is None:
        raise NotFound
    return row


def _open(actor: User, upload_id: UUID) -> Upload:
    row = _own(actor, upload_id)
    if row.state != Upload.State.OPEN or row.expires_at <= clock.now():
        raise UploadOver
    return row


def _arrived(row: Upload) -> list[int]:
    try:
        found = multipart.parts(objects.documents(), rules.incoming_key(row.id), row.storage_id)
    except multipart.NoSuchUpload:
        return []
    missing = set(rules.missing_parts(found, row.size, row.part_size))
    return sorted(number for number in found if number not in missing)


def upload_line(row: Upload, arrived: list[int]) -> UploadLine:
    return UploadLine(
        id=row.id,
        patient_id=row.patient_id,
        state=row.state,
        reason=row.reason,
        reason_text=str(row.get_reason_display()) if row.reason else "",
        title=row.title,
        filename=row.filename,
        size=row.size,
        part_size=row.part_size,
        parts=rules.part_count(row.size, row.part_size),
        arrived=arrived,
        expires_at=row.expires_at,
        document_id=row.document_id,
    )
