"""Messages that nobody could handle: collected from the broker, looked at, sent again or dropped."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Collection
from dataclasses import asdict
from uuid import UUID

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import dead_letters
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import NotFound, Refused
from medisecure.kernel.transactions import atomic
from medisecure.ops.models import DeadLetter

log = logging.getLogger(__name__)


def collect() -> int:
    """Bring the broker's dead messages into the database. Each is let go there when it is committed here; one that is
    read again, because this was interrupted, is kept once."""
    return dead_letters.take(_keep)


def _keep(letter: dead_letters.Letter) -> None:
    row = DeadLetter(subject=_subject(letter)[:300], **asdict(letter))
    DeadLetter.objects.bulk_create([row], ignore_conflicts=True)
    log.error("a message of queue %s failed for good: %s %s", letter.queue, letter.task, letter.error or letter.reason)


def _subject(letter: dead_letters.Letter) -> str:
    """Which consumer was to have which event; nothing of what other tasks are given."""
    if letter.task != "kernel.deliver":
        return ""
    try:
        _args, given, _embed = json.loads(base64.b64decode(letter.body))
        return f"{given['consumer']} {UUID(given['event_id'])}"
    except (ValueError, KeyError, TypeError):
        return ""


def retry(ids: Collection[UUID], *, actor: User | None) -> int:
    """Send them again, with all their tries before them. `actor` None is whoever runs a command on the server.

    A message is deleted here once the broker has it; a process that ends in between leaves it to be sent again, which
    every task must stand. Raises `Refused`, `NotFound`.
    """
    rows = _chosen(ids, actor)
    for row in rows:
        _note(actor, "retry", row)
        dead_letters.send_again(
            queue=row.queue,
            body=row.body,
            content_type=row.content_type,
            content_encoding=row.content_encoding,
            headers=row.headers,
        )
        DeadLetter.objects.filter(id=row.id).delete()
    return len(rows)


def drop(ids: Collection[UUID], *, actor: User | None) -> int:
    """Delete them for good. Raises `Refused`, `NotFound`."""
    rows = _chosen(ids, actor)
    for row in rows:
        with atomic(DEFAULT):
            _note(actor, "drop", row)
            DeadLetter.objects.filter(id=row.id).delete()
    return len(rows)


def _chosen(ids: Collection[UUID], actor: User | None) -> list[DeadLetter]:
    if actor is not None and not actor.has_perm("ops.manage_deadletter"):
        raise Refused
    rows = list(DeadLetter.objects.filter(id__in=ids).order_by("id"))
    if len(rows) != len(set(ids)):
        raise NotFound
    return rows


def _note(actor: User | None, action: str, row: DeadLetter) -> None:
    record_access(
        actor=actor,
        patient_id=None,
        action=action,
        resource="dead_letter",
        resource_id=row.id,
        purpose="operations",
        right="role" if actor else "system",
    )
