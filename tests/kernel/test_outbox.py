"""State and event commit together; every event arrives; its effect happens once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connections

from medisecure.kernel import clock, events, nudges, outbox
from medisecure.kernel.databases import ALIASES, DEFAULT
from medisecure.kernel.events import Event, consumer, consumers_of
from medisecure.kernel.ids import new_id
from medisecure.kernel.outbox import emit, inbox
from medisecure.kernel.transactions import atomic
from medisecure.notifications.models import Notice
from tests.cast import ALL_DATABASES
from tests.support import on_test_databases

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)

PAYLOAD = {"invoice_id": "i", "patient_id": "p"}


class Planned(Exception):
    pass


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would reach the broker."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "medisecure.kernel.tasks.deliver.apply_async",
        lambda kwargs, queue, priority, retry: sent.append({**kwargs, "queue": queue}),
    )
    return sent


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """A consumer on the default database whose effect is a row, and the only one of its event."""
    seen: list[Event] = []
    monkeypatch.setattr(events, "_consumers", {})
    monkeypatch.setattr(events, "_load", lambda: None)

    @consumer("invoice.paid", database=DEFAULT)
    def count(event: Event) -> None:
        seen.append(event)
        Notice.objects.create(dedupe_key=f"{event.id}:{new_id()}", user_id=new_id(), kind="x")

    return seen


@pytest.mark.parametrize("alias", ALIASES)
def test_an_event_is_rolled_back_with_its_change(alias: str) -> None:
    with pytest.raises(Planned), atomic(alias):
        emit(alias, "invoice.paid", PAYLOAD)
        raise Planned
    assert outbox.outbox(alias).objects.count() == 0


def test_an_event_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="outside a transaction"):
        emit(DEFAULT, "invoice.paid", PAYLOAD)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("no.such", {}),
        ("invoice.paid", {"invoice_id": "i"}),
        ("invoice.paid", {**PAYLOAD, "diagnosis": "x"}),
        ("invoice.paid", {**PAYLOAD, "patient_id": "x" * 65}),
        ("invoice.paid", {**PAYLOAD, "patient_id": 1.5}),
    ],
)
def test_only_what_the_catalogue_allows_may_be_sent(name: str, payload: dict[str, Any]) -> None:
    with atomic(DEFAULT), pytest.raises(ValueError):
        emit(DEFAULT, name, payload)


@pytest.mark.parametrize("alias", ALIASES)
def test_the_nudge_publishes_once_the_change_has_committed(
    alias: str, published: list[dict[str, Any]], counting: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OUTBOX_NUDGE", True)
    with atomic(alias):
        event_id = emit(alias, "invoice.paid", PAYLOAD)
        assert published == []
    assert [row["event_id"] for row in published] == [str(event_id)]
    assert not outbox.pending(alias).exists()


def test_a_dead_broker_delays_an_event_and_loses_none(
    published: list[dict[str, Any]], counting: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OUTBOX_NUDGE", True)
    monkeypatch.setattr(nudges, "_paused_until", 0.0)
    tries = []

    def refuse(**kwargs: Any) -> None:
        tries.append(1)
        raise ConnectionRefusedError

    with monkeypatch.context() as down:
        down.setattr("medisecure.kernel.tasks.deliver.apply_async", refuse)
        for _ in range(3):
            with atomic(DEFAULT):
                emit(DEFAULT, "invoice.paid", PAYLOAD)
    assert len(tries) == 1, "after one refusal the web process leaves the broker alone for a while"
    assert outbox.pending(DEFAULT).count() == 3
    outbox.outbox(DEFAULT).objects.update(created_at=clock.now() - timedelta(seconds=10))
    assert outbox.sweep() == 3
    assert len(published) == 3
    assert outbox.sweep() == 0


def test_the_sweep_leaves_the_nudge_its_time(published: list[dict[str, Any]], counting: list[Event]) -> None:
    with atomic(DEFAULT):
        emit(DEFAULT, "invoice.paid", PAYLOAD)
    assert outbox.sweep() == 0


def test_a_crash_between_publish_and_mark_publishes_again(
    published: list[dict[str, Any]], counting: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    with atomic(DEFAULT):
        emit(DEFAULT, "invoice.paid", PAYLOAD)
    with monkeypatch.context() as crash:
        crash.setattr(clock, "now", lambda: (_ for _ in ()).throw(Planned()))
        with pytest.raises(Planned):
            outbox.publish(DEFAULT, outbox.pending(DEFAULT))
    outbox.publish(DEFAULT, outbox.pending(DEFAULT))
    assert len(published) == 2
    for sent in published:
        outbox.consume(consumers_of("invoice.paid")[0], Event(UUID(sent["event_id"]), sent["name"], {}))
    assert len(counting) == 1


def test_an_event_delivered_twice_has_one_effect(counting: list[Event]) -> None:
    event = Event(new_id(), "invoice.paid", PAYLOAD)
    (found,) = consumers_of("invoice.paid")
    assert outbox.consume(found, event) is True
    assert outbox.consume(found, event) is False
    assert (len(counting), Notice.objects.count()) == (1, 1)


def test_an_event_delivered_to_eight_workers_at_once_has_one_effect(counting: list[Event]) -> None:
    event = Event(new_id(), "invoice.paid", PAYLOAD)
    (found,) = consumers_of("invoice.paid")
    start = threading.Barrier(8)
    results: list[object] = []

    def run() -> None:
        start.wait()
        try:
            results.append(outbox.consume(found, event))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            results.append(error)
        finally:
            connections[DEFAULT].close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["False"] * 7 + ["True"]
    assert Notice.objects.count() == 1


def test_a_consumer_that_fails_leaves_no_trace_and_may_try_again(
    counting: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = consumers_of("invoice.paid")
    event = Event(new_id(), "invoice.paid", PAYLOAD)

    def fails(event: Event) -> None:
        found.handle(event)
        raise Planned

    failing = events.Consumer(found.name, found.event, found.database, found.queue, fails)
    with pytest.raises(Planned):
        outbox.consume(failing, event)
    assert (Notice.objects.count(), inbox(DEFAULT).objects.count()) == (0, 0)
    assert outbox.consume(found, event) is True


def test_old_events_are_forgotten_and_waiting_ones_never(
    published: list[dict[str, Any]], counting: list[Event]
) -> None:
    long_ago = clock.now() - timedelta(days=100)
    model = outbox.outbox(DEFAULT)
    model.objects.create(name="invoice.paid", created_at=long_ago, published_at=long_ago)
    waiting = model.objects.create(name="invoice.paid", created_at=long_ago)
    inbox(DEFAULT).objects.create(event_id=new_id(), consumer="x", consumed_at=long_ago)
    assert outbox.forget_old(published_before=timedelta(days=7), consumed_before=timedelta(days=60)) == (1, 1)
    assert list(model.objects.values_list("id", flat=True)) == [waiting.id]


KILLED = """
import os, signal
from medisecure.kernel import outbox
from medisecure.kernel.transactions import atomic
outbox._nudge = lambda alias, event_id: os.kill(os.getpid(), signal.SIGKILL)
with atomic({alias!r}):
    outbox.emit({alias!r}, "invoice.paid", {payload!r})
"""


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.long
def test_a_process_killed_between_commit_and_publish_loses_no_event(
    alias: str, published: list[dict[str, Any]], counting: list[Event]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", on_test_databases(KILLED.format(alias=alias, payload=PAYLOAD))],
        env={**os.environ, "OUTBOX_NUDGE": "1"},
        cwd=Path(settings.BASE_DIR),
        check=False,
        capture_output=True,
    )
    assert done.returncode == -9, done.stderr.decode()
    outbox.outbox(alias).objects.update(created_at=clock.now() - timedelta(seconds=10))
    assert outbox.sweep() == 1
    assert len(published) == 1
