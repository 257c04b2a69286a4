"""Messages that failed for good: found, shown without what they say, sent again once, dropped."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from kombu import Queue

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.celery import app
from medisecure.kernel import dead_letters as broker
from medisecure.kernel.errors import Refused
from medisecure.ops import dead_letters
from medisecure.ops.models import DeadLetter
from medisecure.ops.queue_metrics import QueueCollector
from tests.cast import *  # noqa: F403

# On RabbitMQ: tests/live/test_workers.py.
pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

LIST = "/admin/ops/deadletter/"
EVENT = str(uuid4())
CONSUMER = "documents.tasks.tell_patient:document.added"


@pytest.fixture(autouse=True)
def empty_broker() -> None:
    with broker.local_store()._open() as db:
        db.execute("DELETE FROM messages")


def publish(event_id: str = EVENT) -> None:
    app.send_task(
        "kernel.deliver",
        kwargs={
            "consumer": "documents.tasks.tell_patient:document.added",
            "event_id": event_id,
            "payload": {"x": "Asha"},
        },
        queue="mail",
        retry=False,
    )


def take() -> Any:
    with app.connection_for_write() as connection:
        found = app.amqp.queues["mail"]
        return Queue("mail", found.exchange, routing_key="mail")(connection.default_channel).get()


def die(event_id: str = EVENT) -> None:
    publish(event_id)
    with app.connection_for_write() as connection:
        found = app.amqp.queues["mail"]
        message: Any = Queue("mail", found.exchange, routing_key="mail")(connection.default_channel).get()
        broker.note_error(message.headers["id"], "ValueError")
        message.reject()


def command(*words: str) -> str:
    out = StringIO()
    call_command("dead_letters", *words, stdout=out)
    return out.getvalue()


def test_a_dead_message_is_collected_once_and_named_by_ids() -> None:
    die()
    assert broker.waiting() == 1
    assert dead_letters.collect() == 1
    row = DeadLetter.objects.get()
    assert (row.queue, row.task, row.error, row.reason) == ("mail", "kernel.deliver", "ValueError", "rejected")
    assert row.subject == f"documents.tasks.tell_patient:document.added {EVENT}"
    assert (broker.waiting(), dead_letters.collect()) == (0, 0)


def test_one_that_was_kept_but_not_let_go_is_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    die()
    with monkeypatch.context() as killed:
        killed.setattr(type(broker.local_store()), "forget", lambda self, row: None)
        dead_letters.collect()
    assert dead_letters.collect() == 1
    assert DeadLetter.objects.count() == 1


def test_sent_again_it_is_as_it_was_with_all_its_tries() -> None:
    die()
    dead_letters.collect()
    DeadLetter.objects.update(headers={**DeadLetter.objects.get().headers, "retries": 12})
    assert "1 sent again" in command("retry", "--all")
    assert DeadLetter.objects.count() == 0
    message = take()
    assert message.headers["retries"] == 0
    assert message.payload[1]["event_id"] == EVENT
    entry = AccessEntry.objects.get()
    assert (entry.action, entry.resource, entry.actor_id) == ("retry", "dead_letter", None)


def test_the_command_shows_ids_and_never_what_is_in_it() -> None:
    die()
    listed = json.loads(command("list", "--json"))
    shown = command("show", listed[0]["id"]) + command("list")
    assert EVENT in shown
    assert "Asha" not in shown + json.dumps(listed)
    assert "1 dropped" in command("drop", listed[0]["id"])
    assert command("list").strip() == "No message has failed."
    with pytest.raises(CommandError, match="no such"):
        command("show", str(uuid4()))
    for words in (("retry",), ("drop", str(uuid4()), "--all")):
        with pytest.raises(CommandError, match="--all"):
            command(*words)


def test_administrators_send_again_after_they_were_asked(alice: User, client: Client) -> None:
    die()
    dead_letters.collect()
    client.force_login(alice)
    row = DeadLetter.objects.get()
    page = client.get(LIST).content.decode()
    assert EVENT in page
    assert "Asha" not in page + client.get(f"{LIST}{row.id}/change/").content.decode()
    chosen = {"action": "send_again", "_selected_action": str(row.id)}
    assert client.post(LIST, chosen).status_code == 200
    assert DeadLetter.objects.count() == 1, "nothing happens before the answer"
    assert client.post(LIST, {**chosen, "sure": "yes"}).status_code == 302
    assert DeadLetter.objects.count() == 0
    assert AccessEntry.objects.filter(actor_id=alice.id, action="retry", resource="dead_letter").count() == 1


def test_nobody_else_sees_or_touches_them(dan: User, dr_bose: User, client: Client) -> None:
    die()
    dead_letters.collect()
    ids = [DeadLetter.objects.get().id]
    client.force_login(dr_bose)
    assert client.get(LIST).status_code == 403
    client.force_login(dan)
    assert client.get(LIST).status_code == 302
    for user in (dan, dr_bose):
        with pytest.raises(Refused):
            dead_letters.drop(ids, actor=user)
    assert DeadLetter.objects.count() == 1


def test_queues_says_what_waits_and_alarms() -> None:
    out = StringIO()
    publish()
    die()
    call_command("queues", "--json", stdout=out)
    body = json.loads(out.getvalue())
    mail = next(row for row in body["queues"] if row["name"] == "mail")
    assert (mail["waiting"], body["failed"]) == (1, 1)
    assert 0 <= mail["oldest"] < 60
    call_command("queues", "--most", "1", "--oldest", "600", "--failed", "1", stdout=StringIO())
    for limit in (("--most", "0"), ("--oldest", "0"), ("--failed", "0")):
        with pytest.raises(CommandError, match="Beyond"):
            call_command("queues", *limit, stdout=StringIO())


def test_prometheus_gets_the_same_figures() -> None:
    publish()
    samples = {
        (sample.name, sample.labels.get("queue")): sample.value
        for metric in QueueCollector().collect()
        for sample in metric.samples
    }
    assert samples["medisecure_broker_up", None] == 1
    assert samples["medisecure_queue_waiting", "mail"] == 1
    assert samples["medisecure_queue_waiting", "push"] == 0
    assert samples["medisecure_dead_letters", None] == 0
