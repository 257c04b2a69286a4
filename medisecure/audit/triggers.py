"""The access log and its seals are added to and never changed, even by raw SQL: triggers on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Final

from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.triggers import Guard, refusal

PREFIX: Final = "audit_guard_"
MESSAGE: Final = "append-only"

#: Table → when a new row would take the place of one that is there.
_TABLES: Final = {
    "access_entries": "id = NEW.id",
    "access_seals": "sequence = NEW.sequence OR entry_id = NEW.entry_id",
}


def statements(vendor: str) -> dict[str, str]:
    """Trigger name → the statement that creates it, for "sqlite" or "postgresql"."""
    found = {}
    for table, taken in _TABLES.items():
        for event in ("UPDATE", "DELETE", "TRUNCATE") if vendor == "postgresql" else ("UPDATE", "DELETE"):
            name = f"{PREFIX}{table}_{event.lower()}_1"
            # For each statement, not each row: it costs one call, and refuses even what would match nothing.
            found[name] = (
                f"CREATE TRIGGER {name} BEFORE {event} ON {table}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {PREFIX}refuse('{table}')"
                if vendor == "postgresql"
                else f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW"
                f" BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            )
        if vendor == "sqlite":
            # INSERT OR REPLACE removes the old row without asking the trigger for DELETE.
            name = f"{PREFIX}{table}_replace_1"
            present = f"EXISTS (SELECT 1 FROM {table} WHERE {taken})"  # noqa: S608 - this module's own words
            found[name] = (
                f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW"
                f" WHEN {present} BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            )
    return found


GUARD: Final = Guard(
    alias=DEFAULT,
    app_label="audit",
    prefix=PREFIX,
    table="access_seals",
    statements=statements,
    prepare=lambda vendor: refusal(vendor, PREFIX, MESSAGE),
)
