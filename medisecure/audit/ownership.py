"""Who owns the access log in PostgreSQL: not the application's own role, which may add to it and read it, nothing else.

Triggers refuse changes, but the owner of a table may drop its triggers. So migrations run as another role
(`DATABASE_OWNER_URL`), which owns all tables, and the application's gets what it needs by `grant`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.conf import settings
from django.db import connections

from medisecure.kernel.databases import DEFAULT

#: Added to and read, by the application; nothing else.
LOG_TABLES: Final = ("access_entries", "access_seals")

_PRIVILEGES: Final = ("UPDATE", "DELETE", "TRUNCATE")


@contextmanager
def as_owner() -> Iterator[None]:
    """The default database's connection is the owner's inside, and the application's again afterwards. Nothing changes
    where no owner is named."""
    owner = settings.DATABASE_OWNER
    if owner is None:
        yield
        return
    connection: Any = connections[DEFAULT]
    # A copy: `settings.DATABASES`, which says who the application is, is the same dictionary.
    before = connection.settings_dict
    connection.close()
    connection.settings_dict = {**before, "USER": owner["user"], "PASSWORD": owner["password"]}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before


def grant(role: str) -> None:
    """Give the application's role what it needs, as the owner: all rows of all tables, and of the log adding and
    reading. Idempotent, and right for tables that later migrations make."""
    connection: Any = connections[DEFAULT]
    name = connection.ops.quote_name(role)
    statements = [
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {name}",
        *(f"REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES ON {table} FROM {name}" for table in LOG_TABLES),
    ]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def weaknesses() -> list[str]:
    """What the application's own role could do to the log, in words for an operator; empty when it can do nothing.
    Only PostgreSQL has roles."""
    connection = connections[DEFAULT]
    if connection.vendor != "postgresql":
        return []
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            return ["the application's role is a superuser"]
        for table in LOG_TABLES:
            cursor.execute("SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = %s::regclass", [table])
            if cursor.fetchone()[0]:
                found.append(f"the application's role owns {table}")
                continue
            for privilege in _PRIVILEGES:
                cursor.execute("SELECT has_table_privilege(%s, %s)", [table, privilege])
                if cursor.fetchone()[0]:
                    found.append(f"the application's role may {privilege} {table}")
    return found
