"""When mails are sent: at once after the commit that promised them, and by a regular look."""

from __future__ import annotations

import logging
from typing import Final

from celery import current_task, shared_task
from django.core.cache import cache

from medisecure.kernel.event_queues import URGENT
from medisecure.kernel.nudges import nudge
from medisecure.notifications import services
from medisecure.notifications.models import Channel

log = logging.getLogger(__name__)

#: One message to the broker asks for all mails that are due. While it waits in the queue, nobody sends a second one.
_ASKED: Final = "notifications:sender-asked:{}"
#: If that message is lost, the next one is sent after so many seconds.
_ASKED_SECONDS: Final = 5
#: A worker that has promised so many mails does not wait for the message, which stands behind all other work.
_MANY: Final = 50

_promised = 0


def nudge_sender(channel: Channel = Channel.MAIL) -> None:
    """Ask a worker to send what is due by this channel. When the broker is away the regular look sends it
    later.

    The mark is taken away before the worker looks, so a mail that was committed while the mark stood is seen.
    """
    global _promised
    if current_task and channel == Channel.MAIL:
        _promised += 1
        if _promised >= _MANY:
            _promised = 0
            services.send_due()
            return
    try:
        asked = not cache.add(_ASKED.format(channel), True, _ASKED_SECONDS)
    except Exception as error:  # noqa: BLE001 - each cache has its own errors; without one, a message more is sent
        log.warning("mark of the sender not set: %s", type(error).__name__)
        asked = False
    if not asked:
        task = send_due if channel == Channel.MAIL else send_due_pushes
        nudge(lambda: task.apply_async(queue=channel.value, priority=URGENT, retry=False, expires=30), channel.value)


@shared_task(name="notifications.send_due")
def send_due() -> int:
    """Send what was promised by mail, what is to be tried again, and what a dead worker left."""
    return _send_due(Channel.MAIL)


@shared_task(name="notifications.send_due_pushes")
def send_due_pushes() -> int:
    """The same for devices."""
    return _send_due(Channel.PUSH)


def _send_due(channel: Channel) -> int:
    try:
        cache.delete(_ASKED.format(channel))
    except Exception as error:  # noqa: BLE001 - as above: the mark ends by itself
        log.warning("mark of the sender not removed: %s", type(error).__name__)
    return services.send_due(channel)
