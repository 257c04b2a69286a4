"""Issued invoices sealed in a chain of hashes, one chain for each series and year, in the order of their numbers.

    seal = SHA-256(seal of the number before ‖ canonical JSON of the invoice, its lines and its shares)

The first of a series and year follows the SHA-256 of its own name ("F2026"). The seal is written in the transaction
that gives the number, while the counter's row is locked, so it costs no waiting that the number does not cost already.
The chain has no key: who may rewrite the whole database may compute it anew. A seal that is kept elsewhere shows that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from billing.rules import Payer

#: What the law wants unchanged (CGI annexe II art. 242 nonies A), and what ties it to its patient and its visit. A
#: column that is added later must not change the seals that exist: leave it out of the JSON while it is empty.
INVOICE_FIELDS: Final = (
    "id",
    "patient_id",
    "appointment_id",
    "practitioner_id",
    "service_date",
    "kind",
    "credits_id",
    "reason",
    "series",
    "year",
    "sequence",
    "number",
    "issued_at",
    "issued_by",
    "due_date",
    "currency",
    "net_cents",
    "vat_cents",
    "total_cents",
    "snapshot",
)
ITEM_FIELDS: Final = (
    "id",
    "position",
    "code",
    "label",
    "quantity",
    "unit_price_cents",
    "vat_rate",
    "exemption",
    "net_cents",
    "vat_cents",
    "total_cents",
)
#: Left out of the JSON while they say nothing: lines that were sealed before these came have other seals otherwise.
LATER_ITEM_FIELDS: Final = ("discount_rate", "discount_cents", "mandatory_rate", "complementary_rate")
#: What each payer bears and owes. An invoice that is the patient's alone has no shares in its JSON.
SHARE_FIELDS: Final = ("payer", "insurer", "coverage_id", "third_party", "covered_cents", "amount_cents")


def first(series: str, year: int) -> str:
    """What the first invoice of a series and year follows."""
    return hashlib.sha256(f"{series}{year}".encode()).hexdigest()


def canonical(invoice: Any, items: Iterable[Any], shares: Iterable[Any] = ()) -> bytes:
    """The issued invoice, its lines and its shares as JSON that is the same whichever engine they were read from.

    Takes the rows as they stand in the database: a fresh object may still hold another form of the same value.
    """
    document: dict[str, Any] = {
        "invoice": {name: _plain(getattr(invoice, name)) for name in INVOICE_FIELDS},
        "lines": [
            {name: _plain(getattr(item, name)) for name in ITEM_FIELDS}
            # Read as they were before these columns were there, by the migration that sealed what was issued then.
            | {name: getattr(item, name) for name in LATER_ITEM_FIELDS if getattr(item, name, 0)}
            for item in sorted(items, key=lambda item: (item.position, item.id))
        ],
    }
    rows = sorted(shares, key=lambda share: share.payer)
    if any(share.payer != Payer.PATIENT for share in rows):
        document["shares"] = [{name: _plain(getattr(share, name)) for name in SHARE_FIELDS} for share in rows]
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def seal(before: str, invoice: Any, items: Iterable[Any], shares: Iterable[Any] = ()) -> str:
    """The seal of an invoice that follows the seal `before`; both hexadecimal."""
    return hashlib.sha256(bytes.fromhex(before) + canonical(invoice, items, shares)).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        # 2.500 and 2.5 are one quantity.
        return f"{value.normalize():f}"
    return value if value is None or isinstance(value, int | str | dict | list) else str(value)
