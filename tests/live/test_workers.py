"""RabbitMQ with messages that nobody can handle, and schedulers that die."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from medisecure.ops.main_job.steps import until
from tests.live.conftest import Hospital

pytestmark = pytest.mark.live

_POISON = """
from kombu import Exchange
from medisecure.celery import app
with app.connection_for_write() as connection:
    exchange, producer = Exchange("medisecure", type="topic", durable=True), connection.Producer()
    known = {"id": "poison-1", "task": "ops.echo", "lang": "py"}
    producer.publish(b"{", exchange=exchange, routing_key="mail", content_type="application/json",
                     content_encoding="utf-8", headers=known)
    producer.publish([[], {}, {}], exchange=exchange, routing_key="mail", headers={**known, "task": "no.such"})
    producer.publish({"what": "is this"}, exchange=exchange, routing_key="mail")
from medisecure.ops.tasks import echo
echo.apply_async(args=("after-the-poison",), queue="mail")
"""
_HOLDER = "from medisecure.ops.models import SchedulerLease as L; print('HOLDER', L.objects.get().holder)"
_ECHO = "from django.core.cache import cache; print('SEEN', bool(cache.get('ops:echo:after-the-poison')))"


def _said(hospital: Hospital, code: str, word: str) -> str:
    lines = hospital.manage("shell", "-c", code).stdout.splitlines()
    return next(line.removeprefix(word).strip() for line in lines if line.startswith(word))


def test_poisoned_messages_harm_no_other_and_wait_as_dead_letters(hospital: Hospital) -> None:
    hospital.manage("dead_letters", "drop", "--all")
    hospital.manage("shell", "-c", _POISON)
    until("the task behind them", lambda: _said(hospital, _ECHO, "SEEN") == "True" or None, 60)

    def dead() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = json.loads(hospital.manage("dead_letters", "list", "--json").stdout)
        return found if len(found) == 3 else None

    rows = until("three dead letters", dead, 60)
    assert sorted(row["task"] for row in rows) == ["", "no.such", "ops.echo"]
    assert "is this" not in json.dumps(rows)
    assert hospital.manage("queues", "--failed", "2", check=False).returncode == 1
    # Sent again it fails again, and is there once.
    hospital.manage("dead_letters", "retry", rows[0]["id"])
    until("three dead letters", dead, 60)
    hospital.manage("dead_letters", "drop", "--all")
    print(hospital.manage("queues", "--failed", "0").stdout)


def test_a_second_scheduler_takes_over_when_the_first_is_killed(hospital: Hospital) -> None:
    celery = str(Path(sys.executable).parent / "celery")
    hospital.start("beat2", [celery, "-A", "medisecure", "beat", "--loglevel", "WARNING", "--pidfile="])
    first = hospital.programs["beat"]
    try:
        assert first.process is not None
        assert f":{first.process.pid}:" in _said(hospital, _HOLDER, "HOLDER"), "the one that came first is at work"
        first.signal(signal.SIGKILL, group=True)
        second = hospital.programs["beat2"].process
        assert second is not None
        until("the other one", lambda: f":{second.pid}:" in _said(hospital, _HOLDER, "HOLDER") or None, 40)
        hospital.manage("doctor", "--wait", "40")
    finally:
        first.start(hospital.environment)
        hospital.programs["beat2"].signal(signal.SIGTERM)
