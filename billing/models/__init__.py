"""Invoices, their lines and who pays which part of them, the payments, the counters that number them, the price list.

A draft may change; an issued invoice may not (`billing.querysets`, and the triggers of `billing.triggers`). Patients,
practitioners, appointments and accounts live in other databases: their ids are kept, and what an invoice prints of
them is frozen in `snapshot` when it is issued.
"""

from __future__ import annotations

from billing.models.bank import BankLine
from billing.models.checkouts import Checkout, ProviderEvent
from billing.models.course import InboxEntry, MergeMove, OutboxEvent, PatientMerge
from billing.models.dunning import DunningHold, Instalment, Reminder
from billing.models.invoices import PAYERS, Invoice, InvoiceCounter, InvoiceItem, InvoiceShare
from billing.models.papers import Buyer, Paper
from billing.models.payments import Allocation, Payment, Refund, WriteOff
from billing.models.prices import Price
from billing.models.tills import Till, TillDay, TillEntry

__all__ = [
    "PAYERS",
    "Allocation",
    "BankLine",
    "Buyer",
    "Checkout",
    "DunningHold",
    "InboxEntry",
    "Instalment",
    "Invoice",
    "InvoiceCounter",
    "InvoiceItem",
    "InvoiceShare",
    "MergeMove",
    "OutboxEvent",
    "Paper",
    "PatientMerge",
    "Payment",
    "Price",
    "ProviderEvent",
    "Refund",
    "Reminder",
    "Till",
    "TillDay",
    "TillEntry",
    "WriteOff",
]
