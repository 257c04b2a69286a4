from __future__ import annotations

from uuid import UUID

from celery import shared_task

from medisecure.kernel.nudges import nudge
from medisecure.notifications import services


def nudge_sender(message_id: UUID) -> None:
    """Ask a worker to send this mail now. When the broker is away the regular look at due mails sends it later."""
    nudge(
        lambda: send_one.apply_async(args=(str(message_id),), queue="mail", retry=False),
        f"mail {message_id}",
    )


@shared_task(name="notifications.send_one")
def send_one(message_id: str) -> bool:
    return services.send(UUID(message_id))


@shared_task(name="notifications.send_due")
def send_due() -> int:
    """Send what the nudges missed, what is to be tried again, and what a dead worker left."""
    return sum(services.send(message_id) for message_id in services.due())
