"""The billing clerk's face: worklists, drafts to edit, issuing and payments with a page that asks first."""

from __future__ import annotations

from billing.admin.bank import BankLineAdmin
from billing.admin.invoices import InvoiceAdmin
from billing.admin.prices import PriceAdmin

__all__ = ["BankLineAdmin", "InvoiceAdmin", "PriceAdmin"]
