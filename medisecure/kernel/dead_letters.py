"""Messages that nobody could handle, as the brokers keep them: taken from there, and sent again.

On RabbitMQ they wait in a queue of their own, in the embedded broker they are marked. Either way one is let go only
when whoever takes it has kept it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache

from medisecure.kernel import clock
from medisecure.kernel.event_queues import DEAD_LETTERS, QUEUES

#: What a task failed with is asked for within minutes, and of use as long as somebody may look.
_ERROR_SECONDS: Final = 7 * 24 * 3600
#: Headers that belong to one delivery, and not to the message.
_OF_ONE_DELIVERY: Final = ("x-death", "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason")
_OF_ONE_DELIVERY_TOO: Final = ("x-last-death-exchange", "x-last-death-queue", "x-last-death-reason", "x-delivery-count")


@dataclass(frozen=True, slots=True)
class Letter:
    """`mark` is the same when the same death is read again. `body` is what was sent, in base64."""

    mark: str
    queue: str
    task_id: str
    task: str
    reason: str
    error: str
    died_at: datetime
    content_type: str
    content_encoding: str
    headers: Mapping[str, Any]
    body: str


def note_error(task_id: str, error: str) -> None:
    """Keep the type of the error for whoever finds the dead message: the broker has no place for it."""
    cache.set(f"dead:{task_id}", error, _ERROR_SECONDS)


def take(keep: Callable[[Letter], object], *, limit: int = 500) -> int:
    """Give each dead message to `keep`, and let it go when that returns. Returns how many were taken."""
    return (_take_rabbit if _amqp() else _take_local)(keep, limit)


def waiting() -> int:
    """How many dead messages the broker still holds."""
    from medisecure.celery import app

    if not _amqp():
        return int(local_store().dead_count())
    with app.connection_for_write() as connection:
        try:
            channel: Any = connection.default_channel
            return int(channel.queue_declare(queue=DEAD_LETTERS, passive=True).message_count)
        except connection.channel_errors:
            return 0  # no worker has started yet, so nothing has died


def send_again(*, queue: str, body: str, content_type: str, content_encoding: str, headers: Mapping[str, Any]) -> None:
    """Publish the message as it was, with all its tries before it; returns when the broker has it."""
    from medisecure.celery import app

    fresh = {key: value for key, value in headers.items() if key not in _OF_ONE_DELIVERY + _OF_ONE_DELIVERY_TOO}
    if "task" in fresh:
        fresh |= {"retries": 0, "eta": None, "expires": None}
    with app.connection_for_write() as connection:
        connection.Producer().publish(
            base64.b64decode(body),
            exchange=app.conf.task_default_exchange,
            routing_key=queue,
            declare=[found for found in settings.CELERY_TASK_QUEUES if found.name == queue],
            content_type=content_type,
            content_encoding=content_encoding,
            headers=fresh,
            correlation_id=fresh.get("id"),
            delivery_mode=2,
            retry=False,
        )


def _amqp() -> bool:
    return bool(settings.CELERY_BROKER_URL.startswith("amqp"))


def local_store() -> Any:
    from medisecure.kernel.local_broker.store import store_in

    return store_in(settings.CELERY_BROKER_TRANSPORT_OPTIONS["folder"])


def _take_rabbit(keep: Callable[[Letter], object], limit: int) -> int:
    from medisecure.celery import app

    taken = 0
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        while taken < limit:
            try:
                message = channel.basic_get(DEAD_LETTERS)
            except connection.channel_errors:
                return taken  # no such queue yet
            if message is None:
                return taken
            headers = dict(message.headers or {})
            death: dict[str, Any] = next(iter(headers.get("x-death") or [{}]))
            died_at = death.get("time")
            keep(
                _letter(
                    queue=str(death.get("queue") or ""),
                    reason=str(death.get("reason") or ""),
                    died_at=died_at.replace(tzinfo=UTC) if isinstance(died_at, datetime) else clock.now(),
                    headers=headers,
                    properties=message.properties,
                    body=message.body,
                    again=str(died_at),
                )
            )
            channel.basic_ack(message.delivery_tag)
            taken += 1
    return taken


def _take_local(keep: Callable[[Letter], object], limit: int) -> int:
    taken = 0
    for row, queue, text, lost in local_store().dead(limit):
        message = json.loads(text)
        properties = message["properties"]
        body = message["body"]
        raw = base64.b64decode(body) if properties.get("body_encoding") == "base64" else str(body).encode()
        keep(
            _letter(
                queue=queue,
                reason="delivery_limit" if lost else "rejected",
                died_at=clock.now(),
                headers=message.get("headers") or {},
                properties={
                    "content_type": message.get("content-type"),
                    "content_encoding": message.get("content-encoding"),
                },
                body=raw,
                again=str(row),
            )
        )
        local_store().forget(row)
        taken += 1
    return taken


def _letter(
    *,
    queue: str,
    reason: str,
    died_at: datetime,
    headers: Mapping[str, Any],
    properties: Mapping[str, Any],
    body: bytes | str,
    again: str,
) -> Letter:
    raw = body.encode() if isinstance(body, str) else bytes(body)
    task_id = str(headers.get("id") or "")[:64]
    clean = {key: value for key, value in headers.items() if key not in _OF_ONE_DELIVERY + _OF_ONE_DELIVERY_TOO}
    return Letter(
        mark=hashlib.sha256(b"\0".join((raw, task_id.encode(), again.encode()))).hexdigest(),
        queue=queue if queue in QUEUES else "default",
        task_id=task_id,
        task=str(headers.get("task") or "")[:100],
        reason=reason[:30],
        error=str(cache.get(f"dead:{task_id}") or "")[:100] if task_id else "",
        died_at=died_at,
        content_type=str(properties.get("content_type") or "application/octet-stream")[:60],
        content_encoding=str(properties.get("content_encoding") or "binary")[:30],
        headers=json.loads(json.dumps(clean, default=str)),
        body=base64.b64encode(raw).decode("ascii"),
    )
