"""Transactional outbox and inbox (decision 9).

`emit` writes the event's row in the transaction that changes the state: both commit or neither. After the commit a
nudge publishes it at once; what the nudge missed (broker down, process killed) the sweep publishes later. So an event
is published at least once, and the inbox makes its effect happen at most once.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import IntegrityError, models

from medisecure.kernel import clock
from medisecure.kernel.databases import ALIASES, alias_for
from medisecure.kernel.event_queues import NORMAL, URGENT
from medisecure.kernel.events import URGENT_EVENTS, Consumer, Event, Value, check_payload, consumers_of
from medisecure.kernel.nudges import nudge
from medisecure.kernel.transactions import in_atomic, on_commit, transactional

#: The nudge has this long before the sweep takes an event for missed.
SWEEP_AFTER = timedelta(seconds=2)
SWEEP_BATCH = 500


class OutboxFields(models.Model):
    """An event that was committed and is to be published. One concrete table in each database."""

    name = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=clock.now)
    published_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        abstract = True


class InboxFields(models.Model):
    """An event that a consumer has acted on. One concrete table in each database, beside the effect."""

    event_id = models.UUIDField()
    consumer = models.CharField(max_length=200)
    consumed_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        abstract = True


@functools.cache
def _concrete(alias: str, base: type[models.Model]) -> Any:
    found = [model for model in apps.get_models() if issubclass(model, base) and alias_for(model) == alias]
    if len(found) != 1:
        raise LookupError(f"database {alias!r} must have one {base.__name__} table, has {len(found)}")
    return found[0]


def outbox(alias: str) -> Any:
    """The outbox model of database `alias`."""
    return _concrete(alias, OutboxFields)


def inbox(alias: str) -> Any:
    """The inbox model of database `alias`."""
    return _concrete(alias, InboxFields)


def emit(alias: str, name: str, payload: Mapping[str, Value]) -> UUID:
    """Record the event in the transaction open on `alias`; returns its id.

    Raises RuntimeError outside a transaction, ValueError for a payload that the catalogue does not allow.
    """
    if not in_atomic(alias):
        raise RuntimeError(
            f"emit({name!r}) outside a transaction on {alias!r}: the change and its event must commit together"
        )
    check_payload(name, payload)
    row = outbox(alias).objects.create(name=name, payload=dict(payload))
    on_commit(alias, functools.partial(_nudge, alias, row.id), robust=True)
    return UUID(str(row.id))


def _nudge(alias: str, event_id: UUID) -> None:
    rows = outbox(alias).objects.filter(id=event_id, published_at=None)
    nudge(lambda: publish(alias, rows), f"event {event_id}")


def publish(alias: str, rows: Iterable[Any]) -> int:
    """Hand each event to the broker, once per consumer, and mark it published. Returns how many were.

    A row is marked only after the broker confirmed every message, so a crash in between publishes it again.
    """
    from medisecure.kernel.tasks import deliver

    count = 0
    for row in rows:
        for found in consumers_of(row.name):
            deliver.apply_async(
                kwargs={
                    "consumer": found.name,
                    "event_id": str(row.id),
                    "name": row.name,
                    "payload": dict(row.payload),
                },
                queue=found.queue,
                priority=URGENT if row.name in URGENT_EVENTS else NORMAL,
                retry=False,
            )
        outbox(alias).objects.filter(id=row.id, published_at=None).update(published_at=clock.now())
        count += 1
    return count


def pending(alias: str) -> models.QuerySet[Any]:
    rows: models.QuerySet[Any] = outbox(alias).objects.filter(published_at=None).order_by("id")
    return rows


def sweep() -> int:
    """Publish what the nudges missed, in all databases, oldest first. Returns how many events were published."""
    before = clock.now() - SWEEP_AFTER
    return sum(publish(alias, pending(alias).filter(created_at__lt=before)[:SWEEP_BATCH]) for alias in ALIASES)


def consume(found: Consumer, event: Event) -> bool:
    """Run the consumer once for this event: its effect and the inbox row commit together.

    Returns False when the event had been consumed before. Two workers with the same event at once: the unique index
    lets one commit, the other rolls back and finds the row.
    """
    rows = inbox(found.database).objects.filter(event_id=event.id, consumer=found.name)
    try:
        return _consume(found, event)
    except IntegrityError:
        if rows.exists():
            return False
        raise


def _consume(found: Consumer, event: Event) -> bool:
    @transactional(found.database)
    def unit() -> bool:
        model = inbox(found.database)
        if model.objects.filter(event_id=event.id, consumer=found.name).exists():
            return False
        model.objects.create(event_id=event.id, consumer=found.name)
        found.handle(event)
        return True

    return unit()


def forget_old(*, published_before: timedelta, consumed_before: timedelta) -> tuple[int, int]:
    """Delete outbox rows published, and inbox rows consumed, longer ago than said. Returns both counts.

    The inbox must outlive every redelivery, so it is kept much longer than the outbox.
    """
    sent = seen = 0
    for alias in ALIASES:
        sent += outbox(alias).objects.filter(published_at__lt=clock.now() - published_before).delete()[0]
        seen += inbox(alias).objects.filter(consumed_at__lt=clock.now() - consumed_before).delete()[0]
    return sent, seen
