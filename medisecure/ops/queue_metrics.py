"""The queues for Prometheus. The broker is asked when it is scraped, every ten seconds at most."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from medisecure.kernel import queue_watch
from medisecure.ops.models import DeadLetter

log = logging.getLogger(__name__)

_SECONDS: Final = 10.0


class QueueCollector(Collector):
    def __init__(self) -> None:
        self.asked = 0.0
        self.found: list[Metric] = []

    def describe(self) -> list[Metric]:
        """Nothing is asked of a broker while the programs start."""
        return []

    def collect(self) -> Iterator[Metric]:
        if time.monotonic() - self.asked > _SECONDS:
            self.asked, self.found = time.monotonic(), list(self._ask())
        yield from self.found

    def _ask(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("medisecure_broker_up", "1 when the broker answers.")
        try:
            states, dead = queue_watch.states(), DeadLetter.objects.count() + queue_watch.dead()
        except Exception as error:  # noqa: BLE001 - each broker has its own errors, and a scrape must not fail for one
            log.warning("queues not measured: %s", type(error).__name__)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        gauges = {
            "waiting": GaugeMetricFamily("medisecure_queue_waiting", "Messages that wait.", labels=["queue"]),
            "workers": GaugeMetricFamily("medisecure_queue_workers", "Workers that take from it.", labels=["queue"]),
            "per_minute": GaugeMetricFamily(
                "medisecure_queue_handled_per_minute", "Messages handled, over five minutes.", labels=["queue"]
            ),
            "oldest": GaugeMetricFamily(
                "medisecure_queue_oldest_seconds", "Age of the first message, at most.", labels=["queue"]
            ),
        }
        for state in states:
            for name, gauge in gauges.items():
                if (value := getattr(state, name)) is not None:
                    gauge.add_metric([state.name], value)
        yield from gauges.values()
        letters = GaugeMetricFamily("medisecure_dead_letters", "Messages that failed for good and wait for a person.")
        letters.add_metric([], dead)
        yield letters


def register() -> None:
    REGISTRY.register(QueueCollector())
