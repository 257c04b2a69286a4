"""A patient's invoices, when they are to be erased (`patients.erasing`): drafts go, what has a number never does.

Issued invoices are a sequence without a gap, sealed in a chain: one that went would look like a forgery of the rest.
What is due after ten years is named by `manage.py retention_run`, for the archive of the accounts.
"""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from django.db.models import Max
from django.utils.timezone import localtime

from billing.models import Invoice, InvoiceItem, InvoiceShare
from billing.rules import UNNUMBERED
from medisecure.kernel.databases import BILLING
from medisecure.kernel.transactions import transactional
from patients.interface import DataHolder, ErasureCategory

_UNNUMBERED: Final = [status.value for status in UNNUMBERED]


def _count(patient_id: UUID) -> int:
    return Invoice.objects.filter(patient_id=patient_id).count()


@transactional(BILLING)
def _erase(patient_id: UUID) -> int:
    rows = Invoice.objects.filter(patient_id=patient_id, status__in=_UNNUMBERED)
    InvoiceItem.objects.filter(invoice__in=rows).delete()
    InvoiceShare.objects.filter(invoice__in=rows).delete()
    return rows.delete()[0]


def _last_day(patient_id: UUID) -> date | None:
    last = Invoice.objects.filter(patient_id=patient_id).aggregate(last=Max("issued_at"))["last"]
    return localtime(last).date() if last else None


HOLDER: Final = DataHolder(category=ErasureCategory.INVOICES, count=_count, erase=_erase, last_day=_last_day)
