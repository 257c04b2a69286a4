"""The history of appointments is added to and never changed, even by raw SQL, where the engine has triggers: SQLite.

MongoDB has none. There `AppendOnlyDocument` refuses what our own code could do, and the servers' own access rights are
what stands against a person with a shell.
"""

from __future__ import annotations

from typing import Final

from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.triggers import Guard

PREFIX: Final = "appointments_guard_"
MESSAGE: Final = "append-only"
_TABLE: Final = "appointment_history"


def statements(vendor: str) -> dict[str, str]:
    """Trigger name → the statement that creates it; none for an engine without triggers."""
    if vendor != "sqlite":
        return {}
    refuse = f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    found = {
        f"{PREFIX}history_{event.lower()}_1": (
            f"CREATE TRIGGER {PREFIX}history_{event.lower()}_1 BEFORE {event} ON {_TABLE} FOR EACH ROW {refuse}"
        )
        for event in ("UPDATE", "DELETE")
    }
    # INSERT OR REPLACE removes the old row without asking the trigger for DELETE.
    name = f"{PREFIX}history_replace_1"
    present = f"EXISTS (SELECT 1 FROM {_TABLE} WHERE _id = NEW._id)"  # noqa: S608 - this module's own words
    found[name] = f"CREATE TRIGGER {name} BEFORE INSERT ON {_TABLE} FOR EACH ROW WHEN {present} {refuse}"
    return found


GUARD: Final = Guard(
    alias=APPOINTMENTS, app_label="appointments", prefix=PREFIX, table="waiting_screens", statements=statements
)
