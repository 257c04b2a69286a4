"""Celery entry points of the event bus."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import Task, shared_task

from medisecure.kernel import outbox
from medisecure.kernel.events import Event, Value, consumer_named

log = logging.getLogger(__name__)

MAX_RETRIES = 12
LONGEST_PAUSE = 600


def pause(retries: int) -> int:
    """Seconds until the next try: twice as long each time, and up to a third less, so that what failed together does
    not come back together."""
    longest = min(2.0 ** (retries + 1), LONGEST_PAUSE)
    return max(1, round(longest * random.uniform(2 / 3, 1)))  # noqa: S311 - spreads the tries, no secret


@shared_task(bind=True, name="kernel.deliver", max_retries=MAX_RETRIES)
def deliver(self: Task[Any, Any], *, consumer: str, event_id: str, name: str, payload: Mapping[str, Value]) -> bool:
    """Give one event to one consumer. A failure is tried again with growing pauses (2 s … 10 min); after the last one
    the message goes to the dead letters, where it waits for a person."""
    event = Event(UUID(event_id), name, payload)
    try:
        return outbox.consume(consumer_named(consumer), event)
    except Exception as error:
        # The type only: the text of an error may quote what was being written.
        log.error("event %s (%s) failed in %s: %s", event_id, name, consumer, type(error).__name__)
        if self.request.retries >= MAX_RETRIES:
            raise
        raise self.retry(countdown=pause(self.request.retries)) from None


@shared_task(name="kernel.sweep_outboxes")
def sweep_outboxes() -> int:
    return outbox.sweep()


@shared_task(name="kernel.forget_old_events")
def forget_old_events() -> None:
    outbox.forget_old(published_before=timedelta(days=7), consumed_before=timedelta(days=60))
