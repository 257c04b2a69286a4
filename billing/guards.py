"""What the triggers of `billing.triggers` refuse on papers, tills and reminders: rows that are written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

#: The last table that the app's migrations make.
LAST_TABLE: Final = "instalments"

#: What a stored paper says.
PAPER_FIELDS: Final = (
    "id",
    "kind",
    "subject",
    "patient_id",
    "invoice_id",
    "number",
    "language",
    "content",
    "created_at",
    "created_by",
)

#: Of a till's day, what opening it wrote.
TILL_FIELDS: Final = ("id", "till_id", "day", "opened_at", "opened_by", "float_cents")

REMINDER_FIELDS: Final = ("id", "invoice_id", "patient_id", "step", "made_at", "owed_cents")
HOLD_FIELDS: Final = ("id", "invoice_id", "kind", "reason", "owed_cents", "started_at", "started_by")


def conditions(differ: Callable[[str], str], numbered: Callable[[str], str]) -> Iterator[tuple[str, str, str, str]]:
    """(name, table, event, when it is refused). `differ(column)`: it is changed; `numbered(row)`: the row's invoice has
    been issued."""
    # The buyer of an issued invoice is in its snapshot; the row it came from stays as it was.
    yield "buyer_insert_1", "invoice_buyers", "INSERT", numbered("NEW")
    yield "buyer_update_1", "invoice_buyers", "UPDATE", f"{numbered('OLD')} OR {numbered('NEW')}"
    yield "buyer_delete_1", "invoice_buyers", "DELETE", numbered("OLD")
    said = [differ(column) for column in PAPER_FIELDS]
    said += [f"(OLD.{column} <> '' AND {differ(column)})" for column in ("pdf_key", "pdf_sha256")]
    yield "paper_update_1", "billing_papers", "UPDATE", " OR ".join(said)
    yield "paper_delete_1", "billing_papers", "DELETE", "1 = 1"
    # Cash: what was counted is counted.
    opened = " OR ".join(map(differ, TILL_FIELDS))
    yield "till_day_update_1", "till_days", "UPDATE", f"OLD.closed_at IS NOT NULL OR {opened}"
    yield "till_day_delete_1", "till_days", "DELETE", "1 = 1"
    closed = "EXISTS (SELECT 1 FROM till_days WHERE till_days.id = NEW.till_day_id AND till_days.closed_at IS NOT NULL)"
    yield "till_entry_insert_1", "till_entries", "INSERT", closed
    yield "till_entry_update_1", "till_entries", "UPDATE", "1 = 1"
    yield "till_entry_delete_1", "till_entries", "DELETE", "1 = 1"
    # Reminders: what was asked of whom, and when, is said once; the letter and its posting are noted once.
    asked = [differ(column) for column in REMINDER_FIELDS]
    asked += [f"(OLD.{column} IS NOT NULL AND {differ(column)})" for column in ("paper_id", "printed_at", "printed_by")]
    yield "reminder_update_1", "reminders", "UPDATE", " OR ".join(asked)
    yield "reminder_delete_1", "reminders", "DELETE", "1 = 1"
    agreed = [differ(column) for column in HOLD_FIELDS]
    yield "hold_update_1", "dunning_holds", "UPDATE", f"OLD.ended_at IS NOT NULL OR {' OR '.join(agreed)}"
    yield "hold_delete_1", "dunning_holds", "DELETE", "1 = 1"
    yield "instalment_update_1", "instalments", "UPDATE", "1 = 1"
    yield "instalment_delete_1", "instalments", "DELETE", "1 = 1"
