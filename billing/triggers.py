"""What has been issued does not change, even by raw SQL: triggers on SQLite and MariaDB.

How they come and go: `medisecure.kernel.triggers`. On a MariaDB server with a binary log, creating them needs
`log_bin_trust_function_creators=1` there. MariaDB has no trigger for TRUNCATE.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from billing import guards
from billing.seals import INVOICE_FIELDS, SHARE_FIELDS
from medisecure.kernel.databases import BILLING
from medisecure.kernel.triggers import Guard

PREFIX: Final = "billing_guard_"
MESSAGE: Final = "invoice-issued"

#: Columns of an issued invoice that never change again: those that its seal covers, and when it was made.
FROZEN: Final = (*INVOICE_FIELDS, "created_at")
#: Written once: when the invoice has got its number, and when its paper has been made.
ONCE: Final = ("seal", "pdf_key", "pdf_sha256")

_NUMBERED: Final = "status NOT IN ('draft', 'discarded')"


def _conditions(vendor: str) -> Iterator[tuple[str, str, str, str]]:
    """(name, table, event, when it is refused) for each trigger."""
    quote = '"{}"' if vendor == "sqlite" else "`{}`"

    def differ(column: str) -> str:
        old, new = f"OLD.{quote.format(column)}", f"NEW.{quote.format(column)}"
        # MariaDB compares text without case or accents, so bytes are compared.
        return f"{old} IS NOT {new}" if vendor == "sqlite" else f"NOT (BINARY {old} <=> BINARY {new})"

    def numbered(row: str) -> str:
        # Made of this module's own words only.
        return f"EXISTS (SELECT 1 FROM invoices WHERE invoices.id = {row}.invoice_id AND invoices.{_NUMBERED})"  # noqa: S608

    changes = [differ(column) for column in FROZEN]
    changes += [f"(OLD.{column} <> '' AND {differ(column)})" for column in ONCE]
    changes += ["(OLD.status = 'credited' AND NEW.status <> 'credited')"]
    yield "invoice_update_2", "invoices", "UPDATE", f"OLD.{_NUMBERED} AND ({' OR '.join(changes)})"
    yield "invoice_delete_1", "invoices", "DELETE", f"OLD.{_NUMBERED}"
    yield "item_insert_1", "billing_items", "INSERT", numbered("NEW")
    yield "item_update_1", "billing_items", "UPDATE", f"{numbered('OLD')} OR {numbered('NEW')}"
    yield "item_delete_1", "billing_items", "DELETE", numbered("OLD")
    yield "share_insert_1", "invoice_shares", "INSERT", numbered("NEW")
    moved = " OR ".join(differ(column) for column in ("id", "invoice_id", "position", *SHARE_FIELDS))
    yield "share_update_1", "invoice_shares", "UPDATE", f"({numbered('OLD')} OR {numbered('NEW')}) AND ({moved})"
    yield "share_delete_1", "invoice_shares", "DELETE", numbered("OLD")
    yield "payment_insert_2", "payments", "INSERT", f"NEW.invoice_id IS NOT NULL AND NOT {numbered('NEW')}"
    for table, short in (
        ("payments", "payment"),
        ("payment_allocations", "allocation"),
        ("refunds", "refund"),
        ("write_offs", "write_off"),
    ):
        yield f"{short}_update_1", table, "UPDATE", "1 = 1"
        yield f"{short}_delete_1", table, "DELETE", "1 = 1"
    # A payment pays what is open, of its own payer, and no more than it is; what is taken back comes from where it was.
    open_invoice = "EXISTS (SELECT 1 FROM invoices WHERE invoices.id = NEW.invoice_id AND invoices.status = 'issued')"
    of_share = (
        "EXISTS (SELECT 1 FROM invoice_shares s JOIN payments p ON p.id = NEW.payment_id AND p.payer = s.payer"
        " WHERE s.id = NEW.share_id AND s.invoice_id = NEW.invoice_id)"
    )
    there = "(SELECT COALESCE(SUM(amount_cents), 0) FROM payment_allocations WHERE payment_id = NEW.payment_id{})"
    back = "(SELECT COALESCE(SUM(amount_cents), 0) FROM refunds WHERE payment_id = NEW.payment_id)"
    whole = "(SELECT amount_cents FROM payments WHERE id = NEW.payment_id)"
    too_much = (
        f"NEW.amount_cents > 0 AND (NOT {open_invoice} OR NEW.amount_cents + {there.format('')} + {back} > {whole})"
    )
    too_little = f"NEW.amount_cents < 0 AND NEW.amount_cents + {there.format(' AND share_id = NEW.share_id')} < 0"
    wrong = f"NOT {of_share} OR ({too_much}) OR ({too_little})"
    yield "allocation_insert_1", "payment_allocations", "INSERT", wrong
    yield "refund_insert_1", "refunds", "INSERT", f"NEW.amount_cents + {there.format('')} + {back} > {whole}"
    yield "write_off_insert_1", "write_offs", "INSERT", f"NOT {open_invoice}"
    yield from guards.conditions(differ, numbered)
    # A counter goes up by one and never away: a number that was given is never given again.
    yield (
        "counter_update_1",
        "invoice_counters",
        "UPDATE",
        f"NEW.last < OLD.last OR NEW.last > OLD.last + 1 OR {differ('series')} OR {differ('year')}",
    )
    yield "counter_delete_1", "invoice_counters", "DELETE", "OLD.last > 0"


def statements(vendor: str) -> dict[str, str]:
    """Trigger name → the statement that creates it, for "sqlite" or "mysql"."""
    found = {}
    for short, table, event, condition in _conditions(vendor):
        name = PREFIX + short
        head = f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW"
        found[name] = (
            f"{head} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            if vendor == "sqlite"
            else f"{head} IF {condition} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{MESSAGE}'; END IF"
        )
    return found


GUARD: Final = Guard(alias=BILLING, app_label="billing", prefix=PREFIX, table=guards.LAST_TABLE, statements=statements)
