"""On PostgreSQL the application's own role may add to the log and read it, and nothing else, whatever it tries."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connections

from medisecure.audit.ownership import weaknesses
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.ids import new_id

pytestmark = pytest.mark.django_db

OWNER = os.environ.get("MEDISECURE_TEST_OWNER_URL", "")
DATABASE = "medisecure_ownership"


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """A private database of the owner's, brought to this release by `migrate_all`."""
    if not OWNER or "DATABASE_URL" not in os.environ:
        pytest.skip("needs PostgreSQL with two roles: bin/stack gives them")
    import psycopg2

    administration = psycopg2.connect(urlunsplit(urlsplit(OWNER)._replace(path="/postgres")))
    administration.autocommit = True
    name = f"{DATABASE}_{os.getpid()}"
    with administration.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    variables = {
        **os.environ,
        "DATABASE_URL": urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}")),
        "DATABASE_OWNER_URL": urlunsplit(urlsplit(OWNER)._replace(path=f"/{name}")),
    }
    for other in ("APPOINTMENTS_URL", "BILLING_URL"):
        variables.pop(other, None)
    try:
        manage(variables, "migrate_all", "--verbosity", "0")
        yield variables
    finally:
        with administration.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
        administration.close()


def manage(variables: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def application(environment: dict[str, str]) -> Iterator[Any]:
    """A connection with the application's own name and password."""
    import psycopg2

    connection = psycopg2.connect(environment["DATABASE_URL"])
    yield connection
    connection.close()


REFUSED = [
    "UPDATE access_entries SET action = 'nothing'",
    "DELETE FROM access_entries",
    "TRUNCATE access_entries",
    "UPDATE access_seals SET chain_hash = entry_hash",
    "DELETE FROM access_seals",
    "TRUNCATE access_seals",
    "DROP TRIGGER audit_guard_access_entries_update_1 ON access_entries",
    "ALTER TABLE access_entries DISABLE TRIGGER ALL",
    "ALTER TABLE access_entries DROP COLUMN actor_id",
    "DROP TABLE access_entries",
    "DROP FUNCTION audit_guard_refuse() CASCADE",
    "CREATE TRIGGER mine BEFORE INSERT ON access_entries FOR EACH ROW EXECUTE FUNCTION audit_guard_refuse()",
    "GRANT ALL ON access_entries TO CURRENT_USER",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_the_application_may_not(application: Any, statement: str) -> None:
    import psycopg2

    with application.cursor() as cursor:
        if statement.startswith("GRANT"):
            # PostgreSQL warns and grants nothing.
            cursor.execute(statement)
            cursor.execute("SELECT has_table_privilege('access_entries', 'UPDATE')")
            assert cursor.fetchone() == (False,)
        else:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)


def test_the_application_adds_to_the_log_and_reads_it(application: Any) -> None:
    with application.cursor() as cursor:
        cursor.execute(
            'INSERT INTO access_entries (id, at, action, resource, resource_id, purpose, "right")'
            " VALUES (%s, now(), 'view', 'record', '', 'care', 'self')",
            [str(new_id())],
        )
        cursor.execute("SELECT count(*) FROM access_entries")
        assert cursor.fetchone()[0] >= 1
    application.rollback()


def test_the_hospital_works_under_that_role(environment: dict[str, str]) -> None:
    manage(environment, "generate_patients", "3", "--yes-invented-people", "--verbosity", "0")
    code = (
        "from datetime import timedelta; from medisecure.audit.seals import seal;"
        "print(seal(settled=-timedelta(hours=1)));"
        "from patients.models import Patient; print(Patient.objects.update(city='Lyon'));"
        "from medisecure.audit.ownership import weaknesses; print(weaknesses())"
    )
    out = manage(environment, "shell", "-c", code).split("\n")
    assert [line for line in out if line][-3:] == ["1", "3", "[]"]
    assert "0 problems" in manage(environment, "verify_audit")
    # Again, as an upgrade does it.
    manage(environment, "migrate_all", "--verbosity", "0")


def test_a_role_that_owns_the_log_is_named() -> None:
    if connections[DEFAULT].vendor != "postgresql":
        assert weaknesses() == []
    else:
        # The test's own database was made by the application's role.
        assert weaknesses()[0].endswith("owns access_entries")
