"""The history of appointments and the journal of the waiting list are added to and never changed, even by raw SQL,
where the engine has triggers: SQLite.

MongoDB has none. There `AppendOnlyDocument` refuses what our own code could do, and the servers' own access rights are
what stands against a person with a shell.
"""

from __future__ import annotations

from typing import Final

from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.triggers import Guard

PREFIX: Final = "appointments_guard_"
MESSAGE: Final = "append-only"
#: Table → its word in the names of its triggers.
_TABLES: Final = {"appointment_history": "history", "waiting_steps": "waiting"}


def statements(vendor: str) -> dict[str, str]:
    """Trigger name → the statement that creates it; none for an engine without triggers."""
    if vendor != "sqlite":
        return {}
    refuse = f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    found = {}
    for table, word in _TABLES.items():
        for event in ("UPDATE", "DELETE"):
            name = f"{PREFIX}{word}_{event.lower()}_1"
            found[name] = f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {refuse}"
        # INSERT OR REPLACE removes the old row without asking the trigger for DELETE.
        name = f"{PREFIX}{word}_replace_1"
        present = f"EXISTS (SELECT 1 FROM {table} WHERE _id = NEW._id)"  # noqa: S608 - this module's own words
        found[name] = f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW WHEN {present} {refuse}"
    return found


GUARD: Final = Guard(
    alias=APPOINTMENTS, app_label="appointments", prefix=PREFIX, table="waiting_steps", statements=statements
)
