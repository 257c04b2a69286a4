from __future__ import annotations

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from medisecure.kernel import queue_watch
from medisecure.ops import dead_letters

#: Written by the worker when the scheduler's message reaches it: proof that scheduler, broker, worker and cache work.
HEARTBEAT_KEY = "ops:heartbeat"


@shared_task(name="ops.heartbeat")
def heartbeat() -> None:
    cache.set(HEARTBEAT_KEY, timezone.now().timestamp(), 3600)
    queue_watch.look()


@shared_task(name="ops.echo")
def echo(mark: str) -> None:
    """Answer a question of `manage.py doctor`: is there a worker that takes messages and reaches the cache?"""
    cache.set(f"ops:echo:{mark}", timezone.now().timestamp(), 60)


@shared_task(name="ops.collect_dead_letters")
def collect_dead_letters() -> int:
    return dead_letters.collect()
