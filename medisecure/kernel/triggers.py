"""Triggers that refuse what no program of ours may do, even by raw SQL: how they come, go and come back.

They are installed after every `migrate` and taken away before one that changes the app's tables: SQLite rebuilds a
table to alter it, which loses its triggers and trips over those of others. A trigger whose text changes gets a new
name. They do not stop DROP or somebody who removes them first: against those there are rights, backups and seals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate

_LISTS: Final = {
    "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'",
    "mysql": (
        "SELECT trigger_name, event_object_table FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    ),
    # Not information_schema, which does not know TRUNCATE.
    "postgresql": (
        "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND pg_table_is_visible(c.oid)"
    ),
}


@dataclass(frozen=True, slots=True)
class Guard:
    """The triggers of one app.

    `prefix` begins the name of each, and of nothing else in that database; `table` is the last one that the app's
    migrations make; `statements` gives trigger name → the statement that creates it, for a vendor; `prepare` what must
    run before, idempotent (a function the triggers call).
    """

    alias: str
    app_label: str
    prefix: str
    table: str
    statements: Callable[[str], Mapping[str, str]]
    prepare: Callable[[str], list[str]] = lambda vendor: []

    def connect(self, app: AppConfig) -> None:
        """Install after each migration of `app`, remove before."""
        name = f"{self.prefix}triggers"
        pre_migrate.connect(self._before_migrate, sender=app, dispatch_uid=f"{name}.before", weak=False)
        post_migrate.connect(self._after_migrate, sender=app, dispatch_uid=f"{name}.after", weak=False)
        GUARDS[self.prefix] = self

    def install(self) -> None:
        """Create the triggers that are missing and drop those of an earlier release. Idempotent.

        Nothing on an engine that has no triggers (MongoDB).
        """
        connection = connections[self.alias]
        if connection.vendor not in _LISTS:
            return
        wanted, present = self.statements(connection.vendor), self.present()
        with connection.cursor() as cursor:
            for name in present.keys() - wanted.keys():
                cursor.execute(_drop(connection.vendor, name, present[name]))
            missing = wanted.keys() - present.keys()
            for statement in self.prepare(connection.vendor) if missing else []:
                cursor.execute(statement)
            for name in missing:
                cursor.execute(wanted[name])

    def remove(self) -> None:
        """Drop them all: for a migration, and for tests that empty the tables."""
        connection = connections[self.alias]
        present = self.present()
        if not present:
            return
        with connection.cursor() as cursor:
            for name, table in present.items():
                cursor.execute(_drop(connection.vendor, name, table))

    def present(self) -> dict[str, str]:
        """Trigger name → its table, of those that are there."""
        connection = connections[self.alias]
        if connection.vendor not in _LISTS:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(_LISTS[connection.vendor])
            return {str(row[0]): str(row[1]) for row in cursor.fetchall() if str(row[0]).startswith(self.prefix)}

    def _before_migrate(self, sender: Any, using: str, plan: Any = (), **kwargs: Any) -> None:
        if using == self.alias and any(migration.app_label == self.app_label for migration, _backwards in plan):
            self.remove()

    def _after_migrate(self, sender: Any, using: str, **kwargs: Any) -> None:
        # Not after a migration back to nothing, which leaves no table to guard.
        if using == self.alias and self.table in connections[self.alias].introspection.table_names():
            self.install()


def refusal(vendor: str, prefix: str, message: str) -> list[str]:
    """What triggers of PostgreSQL call to refuse: the function `<prefix>refuse`, which names the table it is given.
    Other engines refuse in the trigger itself."""
    if vendor != "postgresql":
        return []
    body = f"BEGIN RAISE EXCEPTION '{message}: %', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation'; END"
    return [f"CREATE OR REPLACE FUNCTION {prefix}refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"]


#: Every guard that is connected, by its prefix.
GUARDS: Final[dict[str, Guard]] = {}


def _drop(vendor: str, name: str, table: str) -> str:
    return f"DROP TRIGGER {name} ON {table}" if vendor == "postgresql" else f"DROP TRIGGER {name}"


def remove_all(alias: str) -> None:
    """Drop the triggers of every guard of one database."""
    for guard in _guards(alias):
        guard.remove()


def install_all(alias: str) -> None:
    """Put back what `remove_all` dropped."""
    for guard in _guards(alias):
        guard.install()


def guarded_tables(alias: str) -> set[str]:
    """The tables of one database that have triggers of ours now."""
    return {table for guard in _guards(alias) for table in guard.present().values()}


def _guards(alias: str) -> list[Guard]:
    return [guard for guard in GUARDS.values() if guard.alias == alias]
