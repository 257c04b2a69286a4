"""The Celery application: one queue per kind of work, quorum queues on RabbitMQ, a local file embedded."""

from __future__ import annotations

import gc
import logging
import os
import time
from typing import Any

from celery import Celery, signals
from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

from medisecure.kernel.event_queues import DEAD_LETTERS, DELIVERY_LIMIT, NORMAL, QUEUES, SENT_AT
from medisecure.schedule import SCHEDULE

log = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medisecure.settings")

# kombu takes no class path in a broker's address, only a name it knows.
TRANSPORT_ALIASES["local"] = "medisecure.kernel.local_broker:Transport"

#: topic, because Celery's delayed delivery on quorum queues routes countdowns by topic
_EXCHANGE = Exchange("medisecure", type="topic", durable=True)


def queues(*, quorum: bool) -> list[Queue]:
    """Every queue, and on RabbitMQ the one that keeps rejected messages."""
    if not quorum:
        return [Queue(name, _EXCHANGE, routing_key=name) for name in QUEUES]
    arguments = {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD_LETTERS,
        # A dead letter is confirmed by its new queue before it leaves the old one (RabbitMQ 3.10).
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-delivery-limit": DELIVERY_LIMIT,
    }
    return [Queue(name, _EXCHANGE, routing_key=name, durable=True, queue_arguments=arguments) for name in QUEUES]


app = Celery("medisecure")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.add_defaults(
    lambda: {
        "broker_connection_timeout": 2,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_heartbeat": 10,
        "task_default_queue": "default",
        "task_default_exchange": _EXCHANGE.name,
        "task_default_exchange_type": _EXCHANGE.type,
        "task_default_routing_key": "default",
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "timezone": "UTC",
        "beat_scheduler": "medisecure.ops.scheduler:Scheduler",
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # What failed for good becomes a dead letter. What the clock starts is started again by the clock.
        "task_acks_on_failure_or_timeout": False,
        "task_annotations": {job["task"]: {"acks_on_failure_or_timeout": True} for job in SCHEDULE.values()},
        "task_default_priority": NORMAL,
        "task_ignore_result": True,
        "task_time_limit": 600,
        "task_soft_time_limit": 540,
        "worker_consumer": "medisecure.kernel.worker:Consumer",
        "worker_prefetch_multiplier": 4,
        "worker_max_tasks_per_child": 5000,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
    }
)


@signals.setup_logging.connect
def keep_our_logging(**kwargs: Any) -> None:
    """Somebody listens, so Celery sets up no logging of its own: Django's `LOGGING` is the whole of it."""


@signals.worker_ready.connect
def declare_dead_letters(sender: Any = None, **kwargs: Any) -> None:
    """Nobody consumes the dead letters, so no consumer declares their queue: the worker does when it starts."""
    if app.conf.broker_url.startswith("amqp"):
        with app.connection_for_write() as connection:
            Queue(
                DEAD_LETTERS, routing_key=DEAD_LETTERS, durable=True, queue_arguments={"x-queue-type": "quorum"}
            ).bind(connection.default_channel).declare()


@signals.before_task_publish.connect
def note_time(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    """When it was sent, for `manage.py queues`."""
    if headers is not None:
        headers[SENT_AT] = time.time()


@signals.task_postrun.connect
def count_handled(task: Any = None, **kwargs: Any) -> None:
    from medisecure.kernel import queue_watch

    info = getattr(task.request, "delivery_info", None) or {}
    queue_watch.note_handled(str(info.get("routing_key") or ""), getattr(task.request, SENT_AT, None))


@signals.task_failure.connect
def note_error(task_id: str = "", exception: BaseException | None = None, **kwargs: Any) -> None:
    """A failed task's message becomes a dead letter; what it failed with is kept beside it, by name only."""
    from medisecure.kernel import dead_letters

    try:
        dead_letters.note_error(task_id, type(exception).__name__)
    except Exception as error:  # noqa: BLE001 - each cache has its own errors; the letter then has no name of an error
        log.warning("error of task %s not noted: %s", task_id, type(error).__name__)


@signals.task_prerun.connect
def renew_connections(**kwargs: Any) -> None:
    """Between tasks a connection is kept, as between requests: closed when it is too old, or was left broken. Celery
    itself would make new ones for every task (settings: CELERY_DB_REUSE_MAX)."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        if connection.vendor != "sqlite" or connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()


@signals.worker_process_init.connect
def drop_inherited_connections(**kwargs: Any) -> None:
    """A pool process must not share its parent's sockets: MongoDB's client is not safe across a fork."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        if connection.vendor == "mongodb":
            connection.close_pool()  # type: ignore[attr-defined]
        else:
            connection.close()
    # What was loaded before the fork stays for good: the collector need not look through it again and again.
    gc.freeze()
