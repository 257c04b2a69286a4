from __future__ import annotations

import logging
import time
from uuid import UUID

from celery import shared_task
from django.conf import settings

from medisecure.notifications import services

log = logging.getLogger(__name__)

_paused_until = 0.0


def nudge_sender(message_id: UUID) -> None:
    """Ask a worker to send this mail now. When the broker is away the regular look at due mails sends it later."""
    global _paused_until
    if not settings.OUTBOX_NUDGE or time.monotonic() < _paused_until:
        return
    try:
        send_one.apply_async(args=(str(message_id),), queue="mail", retry=False)
    except Exception as error:  # noqa: BLE001 - the row is committed; whatever the broker says, the regular look finds it
        _paused_until = time.monotonic() + 5
        log.warning("mail %s not queued yet (%s)", message_id, type(error).__name__)


@shared_task(name="notifications.send_one")
def send_one(message_id: str) -> bool:
    return services.send(UUID(message_id))


@shared_task(name="notifications.send_due")
def send_due() -> int:
    """Send what the nudges missed, what is to be tried again, and what a dead worker left."""
    return sum(services.send(message_id) for message_id in services.due())
