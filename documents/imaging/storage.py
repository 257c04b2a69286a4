"""Bytes between object storage and the folder where a worker looks at them."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Final
from uuid import UUID

from documents import rules
from medisecure.kernel import objects
from medisecure.kernel.errors import Unavailable
from medisecure.kernel.ids import new_id

log = logging.getLogger(__name__)

_CHUNK: Final = 1024 * 1024


def fetch(bucket: str, key: str, to: Path) -> str:
    """Copy an object into a file, in pieces; returns its SHA-256. Raises `FileNotFoundError`, `Unavailable`."""
    digest = hashlib.sha256()
    try:
        with to.open("wb") as out:
            for piece in objects.Bucket(bucket).stream(key):
                digest.update(piece)
                out.write(piece)
    except FileNotFoundError:
        raise
    except Exception as error:  # each storage library has errors of its own
        log.error("object %s not read: %s", key, type(error).__name__)
        raise Unavailable from error
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(patient_id: UUID, path: Path, content_type: str, sha256: str = "") -> str:
    """Store a file among the images; returns its key. Raises `Unavailable`."""
    key = rules.object_key(patient_id, new_id(), sha256 or digest_of(path))
    try:
        with path.open("rb") as file:
            return objects.images().save(key, file, content_type)
    except Exception as error:
        log.error("object %s not stored: %s", key, type(error).__name__)
        discard(key)
        raise Unavailable from error


def discard(*keys: str) -> None:
    """Delete what nothing refers to any more. What cannot be deleted is logged by its key: it is waste, not a loss."""
    for key in keys:
        if not key:
            continue
        try:
            objects.images().delete(key)
        except Exception as error:  # noqa: BLE001 - see above
            log.error("object %s not deleted: %s", key, type(error).__name__)


def intact(key: str, sha256: str) -> bool:
    """Whether the storage gives back what was stored: read once more, whole."""
    digest = hashlib.sha256()
    try:
        for piece in objects.images().stream(key):
            digest.update(piece)
    except Exception as error:  # noqa: BLE001 - whatever the reason, it is not proved
        log.error("object %s not read again: %s", key, type(error).__name__)
        return False
    return digest.hexdigest() == sha256
