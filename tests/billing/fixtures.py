"""Fixtures of billing: a price list, drafts and issued invoices of Asha's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.demo import ensure_price_list
from billing.models import Invoice
from billing.rules import Line
from billing.services import create_draft, issue_invoice
from medisecure.accounts.models import User
from patients.interface import PatientCard

MakeInvoice = Callable[..., Invoice]

CONSULTATION = Line("CS", "Consultation", Decimal(1), 3000)
TELEVISION = Line("TV", "Location d’un téléviseur, par jour", Decimal("2.5"), 350, 2000, "")


@pytest.fixture
def price_list(db: None) -> None:
    ensure_price_list()


@pytest.fixture
def draft(carol: User, asha_card: PatientCard) -> MakeInvoice:
    """`draft()`: a draft of Asha's with one consultation of 30 euros; `draft(lines=…, patient_id=…)` for others."""

    def make(**values: Any) -> Invoice:
        defaults: dict[str, Any] = {
            "patient_id": asha_card.id,
            "lines": [CONSULTATION],
            "service_date": date(2026, 1, 15),
        }
        return create_draft(actor=carol, **(defaults | values))

    return make


@pytest.fixture
def issued(carol: User, draft: MakeInvoice) -> MakeInvoice:
    """`issued()`: the same, issued."""

    def make(**values: Any) -> Invoice:
        return issue_invoice(actor=carol, invoice_id=draft(**values).id)

    return make
