"""The embedded broker: a kombu transport on one SQLite file, for the hospital that runs on one machine.

What it keeps of RabbitMQ's promises: a message is on disk before `publish` returns, and one that no queue would take is
refused; a consumer that dies, however it dies, gives back what it had not acknowledged; a rejected message becomes a
dead letter, and so does one that keeps killing its consumers. Consumers are told apart by a lock file that the
operating system frees when the process ends, so there is no lease to tune and none to outlive.

kombu's own file transports forget messages that a killed consumer held, which is why this one exists.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.exceptions import OperationalError
from kombu.transport import virtual as _kombu_virtual

# The type stubs know kombu's public face only; a transport is made of the other one.
virtual: Any = _kombu_virtual

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, tag TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0, owner TEXT, losses INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0, put_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS messages_next ON messages (queue, priority DESC, id) WHERE dead = 0 AND owner IS NULL;
CREATE INDEX IF NOT EXISTS messages_held ON messages (owner) WHERE owner IS NOT NULL;
CREATE TABLE IF NOT EXISTS bindings (
    exchange TEXT NOT NULL, type TEXT NOT NULL, routing_key TEXT NOT NULL, queue TEXT NOT NULL,
    PRIMARY KEY (exchange, routing_key, queue)) WITHOUT ROWID;
"""
_NEXT = """SELECT id, body, losses FROM messages
    WHERE queue = ? AND dead = 0 AND owner IS NULL ORDER BY priority DESC, id LIMIT 1"""
_RECOVER_EVERY = 2.0
#: A message whose consumer died this many times is taken for the cause (RabbitMQ 4's default for quorum queues is 20).
DELIVERY_LIMIT = 20


