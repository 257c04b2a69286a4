"""One `atomic` that is right on every engine.

Django's own does nothing on MongoDB, whose backend brings another one without savepoints. Services name the database
and never the engine:

    @transactional(APPOINTMENTS)
    def book(...): ...
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from medisecure.kernel.errors import Busy

P = ParamSpec("P")
R = TypeVar("R")

#: Tries of a whole unit of work that lost to another one, before the caller is told to come back later.
ATTEMPTS = 8

_DOOMED = "_medisecure_doomed"


class TransactionDoomed(DatabaseError):
    """An inner block failed and its error was swallowed, on an engine without savepoints: nothing was written."""


@contextmanager
def atomic(alias: str) -> Iterator[None]:
    """All or nothing in the database `alias`; may be nested.

    Where the engine has savepoints an inner failure undoes the inner block only. MongoDB has none: there an inner
    failure dooms the outer block, which raises `TransactionDoomed` at its end instead of committing one half.
    """
    connection = connections[alias]
    if connection.vendor != "mongodb":
        with transaction.atomic(using=alias):
            yield
        return
    with _mongo_atomic(connection):
        yield


@contextmanager
def _mongo_atomic(connection: Any) -> Iterator[None]:
    from django_mongodb_backend.transaction import atomic as backend_atomic

    outermost = not connection.in_atomic_block_mongo
    if outermost:
        setattr(connection, _DOOMED, False)
    try:
        with backend_atomic(using=connection.alias):
            try:
                yield
            except BaseException:
                setattr(connection, _DOOMED, True)
                raise
            if outermost and getattr(connection, _DOOMED):
                raise TransactionDoomed(f"a block inside this transaction on {connection.alias!r} failed")
    finally:
        # A commit that the server refuses raises the driver's own error, after which the backend keeps the session: the
        # next transaction on this connection would go on in the dead one. Ending the session aborts what is open.
        if outermost and connection.session is not None:
            connection._end_session()
            connection.run_on_commit = []


def in_atomic(alias: str) -> bool:
    """True inside `atomic(alias)`, and inside any other transaction that is open on that database."""
    connection = connections[alias]
    if connection.vendor == "mongodb":
        return bool(connection.in_atomic_block_mongo)  # type: ignore[attr-defined]
    return connection.in_atomic_block


def on_commit(alias: str, func: Callable[[], object], *, robust: bool = False) -> None:
    """Call `func` once the transaction open on `alias` has committed; at once when none is open."""
    connections[alias].on_commit(func, robust=robust)


def is_transient(connection: BaseDatabaseWrapper, error: BaseException) -> bool:
    """True when the same unit of work may succeed if run again: it lost to another one and left nothing behind."""
    cause = error.__cause__ if isinstance(error, DatabaseError) else error
    match connection.vendor:
        case "postgresql":
            # serialization_failure, deadlock_detected (PostgreSQL, appendix A)
            return getattr(cause, "pgcode", None) in {"40001", "40P01"}
        case "mysql":
            # lock wait timeout, deadlock, record changed since last read (MariaDB error codes)
            return bool(cause and cause.args and cause.args[0] in {1205, 1213, 1020})
        case "mongodb":
            has_label = getattr(cause, "has_error_label", None)
            return bool(has_label and has_label("TransientTransactionError"))
        case "sqlite":
            return "database is locked" in str(cause) or "database table is locked" in str(cause)
    return False


def transactional(alias: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Run the function in `atomic(alias)`; outermost, run it again when it lost a race to another transaction.

    The function must not have effects outside that database, because it may run more than once. Raises `Busy` (503)
    when every try lost.
    """

    def decorate(func: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(func)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            if in_atomic(alias):
                with atomic(alias):
                    return func(*args, **kwargs)
            for attempt in range(ATTEMPTS):
                try:
                    with atomic(alias):
                        return func(*args, **kwargs)
                except Exception as error:
                    if not is_transient(connections[alias], error):
                        raise
                    if attempt == ATTEMPTS - 1:
                        raise Busy from error
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - spreads the next tries, no secret
            raise AssertionError("unreachable")

        return wrapper

    return decorate
