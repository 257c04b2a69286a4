"""The file behind the embedded broker, and who holds which message."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

from medisecure.kernel.event_queues import DELIVERY_LIMIT

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
RECOVER_EVERY = 2.0


class Store:
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

    def dead(self, limit: int) -> list[tuple[int, str, str, bool]]:
        """(row, queue, message, whether it was lost too often) of dead letters, oldest first."""
        with self._open() as db:
            rows = db.execute(
                "SELECT id, queue, body, losses >= ? FROM messages WHERE dead = 1 ORDER BY id LIMIT ?",
                (DELIVERY_LIMIT, limit),
            )
            return [(int(row), str(queue), str(body), bool(lost)) for row, queue, body, lost in rows.fetchall()]

    def dead_count(self) -> int:
        with self._open() as db:
            return int(db.execute("SELECT count(*) FROM messages WHERE dead = 1").fetchone()[0])

    def forget(self, row: int) -> None:
        with self._write(durable=True) as db:
            db.execute("DELETE FROM messages WHERE id = ? AND dead = 1", (row,))

    def oldest(self, queue: str) -> float | None:
        """When the oldest message that waits was put there, in seconds since 1970."""
        with self._open() as db:
            waiting = "SELECT min(put_at) FROM messages WHERE queue = ? AND dead = 0 AND owner IS NULL"
            found = db.execute(waiting, (queue,)).fetchone()[0]
            return None if found is None else float(found)

    def recover(self) -> None:
        """Give back what consumers held that are no longer alive."""
        if time.monotonic() - self._recovered < RECOVER_EVERY:
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


_stores: dict[Path, Store] = {}
_stores_lock = threading.Lock()


def store_in(folder: str | Path) -> Store:
    """The one store of this process for that folder: two would not see each other's owner lock."""
    path = Path(folder).resolve()
    with _stores_lock:
        if path not in _stores:
            _stores[path] = Store(path)
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
