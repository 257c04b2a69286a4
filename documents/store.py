"""Bytes on their way into object storage: measured first, stored second, taken back when the rest fails."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import IO, Any, Final, cast
from uuid import UUID

from django.core.files.base import File
from django.utils.translation import gettext as _

from documents import dicom, rules, sniffing
from medisecure.kernel import objects
from medisecure.kernel.errors import Invalid, TooLarge, Unavailable
from medisecure.kernel.ids import new_id

log = logging.getLogger(__name__)

_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """What a file turned out to be. `size` in bytes, `sha256` in hexadecimal."""

    content_type: str
    size: int
    sha256: str
    dicom: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class StoredObject:
    bucket: str
    key: str


def too_large() -> TooLarge:
    limit = rules.MAX_BYTES // (1024 * 1024)
    return TooLarge(errors={"file": [_("The file may have at most %(limit)d MB.") % {"limit": limit}]})


def wrong_type() -> Invalid:
    text = _("The content of this file is of a type that is not taken. Taken are: %(types)s.")
    return Invalid({"file": [text % {"types": rules.ALLOWED_NAMES}]})


def inspect(file: File[bytes]) -> Content:
    """Read the file once, in pieces. Raises `TooLarge`; `Invalid` when it is empty or of a type that is not taken."""
    head, digest, size = b"", hashlib.sha256(), 0
    for piece in file.chunks(_CHUNK):
        size += len(piece)
        if size > rules.MAX_BYTES:
            raise too_large()
        if len(head) < sniffing.HEAD:
            head += piece[: sniffing.HEAD - len(head)]
        digest.update(piece)
    if not size:
        raise Invalid({"file": [_("The file is empty.")]})
    content_type = sniffing.content_type(head)
    if content_type is None:
        raise wrong_type()
    metadata = None
    if content_type == rules.DICOM:
        try:
            metadata = dicom.metadata(cast("IO[bytes]", file))
        except dicom.NotReadable:
            raise Invalid({"file": [_("This DICOM file is damaged or cut off.")]}) from None
    return Content(content_type, size, digest.hexdigest(), metadata)


def unknown(content: bytes) -> Content:
    """Bytes of a type that we do not know, for an import that must not lose them."""
    return Content(rules.UNKNOWN, len(content), hashlib.sha256(content).hexdigest(), None)


class _Checked(io.BufferedIOBase):
    """A file for the storage library to read, which remembers what went through."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        piece = self._file.read(-1 if size is None else size)
        self._digest.update(piece)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        position = self._file.seek(offset, whence)
        if position == 0:
            self._digest = hashlib.sha256()
        return position

    def tell(self) -> int:
        return self._file.tell()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def put(patient_id: UUID, file: IO[bytes], content: Content) -> StoredObject:
    """Store the bytes under a new key. Raises `Unavailable` when the storage refuses or does not answer."""
    bucket = objects.images() if content.content_type == rules.DICOM else objects.documents()
    wanted = StoredObject(bucket.name, rules.object_key(patient_id, new_id(), content.sha256))
    checked = _Checked(file)
    checked.seek(0)
    try:
        stored = StoredObject(bucket.name, bucket.save(wanted.key, cast("IO[bytes]", checked), content.content_type))
    except Exception as error:
        # Each storage library has errors of its own, and a part may have arrived.
        log.error("object %s not stored: %s", wanted.key, type(error).__name__)
        discard_objects([wanted])
        raise Unavailable from error
    if (found := _collected.get()) is not None:
        found.append(stored)
    if checked.sha256 != content.sha256:
        discard_objects([stored])
        raise Unavailable
    return stored


def discard_objects(stored: Iterable[StoredObject]) -> None:
    """Delete objects whose row was not written. What cannot be deleted is logged by its key."""
    for item in stored:
        try:
            objects.Bucket(item.bucket).delete(item.key)
        except Exception as error:  # noqa: BLE001  # the first failure is the one to tell
            log.error("object %s in %s not deleted: %s", item.key, item.bucket, type(error).__name__)


_collected: ContextVar[list[StoredObject] | None] = ContextVar("medisecure_collected_objects", default=None)


@contextmanager
def collecting_objects() -> Iterator[None]:
    """Around a transaction that stores objects: when it raises, they are deleted, because their rows were rolled back.

    with collecting_objects(), atomic(DEFAULT):
        import_document(...)
    """
    outer = _collected.get()
    found: list[StoredObject] = []
    token = _collected.set(found)
    try:
        yield
    except BaseException:
        discard_objects(found)
        raise
    else:
        if outer is not None:
            outer.extend(found)
    finally:
        _collected.reset(token)


def is_collecting() -> bool:
    return _collected.get() is not None
