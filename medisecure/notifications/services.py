"""Sending. Mails are claimed by one worker, sent one after the other over one connection, and each is marked as soon as
the mail server has it; each step by comparison, so two workers never send one.

A worker killed between the mail server's answer and the mark leaves a mail that is sent again when its claim has
expired. It carries the same Message-ID, by which mail programs know the second copy: SMTP itself offers no better. What
else it had claimed leaves then too, for the first time.

What a mail says is asked again when it is handed over (`register_claim`), and mails about one thing leave in order. So
nobody reads "booked" after "cancelled": a promise that the cancellation overtook is dropped, and the cancellation waits
for the one that is on its way.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from email.mime.base import MIMEBase
from email.mime.text import MIMEText
from email.utils import parseaddr
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import connections
from django.db.models import F, QuerySet

from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import transactional
from medisecure.kernel.web_push import Gone, Refused
from medisecure.notifications import push
from medisecure.notifications.models import Channel, Device, Message

log = logging.getLogger(__name__)

#: A claim that is older than this belongs to a worker that died.
CLAIM = timedelta(minutes=2)
#: What is left of a batch after so long is given back: a slow mail server must not outlast the claim.
PATIENCE = timedelta(seconds=30)
#: How long the answer to "is it still so?" counts.
FRESH = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=1)
BATCH = 100
#: How long a mail waits before it asks again whether the one before it has left.
IN_LINE = timedelta(seconds=2)

Ask = Callable[[Collection[str]], Collection[str]]
_claims: dict[str, Ask] = {}
_UNSENT: Final = (Message.Status.QUEUED, Message.Status.SENDING)

#: What remains of a mail's words once it has left, or never will.
_BLANK: Final[dict[str, object]] = {"subject": "", "text": "", "html": "", "attachments": []}


def register_claim(word: str, true_of: Ask) -> None:
    """`true_of` is asked just before mails leave whose claim is `word:…`: those it does not return are dropped."""
    _claims[word] = true_of


def _holding(claims: Collection[str]) -> set[str]:
    """Those that are true now; one question for each word, however many there are."""
    by_word: dict[str, list[str]] = {}
    for claim in claims:
        by_word.setdefault(claim.partition(":")[0], []).append(claim)
    found: set[str] = set()
    for word, same in by_word.items():
        found |= set(_claims[word](same)) if word in _claims else set(same)
    return found


def due(limit: int = BATCH, channel: Channel = Channel.MAIL) -> list[UUID]:
    """Messages to send now: due ones, and those whose sender died. Oldest first."""
    return list(_due(clock.now()).filter(channel=channel).values_list("id", flat=True)[:limit])


def _due(now: datetime) -> QuerySet[Message]:
    return Message.objects.filter(status__in=_UNSENT, due_at__lte=now).order_by("due_at", "id")


@transactional(DEFAULT)
def _claim(limit: int = BATCH, **which: object) -> list[Message]:
    """Take due messages of those that `which` names. Nobody else can take them before their claim expires."""
    now = clock.now()
    rows = _due(now).filter(**which)
    if connections[DEFAULT].features.has_select_for_update_skip_locked:
        # SQLite has no locks on rows, and lets one transaction write at a time.
        rows = rows.select_for_update(skip_locked=True)
    found = list(rows[:limit])
    if found:
        # `due_at` of a claimed mail is the end of the claim: the same comparison finds due and abandoned ones.
        Message.objects.filter(id__in=[row.id for row in found]).update(
            status=Message.Status.SENDING, due_at=now + CLAIM, attempts=F("attempts") + 1
        )
    for row in found:
        row.attempts += 1
    return found


def send(message_id: UUID) -> bool:
    """Send one mail unless another worker has it or it is sent. Returns True when it went out now."""
    return _hand_over(_claim(id=message_id)) == 1


def send_due(channel: Channel = Channel.MAIL) -> int:
    """Send what is due by this channel, batch by batch. Returns how many went out.

    A refusal that cannot change (SMTP 5xx for the recipient) marks a mail failed; anything else is tried again with
    growing pauses, without end: a promised mail is not dropped because a server was away.
    """
    sent = 0
    while batch := _claim(channel=channel):
        sent += _hand_over(batch)
        if len(batch) < BATCH:
            break
    return sent


def _hand_over(batch: Sequence[Message]) -> int:
    """Send what was claimed, in the order of the promises, over one connection. Returns how many went out."""
    if not batch:
        return 0
    started, sent = clock.now(), 0
    ordered = sorted(batch, key=lambda row: row.id)
    line, true_now = _Line(ordered), _Truth()
    with _Server() as server:
        for number, message in enumerate(ordered):
            if clock.now() - started > PATIENCE:
                _give_back(ordered[number:])
                break
            if line.waits(message):
                # Waiting is no try: the pauses after a refusal grow with those.
                later = clock.now() + IN_LINE
                _finish(message, status=Message.Status.QUEUED, due_at=later, attempts=message.attempts - 1)
            elif not true_now.of(message, ordered[number:]):
                _finish(message, status=Message.Status.DROPPED, **_BLANK)
                line.left(message)
            elif _push_one(message) if message.channel == Channel.PUSH else _send_one(message, server):
                sent += 1
                line.left(message)
    return sent


class _Line:
    """Who stands before whom: the unsent mails of each thread that is in the batch, asked once."""

    def __init__(self, batch: Sequence[Message]) -> None:
        threads = {message.thread for message in batch if message.thread}
        self.waiting: dict[str, set[UUID]] = {}
        if threads:
            unsent = Message.objects.filter(channel=batch[0].channel, thread__in=threads, status__in=_UNSENT)
            for thread, message_id in unsent.values_list("thread", "id"):
                self.waiting.setdefault(thread, set()).add(message_id)

    def waits(self, message: Message) -> bool:
        return any(other < message.id for other in self.waiting.get(message.thread, ()))

    def left(self, message: Message) -> None:
        self.waiting.get(message.thread, set()).discard(message.id)


class _Truth:
    """Which claims hold: asked for all that is left of the batch at once, and again when the answer is not fresh."""

    def __init__(self) -> None:
        self.asked: datetime | None = None
        self.holding: set[str] = set()

    def of(self, message: Message, rest: Sequence[Message]) -> bool:
        if not message.claim:
            return True
        now = clock.now()
        if self.asked is None or now - self.asked > FRESH:
            self.asked, self.holding = now, _holding({row.claim for row in rest if row.claim})
        return message.claim in self.holding


class _Server:
    """One connection for a batch, opened by the first mail and anew after an error."""

    def __enter__(self) -> _Server:
        self.connection = get_connection()
        return self

    def __exit__(self, *exc: object) -> None:
        self.connection.close()

    def take(self, mail: EmailMultiAlternatives) -> None:
        self.connection.open()
        mail.connection = self.connection
        try:
            mail.send()
        except smtplib.SMTPRecipientsRefused:
            raise
        except Exception:
            # What the connection is in the middle of, nobody knows.
            self.connection.close()
            raise


def _send_one(message: Message, server: _Server) -> bool:
    try:
        server.take(_compose(message))
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _text in error.recipients.values()]
        if codes and all(500 <= code < 600 for code in codes):
            # Nothing sends it again, and what it said may open an account.
            _finish(message, status=Message.Status.FAILED, last_error=f"SMTP {codes[0]}", **_BLANK)
            log.error("mail %s refused for good: SMTP %s", message.id, codes[0])
        else:
            _postpone(message, error)
        return False
    except (smtplib.SMTPException, OSError) as error:
        _postpone(message, error)
        return False
    _finish(message, status=Message.Status.SENT, sent_at=clock.now(), **_BLANK)
    return True


def _push_one(message: Message) -> bool:
    device = Device.objects.filter(id=message.device_id).first() if message.device_id else None
    if device is None:
        _finish(message, status=Message.Status.DROPPED, **_BLANK)
        return False
    try:
        push.send(device, message.text)
    except Gone:
        Device.objects.filter(id=device.id).delete()
        _finish(message, status=Message.Status.FAILED, last_error="gone", **_BLANK)
        return False
    except Refused as error:
        _finish(message, status=Message.Status.FAILED, last_error=str(error)[:100], **_BLANK)
        log.error("push %s refused for good: %s", message.id, error)
        return False
    except OSError as error:
        _postpone(message, error)
        return False
    _finish(message, status=Message.Status.SENT, sent_at=clock.now(), **_BLANK)
    return True


def _give_back(rest: Sequence[Message]) -> None:
    """What was claimed and not tried."""
    Message.objects.filter(id__in=[row.id for row in rest], status=Message.Status.SENDING).update(
        status=Message.Status.QUEUED, due_at=clock.now(), attempts=F("attempts") - 1
    )


def _finish(message: Message, **fields: object) -> None:
    Message.objects.filter(id=message.id, status=Message.Status.SENDING).update(**fields)


def _postpone(message: Message, error: Exception) -> None:
    pause = min(timedelta(seconds=5 * 2 ** min(message.attempts, 12)), LONGEST_PAUSE)
    _finish(message, status=Message.Status.QUEUED, due_at=clock.now() + pause, last_error=type(error).__name__)
    log.warning("mail %s not sent (%s); next try in %d s", message.id, type(error).__name__, pause.total_seconds())


def _compose(message: Message) -> EmailMultiAlternatives:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        to=[message.to_email],
        headers={
            "Message-ID": f"<{message.id}@{domain}>",
            # Automatic mail: no out-of-office answers (RFC 3834 §5).
            "Auto-Submitted": "auto-generated",
            "Content-Language": message.language,
        },
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    for item in message.attachments:
        mail.attach(_part(item["name"], item["type"], item["content"]))
    return mail


def _part(name: str, content_type: str, content: str) -> MIMEBase:
    subtype = content_type.partition(";")[0].partition("/")[2]
    part = MIMEText(content, subtype, "utf-8")
    for parameter in content_type.split(";")[1:]:
        key, _equals, value = parameter.strip().partition("=")
        part.set_param(key, value)
    part.add_header("Content-Disposition", "attachment", filename=name)
    return part