class _Store:
    """The file, as this process sees it: one connection and one owner lock per process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "owners").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._owner: tuple[str, int] | None = None
        self._recovered = 0.0
        self._own_changes = 0

    # SQLite keeps its locks in memory that a fork copies: a child that inherited an open connection would believe in
    # locks it does not hold. So there is none at the moment of a fork, and the child makes its own.

    def before_fork(self) -> None:
        self._lock.acquire()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        if self._owner is not None:
            # POSIX record locks belong to the parent and stay with it.
            os.close(self._owner[1])
            self._owner = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            yield self._connection

    def _connect(self) -> sqlite3.Connection:
        # Two processes that turn the same new file to WAL at once would see "database is locked", whatever the timeout.
        with (self.folder / "setup.lock").open("a") as setup:
            fcntl.flock(setup, fcntl.LOCK_EX)
            path = self.folder / "broker.sqlite3"
            connection = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)
            return connection

    @contextmanager
    def _write(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """A transaction. `durable`: on disk when it returns. What is not, a power cut may undo; a message is then
        delivered once more, which every consumer must stand anyway."""
        with self._open() as db:
            db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
            self._own_changes += 1

    def state(self) -> tuple[int, int]:
        """Differs from the last answer when the file may have changed; a few microseconds, nothing is read."""
        with self._open() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0]), self._own_changes

    def owner(self) -> str:
        """This process's name in the `owner` column; its lock file is held until the process ends."""
        with self._lock:
            if self._owner is None:
                token = uuid4().hex
                new = self.folder / "owners" / f"{token}.new"
                handle = os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Named when it is locked: nobody ever sees a living owner's file without its lock.
                new.rename(self.folder / "owners" / token)
                self._owner = (token, handle)
            return self._owner[0]

    def bind(self, exchange: str, kind: str, routing_key: str, queue: str) -> None:
        with self._open() as db:
            values = (exchange, kind, routing_key, queue)
            known = "SELECT 1 FROM bindings WHERE exchange = ? AND type = ? AND routing_key = ? AND queue = ?"
            if db.execute(known, values).fetchone():
                return
            with self._write(durable=True):
                db.execute("INSERT OR REPLACE INTO bindings VALUES (?, ?, ?, ?)", values)

    def bindings(self, exchange: str) -> list[tuple[str, str, str]]:
        """(type, routing key, queue) of every binding that any process made."""
        with self._open() as db:
            return db.execute(
                "SELECT type, routing_key, queue FROM bindings WHERE exchange = ?", (exchange,)
            ).fetchall()

    def put(self, queue: str, message: dict[str, Any], priority: int) -> None:
        row = (queue, message["properties"]["delivery_tag"], json.dumps(message), priority, time.time())
        with self._write(durable=True) as db:
            db.execute("INSERT INTO messages (queue, tag, body, priority, put_at) VALUES (?, ?, ?, ?, ?)", row)

    def get(self, queue: str) -> dict[str, Any]:
        """Take the next message, best priority first, oldest first. Raises Empty."""
        with self._open() as db:
            # A look without the write lock: an empty queue must not block those who publish.
            if db.execute(_NEXT, (queue,)).fetchone() is None:
                raise Empty
            owner = self.owner()
            with self._write(durable=False):
                row = db.execute(_NEXT, (queue,)).fetchone()
                if row is None:
                    raise Empty
                db.execute("UPDATE messages SET owner = ? WHERE id = ?", (owner, row[0]))
        message: dict[str, Any] = json.loads(row[1])
        message["properties"]["delivery_info"]["redelivered"] = row[2] > 0
        return message

    # Only its owner settles a message: a process that lost it (a fork's child, say) must not touch another's delivery.

    def ack(self, tag: str) -> None:
        with self._write(durable=False) as db:
            db.execute("DELETE FROM messages WHERE tag = ? AND owner = ?", (tag, self.owner()))

    def release(self, tag: str, *, lost: bool = False) -> None:
        """Give a message back; `lost`: it had been started and may have had effects."""
        with self._write(durable=False) as db:
            self._free(db, "tag = ? AND owner = ?", (tag, self.owner()), lost=lost)

    def bury(self, tag: str) -> None:
        with self._write(durable=True) as db:
            db.execute("UPDATE messages SET owner = NULL, dead = 1 WHERE tag = ? AND owner = ?", (tag, self.owner()))

    def _free(self, db: sqlite3.Connection, where: str, values: tuple[str, ...], *, lost: bool) -> None:
        db.execute(
            f"UPDATE messages SET owner = NULL, losses = losses + ?, dead = losses + ? >= ? WHERE {where}",  # noqa: S608
            (int(lost), int(lost), DELIVERY_LIMIT, *values),
        )

    def size(self, queue: str) -> int:
        """Messages that wait: neither held nor dead."""
        with self._open() as db:
            waiting = "SELECT count(*) FROM messages WHERE queue = ? AND dead = 0 AND owner IS NULL"
            return int(db.execute(waiting, (queue,)).fetchone()[0])

    def purge(self, queue: str) -> int:
        with self._write(durable=True) as db:
            return db.execute("DELETE FROM messages WHERE queue = ? AND dead = 0 AND owner IS NULL", (queue,)).rowcount

    def recover(self) -> None:
        """Give back what consumers held that are no longer alive."""
        if time.monotonic() - self._recovered < _RECOVER_EVERY:
            return
        self._recovered = time.monotonic()
        own = self.owner()
        with self._open() as db:
            # Owners are uuids and never come back, so one that is dead stays dead until the update below.
            for (token,) in db.execute("SELECT DISTINCT owner FROM messages WHERE owner IS NOT NULL").fetchall():
                if token != own and not self._alive(token):
                    with self._write(durable=False):
                        self._free(db, "owner = ?", (token,), lost=True)
        for path in (self.folder / "owners").iterdir():
            if path.suffix != ".new" and path.name != own and not self._alive(path.name):
                path.unlink(missing_ok=True)

    def _alive(self, token: str) -> bool:
        try:
            handle = os.open(self.folder / "owners" / token, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        else:
            return False
        finally:
            os.close(handle)


_stores: dict[Path, _Store] = {}
_stores_lock = threading.Lock()


def store(folder: str | Path) -> _Store:
    """The one store of this process for that folder: two would not see each other's owner lock."""
    path = Path(folder).resolve()
    with _stores_lock:
        if path not in _stores:
            _stores[path] = _Store(path)
        return _stores[path]


def _before_fork() -> None:
    _stores_lock.acquire()
    for found in _stores.values():
        found.before_fork()


def _after_fork_in_parent() -> None:
    for found in _stores.values():
        found.after_fork_in_parent()
    _stores_lock.release()


def _after_fork_in_child() -> None:
    for found in _stores.values():
        found.after_fork_in_child()
    _stores_lock.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


class _QoS(virtual.QoS):  # type: ignore[misc]
    """Acknowledgements reach the file; nothing is put back by re-publishing."""

    channel: Channel

    def ack(self, delivery_tag: str) -> None:
        self.channel.store.ack(delivery_tag)
        self._settled(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if requeue:
            self.channel.store.release(delivery_tag, lost=True)
        else:
            self.channel.store.bury(delivery_tag)
        self._settled(delivery_tag)

    def _settled(self, delivery_tag: str) -> None:
        self._quick_ack(delivery_tag)
        if self.channel.connection is not None:
            self.channel.connection.room_made()

    def restore_unacked(self) -> list[Any]:
        self._flush()
        for tag in list(self._delivered):
            self.channel.store.release(tag)
        self._delivered.clear()
        return []

    def restore_unacked_once(self, stderr: Any = None) -> None:
        self._on_collect.cancel()
        self.restore_unacked()


class Channel(virtual.Channel):  # type: ignore[misc]
    QoS = _QoS
    supports_fanout = False

    def __init__(self, connection: Transport, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        # Kept here, because a closing channel gives messages back after it lost its connection.
        self.store = connection.store
        self._nothing_at: tuple[int, int] | None = None

    def queue_bind(
        self, queue: str, exchange: str | None = None, routing_key: str = "", arguments: Any = None, **kwargs: Any
    ) -> None:
        super().queue_bind(queue, exchange, routing_key, arguments, **kwargs)
        exchange = exchange or "amq.direct"
        self.store.bind(exchange, self.state.exchanges[exchange]["type"], routing_key or "", queue)

    def _lookup(self, exchange: str, routing_key: str, default: str | None = None) -> list[str]:
        """The queues that take the message. Bindings are durable as on a server: a process that retries a task knows
        the exchange and the key it came by, and has declared nothing. Raises OperationalError when no queue does."""
        found: list[str] = list(super()._lookup(exchange, routing_key, default))
        if not found:
            for kind, key, queue in self.store.bindings(exchange):
                super().exchange_declare(exchange, kind, durable=True)
                super().queue_bind(queue, exchange, key)
            found = list(super()._lookup(exchange, routing_key, default))
        if not found:
            raise OperationalError(f"no queue takes {routing_key!r} from exchange {exchange!r}")
        return found

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        # One message to several queues carries one tag; the table wants them apart.
        message = {**message, "properties": {**message["properties"], "delivery_tag": uuid4().hex}}
        self.store.put(queue, message, self._get_message_priority(message))

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        return self.store.get(queue)

    def _poll(self, cycle: Any, callback: Any, timeout: float | None = None) -> Any:
        """Look into each queue in turn, but only when the file has changed since the last look found nothing."""
        self.store.recover()
        state = self.store.state()
        if state == self._nothing_at:
            raise Empty
        try:
            return cycle.get(callback)
        except Empty:
            self._nothing_at = state
            raise

    def _reset_cycle(self) -> None:
        super()._reset_cycle()
        self._nothing_at = None

    def _size(self, queue: str) -> int:
        return self.store.size(queue)

    def _purge(self, queue: str) -> int:
        return self.store.purge(queue)

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        """Queues are durable: nobody deletes one by going away."""


class Transport(virtual.Transport):  # type: ignore[misc]
    Channel = Channel
    driver_type = "local"
    driver_name = "sqlite"
    default_port = 0
    polling_interval = 0.1
    #: Deliveries in one turn of a worker's event loop.
    burst = 100

    # With the event loop a worker acknowledges at once, the way it works on RabbitMQ; kombu's blocking loop holds
    # acknowledgements back until a message arrives, and a full prefetch window would wait for two seconds.
    implements = virtual.Transport.implements.extend(asynchronous=True)
    connection_errors = (*virtual.Transport.connection_errors, sqlite3.Error)

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.store = store(client.transport_options["folder"])
        self._loop: Any = None
        self._pump_asked = False

    def driver_version(self) -> str:
        return sqlite3.sqlite_version

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        self._loop = loop
        # The timer must not keep a connection alive that the worker has replaced.
        pump = weakref.WeakMethod(self._pump)

        def tick() -> None:
            if (found := pump()) is not None:
                found()

        loop.call_repeatedly(self.polling_interval, tick)

    def room_made(self) -> None:
        """A message was settled: in an event loop, look for the next one now."""
        if self._loop is not None and not self._pump_asked:
            self._pump_asked = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pump_asked = False
        with contextlib.suppress(Empty):
            for _turn in range(self.burst):
                self.cycle.get(self._deliver)

    def close_connection(self, connection: Any) -> None:
        self._loop = None
        super().close_connection(connection)
