"""Sending. A mail is claimed by one worker, sent, and marked; each step by comparison, so two workers never send one.

A worker killed between the mail server's answer and the mark leaves a mail that is sent again when its claim has
expired. It carries the same Message-ID, by which mail programs know the second copy: SMTP itself offers no better.

What a mail says is asked again when it is handed over (`register_claim`), and mails about one thing leave in order. So
nobody reads "booked" after "cancelled": a promise that the cancellation overtook is dropped, and the cancellation waits
for the one that is on its way.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from datetime import timedelta
from email.mime.base import MIMEBase
from email.mime.text import MIMEText
from email.utils import parseaddr
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F, Q

from medisecure.kernel import clock
from medisecure.notifications.models import Message

log = logging.getLogger(__name__)

#: A claim that is older than this belongs to a worker that died.
CLAIM = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(hours=1)
BATCH = 200
#: How long a mail waits before it asks again whether the one before it has left.
IN_LINE = timedelta(seconds=2)

_claims: dict[str, Callable[[str], bool]] = {}

#: What remains of a mail's words once it has left, or never will.
_BLANK: Final[dict[str, object]] = {"subject": "", "text": "", "html": "", "attachments": []}


def register_claim(word: str, holds: Callable[[str], bool]) -> None:
    """`holds` is asked just before a mail leaves whose claim is `word:…`: False, and it is dropped."""
    _claims[word] = holds


def _holds(message: Message) -> bool:
    holds = _claims.get(message.claim.partition(":")[0])
    return holds is None or holds(message.claim)


def _waits_for_another(message: Message) -> bool:
    unsent = (Message.Status.QUEUED, Message.Status.SENDING)
    earlier = Message.objects.filter(thread=message.thread, status__in=unsent, id__lt=message.id)
    return bool(message.thread) and earlier.exists()


def due(limit: int = BATCH) -> list[UUID]:
    """Mails to send now: due ones, and those whose sender died. Oldest first."""
    now = clock.now()
    waiting = Q(status=Message.Status.QUEUED) | Q(status=Message.Status.SENDING)
    return list(
        Message.objects.filter(waiting, due_at__lte=now).order_by("due_at").values_list("id", flat=True)[:limit]
    )


def send(message_id: UUID) -> bool:
    """Send one mail unless another worker has it or it is sent. Returns True when it went out now.

    A refusal that cannot change (SMTP 5xx for the recipient) marks it failed; anything else is tried again with growing
    pauses, without end: a promised mail is not dropped because a server was away.
    """
    now = clock.now()
    claimable = Message.objects.filter(
        Q(status=Message.Status.QUEUED) | Q(status=Message.Status.SENDING), id=message_id, due_at__lte=now
    )
    # `due_at` of a claimed mail is the end of the claim: the same comparison finds due and abandoned ones.
    if not claimable.update(status=Message.Status.SENDING, due_at=now + CLAIM, attempts=F("attempts") + 1):
        return False
    message = Message.objects.get(id=message_id)
    if _waits_for_another(message):
        # Waiting is no try: the pauses after a refusal grow with those.
        _finish(message, status=Message.Status.QUEUED, due_at=clock.now() + IN_LINE, attempts=F("attempts") - 1)
        return False
    if not _holds(message):
        _finish(message, status=Message.Status.DROPPED, **_BLANK)
        return False
    try:
        _compose(message).send()
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
