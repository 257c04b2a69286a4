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
from medisecure.kernel.transactions import atomic, on_commit
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
    with atomic(DEFAULT):
        message, created = Message.objects.get_or_create(
            dedupe_key=dedupe_key,
            defaults={
                "user_id": user_id,
                "thread": thread,
                "claim": claim,
                "to_email": to_email,
                "language": language,
                "template": kind,
                "subject": " ".join(subject.split())[: _longest("subject")],
                "text": text,
                "html": html,
                "attachments": [
                    {"name": item.name, "type": item.content_type, "content": item.content} for item in attachments
                ],
            },
        )
        if created:
            on_commit(DEFAULT, lambda: _nudge(message.id), robust=True)
    return created


def _longest(field: str) -> int | None:
    longest: int | None = getattr(Message._meta.get_field(field), "max_length", None)
    return longest


def _nudge(message_id: UUID) -> None:
    from medisecure.notifications.tasks import nudge_sender

    nudge_sender(message_id)


def notify_user(*, dedupe_key: str, user_id: UUID | None, kind: str, url: str = "") -> bool:
    """Put one line in the person's in-app inbox, once per `dedupe_key`. False when it was there, or nobody to tell."""
    if kind not in SENTENCES:
        raise ValueError(f"unknown kind of notice {kind!r}")
    if user_id is None:
        return False
    _notice, created = Notice.objects.get_or_create(
        dedupe_key=dedupe_key, defaults={"user_id": user_id, "kind": kind, "url": url}
    )
    return created


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


def unread_count(user_id: UUID) -> int:
    return Notice.objects.filter(user_id=user_id, read_at=None).count()


def mark_read(user_id: UUID) -> None:
    Notice.objects.filter(user_id=user_id, read_at=None).update(read_at=clock.now())
