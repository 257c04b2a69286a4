"""The embedded broker keeps RabbitMQ's promises, with real processes that really die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from medisecure.kernel.event_queues import DELIVERY_LIMIT, QUEUES
from medisecure.kernel.local_broker import store as broker_store
from tests.kernel.broker_tasks import fails, second_time_lucky, slow

ROOT = Path(__file__).resolve().parents[2]
EXCHANGE = Exchange("medisecure", type="topic", durable=True)


def _queue(name: str) -> Queue:
    return Queue(name, EXCHANGE, routing_key=name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "broker"


@pytest.fixture
def connect(folder: Path) -> Iterator[Callable[[], Any]]:
    opened: list[Any] = []

    def make() -> Any:
        connection = Connection(
            "local://localhost", transport_options={"folder": str(folder), "polling_interval": 0.01}
        )
        opened.append(connection)
        return connection

    yield make
    for connection in opened:
        connection.release()


def publish(connection: Any, body: object, queue: str = "mail", **options: Any) -> None:
    connection.Producer().publish(
        body, exchange=EXCHANGE, routing_key=queue, declare=[_queue(queue)], **{"serializer": "json", **options}
    )


def take(connection: Any, queue: str = "mail") -> Any:
    """The next message, unacknowledged, or None."""
    return _queue(queue)(connection.default_channel).get()


def bodies(connection: Any, queue: str = "mail") -> list[object]:
    found = []
    while (message := take(connection, queue)) is not None:
        found.append(message.payload)
        message.ack()
    return found


def _python(code: str, folder: Path, *, wait_for: str) -> subprocess.Popen[str]:
    """Another process that shares the broker and says `wait_for` when it is where the test wants it."""
    head = (
        "import medisecure.celery, time, os\n"
        "from tests.kernel.test_local_broker import Connection, bodies, publish, take\n"
        f"connection = Connection('local://localhost', transport_options={{'folder': {str(folder)!r}}})\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", head + code], cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == wait_for
    return process


def test_messages_come_out_in_the_order_they_went_in(connect: Callable[[], Any]) -> None:
    for number in range(5):
        publish(connect(), number)
    assert bodies(connect()) == [0, 1, 2, 3, 4]


def test_urgent_messages_come_first(connect: Callable[[], Any]) -> None:
    connection = connect()
    publish(connection, "normal")
    publish(connection, "urgent", priority=9)
    assert bodies(connection) == ["urgent", "normal"]


def test_messages_survive_the_end_of_every_process(connect: Callable[[], Any], folder: Path) -> None:
    process = _python("publish(connection, 'kept'); print('put', flush=True); time.sleep(60)", folder, wait_for="put")
    process.kill()
    process.wait()
    assert bodies(connect()) == ["kept"]


def test_a_message_that_no_queue_takes_is_refused(connect: Callable[[], Any]) -> None:
    with pytest.raises(OperationalError):
        connect().Producer().publish("lost?", exchange=EXCHANGE, routing_key="nowhere", declare=[EXCHANGE])


def test_a_process_that_declared_nothing_can_publish_by_exchange_and_key(connect: Callable[[], Any]) -> None:
    """A pool process that retries a task knows only where the task came from."""
    publish(connect(), "first")
    connect().Producer().publish("retried", exchange="medisecure", routing_key="mail", serializer="json")
    assert bodies(connect()) == ["first", "retried"]


def test_a_held_message_is_nobody_elses(connect: Callable[[], Any]) -> None:
    publish(connect(), "one")
    message = take(connect())
    assert take(connect()) is None
    message.ack()
    assert take(connect()) is None


def test_closing_a_connection_gives_back_what_it_held(connect: Callable[[], Any]) -> None:
    publish(connect(), "one")
    holder = connect()
    assert take(holder) is not None
    holder.release()
    again = take(connect())
    assert again.payload == "one"
    assert again.delivery_info["redelivered"] is False


def test_a_rejected_message_is_kept_as_a_dead_letter(connect: Callable[[], Any], folder: Path) -> None:
    connection = connect()
    publish(connection, "poison")
    take(connection).reject()
    assert take(connection) is None
    with broker_store.store_in(folder)._open() as db:
        assert db.execute("SELECT queue, dead, owner FROM messages").fetchall() == [("mail", 1, None)]


def test_a_requeued_message_comes_again_and_says_so(connect: Callable[[], Any]) -> None:
    connection = connect()
    publish(connection, "one")
    take(connection).requeue()
    assert take(connection).delivery_info["redelivered"] is True


def test_a_message_that_keeps_failing_its_consumers_dies_at_last(connect: Callable[[], Any]) -> None:
    connection = connect()
    publish(connection, "killer")
    for _time in range(DELIVERY_LIMIT):
        take(connection).requeue()
    assert take(connection) is None


def test_what_a_killed_consumer_held_is_given_to_the_next(
    connect: Callable[[], Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(connect(), "held")
    process = _python("m = take(connection); print('held', flush=True); time.sleep(60)", folder, wait_for="held")
    monkeypatch.setattr(broker_store, "RECOVER_EVERY", 0.0)
    store = broker_store.store_in(folder)
    store.recover()
    assert take(connect()) is None, "a living consumer keeps its message"
    process.kill()
    process.wait()
    store.recover()
    message = take(connect())
    assert message.payload == "held"
    assert message.delivery_info["redelivered"] is True
    assert [path.name for path in (folder / "owners").iterdir()] == [store.owner()]


def test_a_forked_child_neither_settles_nor_loses_what_its_parent_holds(
    connect: Callable[[], Any], folder: Path
) -> None:
    code = (
        "publish(connection, 'parent'); m = take(connection)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    m.ack(); publish(connection, 'child'); connection.release(); os._exit(0)\n"
        "os.waitpid(child, 0); print('forked', flush=True); time.sleep(60)"
    )
    process = _python(code, folder, wait_for="forked")
    try:
        assert bodies(connect()) == ["child"]
        with broker_store.store_in(folder)._open() as db:
            assert db.execute("SELECT count(*) FROM messages WHERE owner IS NOT NULL").fetchone() == (1,)
    finally:
        process.kill()
        process.wait()


@pytest.mark.long
def test_two_consumers_share_a_queue_without_double_delivery(connect: Callable[[], Any], folder: Path) -> None:
    connection = connect()
    for number in range(200):
        publish(connection, number)
    code = "print('ready', flush=True); print(*bodies(connection), flush=True)"
    workers = [_python(code, folder, wait_for="ready") for _worker in range(2)]
    taken = [int(word) for worker in workers for word in worker.communicate(timeout=30)[0].split()]
    assert sorted(taken) == list(range(200))


def test_an_idle_look_reads_no_queue(connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect()
    consumer = connection.Consumer([_queue(name) for name in QUEUES], callbacks=[lambda body, message: message.ack()])
    consumer.consume()
    looks: list[str] = []
    real = broker_store.Store.get

    def counted(self: broker_store.Store, queue: str) -> dict[str, Any]:
        looks.append(queue)
        return real(self, queue)

    monkeypatch.setattr(broker_store.Store, "get", counted)
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.3)
    assert sorted(looks) == sorted(QUEUES), "once through all queues, then only the file's version"
    publish(connect(), "news", "reports")
    connection.drain_events(timeout=1)
    assert "reports" in looks[len(QUEUES) :]


def _worker(data_dir: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "medisecure",
        "worker",
        "--pool",
        "prefork",
        "-c",
        "2",
        "-l",
        "warning",
    ]
    command += ["-Q", ",".join(QUEUES), "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return subprocess.Popen(
        [*command, "-I", "tests.kernel.broker_tasks"],
        cwd=ROOT,
        env=_embedded(data_dir),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _embedded(data_dir: Path) -> dict[str, str]:
    servers = {"DATABASE_URL", "APPOINTMENTS_URL", "BILLING_URL", "S3_URL", "BROKER_URL", "REDIS_URL", "SECRET_KEY"}
    servers |= {f"{name}_FILE" for name in servers}
    kept = {name: value for name, value in os.environ.items() if name not in servers}
    return {**kept, "DATA_DIR": str(data_dir)}


def _wait_for(happened: Path, line: str, *, times: int = 1, seconds: float = 60) -> list[str]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lines = happened.read_text().splitlines() if happened.exists() else []
        if lines.count(line) >= times:
            return lines
        time.sleep(0.05)
    raise AssertionError(f"{line!r} did not happen; {lines}")


@pytest.mark.long
def test_a_task_whose_worker_is_killed_runs_in_the_next_one_and_retries_arrive(
    tmp_path: Path, folder: Path, connect: Callable[[], Any]
) -> None:
    assert folder == tmp_path / "broker", "where settings put it below DATA_DIR"
    happened, connection = tmp_path / "happened", connect()
    send: Any = {task.name: task.apply_async for task in (slow, second_time_lucky, fails)}  # stubs miss `connection`
    send["tests.slow"](args=[0.5], queue="documents", connection=connection)
    first = _worker(tmp_path)
    try:
        _wait_for(happened, "slow started")
    finally:
        # The pool processes too, as when the machine loses power.
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    # Before the good ones: no JSON, a task that is not ours, nothing of a task's shape, and one that fails.
    head = {"id": "1", "task": "tests.fails", "lang": "py"}
    publish(connection, b"{", headers=head, content_type="application/json", content_encoding="utf-8", serializer=None)
    publish(connection, [[], {}, {}], headers={**head, "id": "2", "task": "no.such"})
    publish(connection, {"what": "is this"})
    send["tests.fails"](queue="mail", connection=connection)
    send["tests.second_time_lucky"](queue="mail", connection=connection)
    second = _worker(tmp_path)
    try:
        _wait_for(happened, "lucky try 1")
        lines = _wait_for(happened, "slow ended")
    finally:
        second.terminate()
        second.wait(timeout=60)
    assert lines.count("slow started") == 2
    assert lines.count("slow ended") == 1
    assert lines.count("lucky try 0") == 1
    assert lines.count("fails started") == 1, "of the two, one could not be read"
    dead = broker_store.store_in(folder).dead(10)
    ids = [json.loads(text).get("headers", {}).get("id") for _row, _queue, text, _lost in dead]
    assert [ids.count("1"), ids.count("2"), len(ids)] == [1, 1, 4]
