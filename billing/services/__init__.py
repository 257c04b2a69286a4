"""Writes: one use case, one transaction on the billing database, one audit entry, its events."""

from __future__ import annotations

from billing.services.buyers import bill_to
from billing.services.corrections import apply_credit, credit_cents, credit_payments, refund, write_off
from billing.services.drafts import (
    charged_for,
    create_draft,
    discard_draft,
    draft_for_appointment,
    edit_draft,
    withdraw_for_appointment,
)
from billing.services.issuing import credit, issue_invoice
from billing.services.papers import make_pdf
from billing.services.payments import Part, Recorded, record_payment, record_split_payment
from billing.services.prices import create_price
from billing.services.receipts import make_receipt, make_statement, paper_url, receipt_url

__all__ = [
    "Part",
    "Recorded",
    "apply_credit",
    "bill_to",
    "charged_for",
    "create_draft",
    "create_price",
    "credit",
    "credit_cents",
    "credit_payments",
    "discard_draft",
    "draft_for_appointment",
    "edit_draft",
    "issue_invoice",
    "make_pdf",
    "make_receipt",
    "make_statement",
    "paper_url",
    "receipt_url",
    "record_payment",
    "record_split_payment",
    "refund",
    "withdraw_for_appointment",
    "write_off",
]
