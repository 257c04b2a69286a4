"""Emptying the databases after a test that committed, so that the next one finds what migrations leave and no more.

Django's way, `flush`, empties every table and lets `post_migrate` write permissions, groups and the like again: most of
the time of a short test, and after every test where an engine cannot roll back (MongoDB). Here only tables that have
rows are emptied, and what migrations wrote is left alone: unless a test changed it, then Django's way is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

from medisecure.kernel import triggers
from medisecure.kernel.databases import ALIASES

_django_fixture_teardown: Final[Any] = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]


class Emptied:
    """One database as the migrations left it."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        self.kept = {table: _rows(connection, table) for table in _filled(connection, self.tables)}
        self.guarded = triggers.guarded_tables(connection.alias)

    def restore(self, connection: BaseDatabaseWrapper) -> bool:
        """Delete what came since. False when what the migrations wrote is no longer as it was."""
        filled = [table for table in _filled(connection, self.tables) if table not in self.kept]
        if any(_rows(connection, table) != rows for table, rows in self.kept.items()):
            return False
        with _unguarded(connection, [table for table in filled if table in self.guarded]):
            _delete(connection, filled)
        return True


def _filled(connection: BaseDatabaseWrapper, tables: list[str]) -> list[str]:
    if connection.vendor == "mongodb":
        database: Any = connection
        return [table for table in tables if database.get_collection(table).find_one({}, {"_id": 1}) is not None]
    quote = connection.ops.quote_name
    parts = [f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quote(table)})" for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return [row[0] for row in cursor.fetchall()]


def _rows(connection: BaseDatabaseWrapper, table: str) -> set[str]:
    if connection.vendor == "mongodb":
        database: Any = connection
        return {repr(row) for row in database.get_collection(table).find()}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
        return {repr(row) for row in cursor.fetchall()}


def _delete(connection: BaseDatabaseWrapper, tables: list[str]) -> None:
    quote = connection.ops.quote_name
    # TRUNCATE would make new files for each table, and few rows are in it.
    statements = [f"DELETE FROM {quote(table)}" for table in tables]
    match connection.vendor:
        case "mongodb":
            connection.ops.execute_sql_flush(tables)
        case "mysql":
            _run(connection, ["SET foreign_key_checks = 0", *statements, "SET foreign_key_checks = 1"])
        case _:
            # In one transaction, at whose end foreign keys are looked at: any order will do.
            connection.ops.execute_sql_flush(statements)


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def _unguarded(connection: BaseDatabaseWrapper, tables: list[str]) -> Iterator[None]:
    """Without the triggers that refuse a DELETE in these tables."""
    if not tables:
        yield
    elif connection.vendor == "postgresql":
        _run(connection, [f'ALTER TABLE "{table}" DISABLE TRIGGER USER' for table in tables])
        yield
        _run(connection, [f'ALTER TABLE "{table}" ENABLE TRIGGER USER' for table in tables])
    else:
        triggers.remove_all(connection.alias)
        yield
        triggers.install_all(connection.alias)


def install() -> None:
    """Empty this way from now on. To be called when the test databases are made and nothing is in them yet."""
    emptied = {alias: Emptied(connections[alias]) for alias in ALIASES}

    def teardown(self: Any) -> None:
        names = list(self._databases_names(include_mirrors=False))
        whole = [emptied[name].restore(connections[name]) for name in names]
        if not all(whole):
            for name in names:
                triggers.remove_all(name)
            _django_fixture_teardown(self)

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[attr-defined]
