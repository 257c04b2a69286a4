"""The schedule is in the database, one scheduler is at work, and what operations have changed stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.celery import app
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid, Refused
from medisecure.ops import schedules
from medisecure.ops.models import ScheduledJob, SchedulerLease
from medisecure.ops.scheduler import Scheduler
from medisecure.schedule import SCHEDULE

pytestmark = pytest.mark.django_db


class Quiet(Scheduler):
    """Notes what it would send."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        super().__init__(app=app)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.sent.append(entry.name)

    def look(self) -> bool:
        """A tick that asks for the lease, and all that is due."""
        self.renewed = 0.0
        while self.tick() == 0:
            continue
        return bool(self.leading)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quiet, "producer", None)
    # The test's own transaction is open on the connection: between ticks a real one is renewed.
    monkeypatch.setattr("medisecure.ops.scheduler.renew_connections", lambda: None)


def test_the_release_says_when_jobs_run_until_somebody_changes_it(monkeypatch: pytest.MonkeyPatch, alice: User) -> None:
    schedules.seed()
    assert set(ScheduledJob.objects.values_list("name", flat=True)) == set(SCHEDULE)
    assert ScheduledJob.objects.get(name="anchor-access-log").minute == "5"
    schedules.change(actor=alice, name="remind", enabled=True, every=90)
    monkeypatch.setitem(SCHEDULE, "remind", {"task": "appointments.remind", "schedule": 30.0})
    monkeypatch.setitem(SCHEDULE, "waiting-list", {"task": "appointments.waiting", "schedule": 45.0})
    monkeypatch.delitem(SCHEDULE, "heartbeat")
    schedules.seed()
    times = dict(ScheduledJob.objects.values_list("name", "every"))
    assert (times["remind"], times["waiting-list"]) == (90, 45)
    assert "heartbeat" not in times
    schedules.reset(actor=alice, name="remind")
    assert ScheduledJob.objects.get(name="remind").every == 30


def test_one_is_at_work_and_the_next_takes_over() -> None:
    first, second = Quiet(), Quiet()
    assert (first.look(), second.look()) == (True, False)
    assert first.look() is True
    # Killed, or asleep: its lease ends.
    SchedulerLease.objects.update(until=clock.now() - timedelta(seconds=1))
    assert second.look() is True
    assert first.look() is False, "awake again it finds the other one"
    second.close()
    assert first.look() is True, "one that stops leaves at once"


def test_a_scheduler_without_its_database_stands_by(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = Quiet()
    assert scheduler.look() is True
    with monkeypatch.context() as away:

        def fail() -> bool:
            raise DatabaseError

        away.setattr(scheduler, "_hold", fail)
        assert scheduler.look() is False
        assert scheduler.schedule == {}
    assert scheduler.look() is True


def test_what_was_missed_runs_once_and_what_is_switched_off_does_not() -> None:
    schedules.seed()
    long_ago = clock.now() - timedelta(days=2)
    ScheduledJob.objects.filter(name__in=["remind", "seal-late-entries", "waiting-list"]).update(last_run_at=long_ago)
    ScheduledJob.objects.filter(name="waiting-list").update(enabled=False)
    scheduler = Quiet()
    scheduler.look()
    assert sorted(scheduler.sent) == ["remind", "seal-late-entries"]
    scheduler.close()
    after = Quiet()
    after.look()
    assert after.sent == [], "the next scheduler knows when they ran"
    ScheduledJob.objects.filter(name="remind").update(every=3600)
    after.look()
    assert after.schedule["remind"].schedule.run_every == timedelta(hours=1)


def test_times_that_are_none_are_refused_by_field(alice: User, carol: User) -> None:
    schedules.seed()
    for every in (0, -1, None, 8 * 24 * 3600):
        with pytest.raises(Invalid) as refused:
            schedules.change(actor=alice, name="remind", enabled=True, every=every)
        assert set(refused.value.errors) == {"every"}
    with pytest.raises(Invalid) as refused:
        schedules.change(actor=alice, name="anchor-access-log", enabled=True, minute="61", hour="x", weekday="*")
    assert set(refused.value.errors) == {"minute", "hour"}
    with pytest.raises(Refused):
        schedules.change(actor=carol, name="remind", enabled=False, every=60)


def test_administrators_change_it_in_the_admin(alice: User, carol: User, dan: User, client: Client) -> None:
    schedules.seed()
    job = ScheduledJob.objects.get(name="remind")
    page = f"/admin/ops/scheduledjob/{job.id}/change/"
    client.force_login(alice)
    assert client.get("/admin/ops/scheduledjob/").status_code == 200
    assert client.post(page, {"enabled": "on", "every": "0"}).status_code == 200
    assert ScheduledJob.objects.get(name="remind").every == 60
    assert client.post(page, {"every": "120"}).status_code == 302
    job.refresh_from_db()
    assert (job.enabled, job.every, job.edited) == (False, 120, True)
    assert AccessEntry.objects.filter(resource="scheduled_job", resource_id="remind", actor_id=alice.id).count() == 1
    back = {"action": "as_released", "_selected_action": str(job.id)}
    assert client.post("/admin/ops/scheduledjob/", back).status_code == 302
    job.refresh_from_db()
    assert (job.enabled, job.every, job.edited) == (True, 60, False)
    client.force_login(carol)
    assert client.get(page).status_code == 403
    client.force_login(dan)
    assert client.get(page).status_code == 302
