"""The log and its seals cannot be changed by raw SQL, on either engine."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connections

from medisecure.audit.models import AccessEntry, AccessSeal
from medisecure.audit.seals import seal
from medisecure.audit.triggers import GUARD
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.ids import new_id
from tests import emptying
from tests.audit.raw import raw, write
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db

#: So that entries of this very moment are settled.
AHEAD = timedelta(hours=1)

CHANGES = [
    "UPDATE access_entries SET action = 'nothing'",
    "DELETE FROM access_entries",
    "UPDATE access_seals SET sequence = sequence + 100",
    "UPDATE access_seals SET entry_hash = chain_hash",
    "DELETE FROM access_seals",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_the_database_refuses_to_change_or_remove(statement: str) -> None:
    write(2)
    seal(settled=-AHEAD)
    with pytest.raises(DatabaseError, match="append-only"):
        raw(statement)
    assert AccessEntry.objects.filter(action="view").count() == 2
    assert list(AccessSeal.objects.values_list("sequence", flat=True)) == [1, 2]


@pytest.mark.parametrize("table", ["access_entries", "access_seals"])
def test_postgresql_refuses_to_truncate(table: str) -> None:
    if connections[DEFAULT].vendor != "postgresql":
        pytest.skip("only PostgreSQL has TRUNCATE")
    write()
    with pytest.raises(DatabaseError, match="append-only"):
        raw(f"TRUNCATE {table}")
    assert AccessEntry.objects.count() == 1


def test_sqlite_refuses_to_replace() -> None:
    if connections[DEFAULT].vendor != "sqlite":
        pytest.skip("only SQLite has INSERT OR REPLACE")
    (entry,) = write()
    with pytest.raises(DatabaseError, match="append-only"):
        raw("INSERT OR REPLACE INTO access_entries SELECT * FROM access_entries WHERE id = %s", entry)


def test_other_rows_can_still_be_added_by_raw_sql() -> None:
    (entry,) = write()
    columns = 'at, actor_id, patient_id, action, resource, resource_id, purpose, "right", address'
    raw(
        f"INSERT INTO access_entries (id, {columns}) SELECT %s, {columns} FROM access_entries WHERE id = %s",
        new_id() if connections[DEFAULT].vendor == "sqlite" else str(new_id()),
        entry if connections[DEFAULT].vendor == "sqlite" else str(entry),
    )
    assert AccessEntry.objects.count() == 2


def test_the_triggers_are_installed_again_when_they_are_gone() -> None:
    GUARD.remove()
    GUARD.install()
    GUARD.install()
    write()
    with pytest.raises(DatabaseError, match="append-only"):
        raw("DELETE FROM access_entries")


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_emptying_after_a_test_empties_the_log_too_and_leaves_the_triggers() -> None:
    emptied = emptying.Emptied(connections[DEFAULT])
    write()
    assert emptied.restore(connections[DEFAULT])
    assert AccessEntry.objects.count() == 0
    write()
    with pytest.raises(DatabaseError, match="append-only"):
        raw("DELETE FROM access_entries")


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_emptying_says_when_what_migrations_wrote_was_changed() -> None:
    emptied = emptying.Emptied(connections[DEFAULT])
    Group.objects.create(name="made by a test")
    assert not emptied.restore(connections[DEFAULT])
