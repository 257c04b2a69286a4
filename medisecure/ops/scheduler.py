"""Celery's beat with its schedule in the database, and one at work however many are started.

Who holds the lease sends what is due; the others look every two seconds whether it has ended. A scheduler that is
killed is followed within the lease; one that was asleep longer finds another at its place and waits like the rest.
The machines' clocks have to agree to a few seconds, as they must for everything else.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from celery import beat as _celery_beat
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q

from medisecure.celery import renew_connections
from medisecure.kernel import clock
from medisecure.kernel.ids import new_id
from medisecure.ops import schedules
from medisecure.ops.models import ScheduledJob, SchedulerLease
from medisecure.schedule import SCHEDULE

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=15)
_RENEW_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 2.0
#: When a job ran is written down where the next scheduler has to know it: not of those that run all the time anyway.
_REMEMBERED_SECONDS: Final = 60
_NAME: Final = "beat"

# The type stubs do not know the class that beat is made of.
_Base: Any = _celery_beat.Scheduler


class Scheduler(_Base):  # type: ignore[misc]
    max_interval = _LOOK_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{new_id()}"[:120]
        self.leading = False
        self.renewed = 0.0
        self.seen: list[tuple[object, ...]] = []
        super().__init__(*args, **kwargs)
        self.max_interval = min(self.max_interval, _LOOK_SECONDS)

    def setup_schedule(self) -> None:
        """The database is read by whoever leads, when it begins to."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() - self.renewed >= _RENEW_SECONDS or not self.leading:
            try:
                renew_connections()
                self._take_turn()
            except DatabaseError as error:
                # Without the database nobody leads, and the lease of whoever did ends by itself.
                log.warning("no schedule: %s", type(error).__name__)
                self._stand_by()
        if not self.leading:
            return _LOOK_SECONDS
        return min(float(super().tick(*args, **kwargs)), _LOOK_SECONDS)

    def _take_turn(self) -> None:
        Path(settings.DATA_DIR, "scheduler-alive").touch()
        started = time.monotonic()
        if not self._hold():
            self._stand_by()
            return
        # From before the database answered: the lease is never believed longer than it is written.
        self.renewed = started
        if not self.leading:
            log.warning("this scheduler is at work now")
            self.leading = True
            schedules.seed()
        self._read()

    def _hold(self) -> bool:
        now = clock.now()
        mine = SchedulerLease.objects.filter(Q(holder=self.holder) | Q(until__lt=now), name=_NAME)
        if mine.update(holder=self.holder, until=now + LEASE):
            return True
        if not SchedulerLease.objects.filter(name=_NAME).exists():
            first = SchedulerLease(name=_NAME, holder=self.holder, until=now + LEASE)
            SchedulerLease.objects.bulk_create([first], ignore_conflicts=True)
            return SchedulerLease.objects.filter(name=_NAME, holder=self.holder).exists()
        return False

    def _stand_by(self) -> None:
        self.leading, self.seen = False, []
        self.data: dict[str, Any] = {}
        self._heap = None

    def _read(self) -> None:
        """The schedule as it is now; an entry whose times did not change goes on from its last run."""
        jobs = [job for job in ScheduledJob.objects.order_by("name") if job.enabled and job.name in SCHEDULE]
        seen: list[tuple[object, ...]] = [(job.name, job.every, job.minute, job.hour, job.weekday) for job in jobs]
        if seen == self.seen:
            return
        entries = {}
        for job, times in zip(jobs, seen, strict=True):
            before = self.data.get(job.name) if times in self.seen else None
            definition = SCHEDULE[job.name]
            entries[job.name] = self.Entry(
                app=self.app,
                name=job.name,
                task=definition["task"],
                schedule=schedules.schedule_of(job),
                options=definition.get("options"),
                last_run_at=before.last_run_at if before else job.last_run_at,
            )
        self.seen, self.data, self._heap = seen, entries, None

    def reserve(self, entry: Any) -> Any:
        following = super().reserve(entry)
        every = getattr(entry.schedule, "run_every", None)
        if every is None or every.total_seconds() >= _REMEMBERED_SECONDS:
            ScheduledJob.objects.filter(name=entry.name).update(last_run_at=following.last_run_at)
        return following

    @property
    def schedule(self) -> dict[str, Any]:
        return self.data

    def close(self) -> None:
        """Whoever waits need not wait for the end of the lease."""
        if self.leading:
            SchedulerLease.objects.filter(name=_NAME, holder=self.holder).update(until=clock.now() - LEASE)
        self._stand_by()
