"""When mails are sent: at once after the commit that promised them, and by a regular look."""

from __future__ import annotations

import logging
from typing import Final

from celery import current_task, shared_task
from django.core.cache import cache

from medisecure.kernel.event_queues import URGENT
from medisecure.kernel.nudges import nudge
from medisecure.notifications import services

log = logging.getLogger(__name__)

#: One message to the broker asks for all mails that are due. While it waits in the queue, nobody sends a second one.
_ASKED: Final = "notifications:sender-asked"
#: If that message is lost, the next one is sent after so many seconds.
_ASKED_SECONDS: Final = 5
#: A worker that has promised so many mails does not wait for the message, which stands behind all other work.
_MANY: Final = 50

_promised = 0


def nudge_sender() -> None:
    """Ask a worker to send what is due. When the broker is away the regular look at due mails sends it later.

    The mark is taken away before the worker looks, so a mail that was committed while the mark stood is seen.
    """
    global _promised
    if current_task:
        _promised += 1
        if _promised >= _MANY:
            _promised = 0
            services.send_due()
            return
    try:
        asked = not cache.add(_ASKED, True, _ASKED_SECONDS)
    except Exception as error:  # noqa: BLE001 - each cache has its own errors; without one, a message more is sent
        log.warning("mark of the sender not set: %s", type(error).__name__)
        asked = False
    if not asked:
        nudge(lambda: send_due.apply_async(queue="mail", priority=URGENT, retry=False, expires=30), "mails")


@shared_task(name="notifications.send_due")
def send_due() -> int:
    """Send what was promised, what is to be tried again, and what a dead worker left."""
    try:
        cache.delete(_ASKED)
    except Exception as error:  # noqa: BLE001 - as above: the mark ends by itself
        log.warning("mark of the sender not removed: %s", type(error).__name__)
    return services.send_due()
