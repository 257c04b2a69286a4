"""What other apps may ask of notifications. What tells somebody is written on the default database, in the caller's
transaction."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import translation

from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import on_commit
from medisecure.notifications import push
from medisecure.notifications.choices import ChannelChoice, TopicChoice, choices_of, choose, wants
from medisecure.notifications.kinds import SENTENCES
from medisecure.notifications.models import Channel, Choice, Device, Message, Notice
from medisecure.notifications.push import devices_of, public_key, register, unregister
from medisecure.notifications.services import register_claim

__all__ = [
    "Attachment",
    "ChannelChoice",
    "NoticeLine",
    "TopicChoice",
    "choices_of",
    "choose",
    "count_about",
    "devices_of",
    "erase_about",
    "mark_read",
    "notices_for",
    "notify_user",
    "public_key",
    "queue_mail",
    "queue_plain_mail",
    "register",
    "register_claim",
    "rows_about",
    "sent_at_by_key",
    "unread_count",
    "unregister",
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

    Returns False, and does nothing, when a mail with this `dedupe_key` was promised before, there is no address, or the
    account of `user_id` wants no mail of the kind. The
    mail leaves after the commit; a worker that dies on the way is followed by another. Mails of one `thread` leave in
    order; one whose `claim` (see `register_claim`) no longer holds when it would leave is dropped.
    """
    if not to_email or not wants(user_id, template, Channel.MAIL):
        return False
    with translation.override(language):
        values = {**context, "public_url": settings.PUBLIC_URL}
        subject = " ".join(render_to_string(f"emails/{template}.subject.txt", values).split())
        text = render_to_string(f"emails/{template}.txt", values)
        html = render_to_string(f"emails/{template}.html", values)
    return _promise_mail(
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
    if not to_email or not wants(user_id, kind, Channel.MAIL):
        return False
    return _promise_mail(
        dedupe_key=dedupe_key,
        to_email=to_email,
        language=language,
        kind=kind,
        subject=subject,
        text=text,
        html=html,
        user_id=user_id,
        attachments=attachments,
        thread=thread,
        claim=claim,
    )


def _promise_mail(
    *,
    dedupe_key: str,
    to_email: str,
    language: str,
    kind: str,
    subject: str,
    text: str,
    html: str,
    user_id: UUID | None,
    attachments: Sequence[Attachment],
    thread: str,
    claim: str,
) -> bool:
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
    model: Any = type(row)
    model._default_manager.bulk_create([row], ignore_conflicts=True)
    return bool(model._default_manager.filter(id=row.id).exists())


def _longest(field: str) -> int | None:
    longest: int | None = getattr(Message._meta.get_field(field), "max_length", None)
    return longest


def _nudge(channel: Channel = Channel.MAIL) -> None:
    from medisecure.notifications.tasks import nudge_sender

    nudge_sender(channel)


def notify_user(
    *,
    dedupe_key: str,
    user_id: UUID | None,
    kind: str,
    url: str = "",
    words: str = "",
    thread: str = "",
    claim: str = "",
) -> bool:
    """Tell somebody in the portal and on each of their devices, as far as they want it, once per `dedupe_key`.

    `words` follow the kind's sentence on the device; no name, nothing clinical. `thread` and `claim` are those of
    `queue_mail`. False when the notice was there, is not wanted, or there is nobody to tell.
    """
    if kind not in SENTENCES:
        raise ValueError(f"unknown kind of notice {kind!r}")
    if user_id is None:
        return False
    _queue_pushes(dedupe_key, user_id, kind, url, words, thread, claim)
    if not wants(user_id, kind, Channel.IN_APP):
        return False
    return _insert(Notice(dedupe_key=dedupe_key, user_id=user_id, kind=kind, url=url))


def _queue_pushes(dedupe_key: str, user_id: UUID, kind: str, url: str, words: str, thread: str, claim: str) -> None:
    devices = push.devices_of(user_id)
    if not devices or not wants(user_id, kind, Channel.PUSH):
        return
    text = push.payload(user_id=user_id, kind=kind, url=url, words=words, tag=thread or str(new_id()))
    rows = [
        Message(
            dedupe_key=f"{dedupe_key}:push:{device.id}",
            channel=Channel.PUSH,
            device_id=device.id,
            user_id=user_id,
            template=kind,
            text=text,
            # Each device has a line of its own; a mark, because a thread's name may fill its column.
            thread=hashlib.sha256(f"{thread}:{device.id}".encode()).hexdigest() if thread else "",
            claim=claim,
        )
        for device in devices
    ]
    Message.objects.bulk_create(rows, ignore_conflicts=True)
    on_commit(DEFAULT, functools.partial(_nudge, Channel.PUSH), robust=True)


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
        mails.values("id", "channel", "to_email", "language", "template", "status", "created_at", "sent_at").iterator(),
    )
    notices = Notice.objects.filter(user_id=user_id).order_by("id")
    yield "notices", notices.values("id", "kind", "url", "created_at", "read_at").iterator()
    yield "devices", Device.objects.filter(user_id=user_id).values("id", "platform", "created_at").iterator()
    yield "message_choices", Choice.objects.filter(user_id=user_id).values("id", "topic", "channel").iterator()


def erase_about(user_id: UUID) -> int:
    """Delete a person's notices, messages, devices and choices. Returns how many rows."""
    return sum(rows.delete()[0] for rows in _rows_of(user_id))


def count_about(user_id: UUID) -> int:
    return sum(rows.count() for rows in _rows_of(user_id))


def _rows_of(user_id: UUID) -> list[QuerySet[Any]]:
    models: tuple[Any, ...] = (Notice, Message, Device, Choice)
    return [model.objects.filter(user_id=user_id) for model in models]


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
