"""The billing clerk's face: worklists, drafts to edit, issuing and payments with a page that asks first."""

from __future__ import annotations

from billing.admin.bank import BankLineAdmin
from billing.admin.dunning import ReminderAdmin
from billing.admin.invoices import InvoiceAdmin
from billing.admin.papers import PaperAdmin
from billing.admin.prices import PriceAdmin
from billing.admin.tills import TillAdmin, TillDayAdmin

__all__ = ["BankLineAdmin", "InvoiceAdmin", "PaperAdmin", "PriceAdmin", "ReminderAdmin", "TillAdmin", "TillDayAdmin"]
