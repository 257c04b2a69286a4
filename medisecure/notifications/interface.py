"""What other apps may ask of notifications. Both calls write on the default database, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import on_commit
from medisecure.notifications.kinds import SENTENCES
from medisecure.notifications.models import Message, Notice
from medisecure.notifications.services import register_claim

__all__ = [
    "Attachment",
    "NoticeLine",
    "count_about",
    "erase_about",
    "mark_read",
    "notices_for",
    "notify_user",
    "queue_mail",
    "queue_plain_mail",
    "register_claim",
    "rows_about",
    "sent_at_by_key",
    "unread_count",
]


@dataclass(frozen=True, slots=True)
class Attachment:
    """Text only; `content_type` with its parameters, e.g. "text/calendar; method=REQUEST; charset=utf-8"."""

    name: str
    content_type: str
    content: str


@dataclass(frozen=True, slots=True)
class NoticeLine:
    id: UUID
    sentence: str
    url: str
    created_at: datetime
    read: bool


def queue_mail(
    *,
    dedupe_key: str,
    to_email: str,
    language: str,
    template: str,
    context: Mapping[str, Any],
    user_id: UUID | None = None,
    attachments: Sequence[Attachment] = (),
    thread: str = "",
    claim: str = "",
) -> bool:
    """Promise one mail, made from `templates/emails/<template>.subject.txt`, `.txt` and `.html` in that language.

    Returns False, and does nothing, when a mail with this `dedupe_key` was promised before or there is no address. The
    mail leaves after the commit; a worker that dies on the way is followed by another. Mails of one `thread` leave in
    order; one whose `claim` (see `register_claim`) no longer holds when it would leave is dropped.
    """
    if not to_email:
        return False
    with translation.override(language):
        values = {**context, "public_url": settings.PUBLIC_URL}
        subject = " ".join(render_to_string(f"emails/{template}.subject.txt", values).split())
        text = render_to_string(f"emails/{template}.txt", values)
        html = render_to_string(f"emails/{template}.html", values)
    return queue_plain_mail(
        dedupe_key=dedupe_key,
        to_email=to_email,
        language=language,
        kind=template,
        subject=subject,
        text=text,
        html=html,
        user_id=user_id,
        attachments=attachments,
        thread=thread,
        claim=claim,
    )


def queue_plain_mail(
    *,
    dedupe_key: str,
    to_email: str,
    language: str,
    kind: str,
    subject: str,
    text: str,
    html: str = "",
    user_id: UUID | None = None,
    attachments: Sequence[Attachment] = (),
    thread: str = "",
    claim: str = "",
) -> bool:
    """Promise one mail whose words are made already; `kind` says in the log of mails what it was. Else `queue_mail`."""
    if not to_email:
        return False
    message = Message(
        dedupe_key=dedupe_key,
        user_id=user_id,
        thread=thread,
        claim=claim,
        to_email=to_email,
        language=language,
        template=kind,
        subject=" ".join(subject.split())[: _longest("subject")],
        text=text,
        html=html,
        attachments=[{"name": item.name, "type": item.content_type, "content": item.content} for item in attachments],
    )
    if not _insert(message):
        return False
    on_commit(DEFAULT, _nudge, robust=True)
    return True


def _insert(row: Message | Notice) -> bool:
    """Write the row unless one with its `dedupe_key` is there. Two statements, and no savepoint: PostgreSQL and SQLite
    both skip the conflict, also with a transaction that has not committed yet."""
    model = type(row)
    model._default_manager.bulk_create([row], ignore_conflicts=True)
    return model._default_manager.filter(id=row.id).exists()


def _longest(field: str) -> int | None:
    longest: int | None = getattr(Message._meta.get_field(field), "max_length", None)
    return longest


def _nudge() -> None:
    from medisecure.notifications.tasks import nudge_sender

    nudge_sender()


def notify_user(*, dedupe_key: str, user_id: UUID | None, kind: str, url: str = "") -> bool:
    """Put one line in the person's in-app inbox, once per `dedupe_key`. False when it was there, or nobody to tell."""
    if kind not in SENTENCES:
        raise ValueError(f"unknown kind of notice {kind!r}")
    if user_id is None:
        return False
    return _insert(Notice(dedupe_key=dedupe_key, user_id=user_id, kind=kind, url=url))


def notices_for(user_id: UUID, *, limit: int = 50) -> list[NoticeLine]:
    """The newest notices first, in the active language."""
    return [
        NoticeLine(row.id, str(SENTENCES.get(row.kind, row.kind)), row.url, row.created_at, row.read_at is not None)
        for row in Notice.objects.filter(user_id=user_id)[:limit]
    ]


def rows_about(user_id: UUID) -> Iterator[tuple[str, Iterator[Mapping[str, object]]]]:
    """(table, rows) of what is kept of the mails and notices to a person, for that person. What a mail said is dropped
    when it has left."""
    mails = Message.objects.filter(user_id=user_id).order_by("id")
    yield (
        "messages",
        mails.values("id", "to_email", "language", "template", "status", "created_at", "sent_at").iterator(),
    )
    notices = Notice.objects.filter(user_id=user_id).order_by("id")
    yield "notices", notices.values("id", "kind", "url", "created_at", "read_at").iterator()


def erase_about(user_id: UUID) -> int:
    """Delete a person's notices, and of their mails the address and what was not sent yet. Returns how many rows."""
    notices, _by_model = Notice.objects.filter(user_id=user_id).delete()
    mails, _by_model = Message.objects.filter(user_id=user_id).delete()
    return notices + mails


def count_about(user_id: UUID) -> int:
    return Notice.objects.filter(user_id=user_id).count() + Message.objects.filter(user_id=user_id).count()


def sent_at_by_key(keys: Sequence[str]) -> dict[str, datetime]:
    """When each of the promised messages left, of those that have."""
    found: dict[str, datetime] = {}
    for start in range(0, len(keys), 500):
        rows = Message.objects.filter(dedupe_key__in=keys[start : start + 500], status=Message.Status.SENT)
        found |= {key: at for key, at in rows.values_list("dedupe_key", "sent_at") if at is not None}
    return found


def unread_count(user_id: UUID) -> int:
    return Notice.objects.filter(user_id=user_id, read_at=None).count()


def mark_read(user_id: UUID) -> None:
    Notice.objects.filter(user_id=user_id, read_at=None).update(read_at=clock.now())
