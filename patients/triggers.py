"""What was signed does not change, even by raw SQL: triggers on SQLite and PostgreSQL.

Versions of notes, drafts that gave way and the history of entries are added to and never changed. A note itself changes
its draft and its state, and may move to another patient when two are merged; once signed it keeps its kind, author and
date, does not become a draft again, and is not deleted.
"""

from __future__ import annotations

from typing import Final

from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.triggers import Guard, refusal

PREFIX: Final = "patients_guard_"
MESSAGE: Final = "signed"

#: Table → when a new row would take the place of one that is there (INSERT OR REPLACE of SQLite).
_WRITTEN_ONCE: Final = {
    "note_versions": "id = NEW.id OR (note_id = NEW.note_id AND number = NEW.number)",
    "note_drafts": "id = NEW.id",
    "clinical_changes": "id = NEW.id OR (resource = NEW.resource AND row_id = NEW.row_id AND version = NEW.version)",
}
_SIGNED: Final = "OLD.status <> 'preliminary'"
_FROZEN: Final = (
    f"{_SIGNED} AND (NEW.status = 'preliminary' OR NEW.kind <> OLD.kind OR NEW.author_id <> OLD.author_id"
    " OR NEW.occurred_at <> OLD.occurred_at OR NEW.id <> OLD.id)"
)


def statements(vendor: str) -> dict[str, str]:
    """Trigger name → the statement that creates it, for "sqlite" or "postgresql"."""
    found = {}
    for table, taken in _WRITTEN_ONCE.items():
        for event in ("UPDATE", "DELETE", "TRUNCATE") if vendor == "postgresql" else ("UPDATE", "DELETE"):
            name = f"{PREFIX}{table}_{event.lower()}_1"
            each = "STATEMENT" if event == "TRUNCATE" else "ROW"
            found[name] = f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} {_refuse(vendor, table)}"
        if vendor == "sqlite":
            name = f"{PREFIX}{table}_replace_1"
            present = f"EXISTS (SELECT 1 FROM {table} WHERE {taken})"  # noqa: S608 - this module's own words
            found[name] = (
                f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW WHEN {present} {_refuse(vendor, table)}"
            )
    for event, condition in (("UPDATE", _FROZEN), ("DELETE", _SIGNED)):
        name = f"{PREFIX}clinical_notes_{event.lower()}_1"
        found[name] = (
            f"CREATE TRIGGER {name} BEFORE {event} ON clinical_notes FOR EACH ROW"
            f" WHEN ({condition}) {_refuse(vendor, 'clinical_notes')}"
        )
    return found


def _refuse(vendor: str, table: str) -> str:
    if vendor == "postgresql":
        return f"EXECUTE FUNCTION {PREFIX}refuse('{table}')"
    return f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"


GUARD: Final = Guard(
    alias=DEFAULT,
    app_label="patients",
    prefix=PREFIX,
    table="clinical_changes",
    statements=statements,
    prepare=lambda vendor: refusal(vendor, PREFIX, MESSAGE),
)
