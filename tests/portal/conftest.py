from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from appointments.interface import AppointmentCard, book
from billing.models import Invoice
from billing.rules import Line
from billing.services import create_draft, issue_invoice
from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import *  # noqa: F403
from tests.appointments.fixtures import at
from tests.documents.fixtures import *  # noqa: F403
from tests.patients.fixtures import *  # noqa: F403


def browser(user: User | None = None, language: str = "en") -> Client:
    """A browser with that language, signed in as `user`."""
    client = Client()
    client.cookies["medisecure_language"] = language
    if user is not None:
        client.force_login(user)
    return client


@pytest.fixture
def as_asha(asha: User, asha_card: PatientCard) -> Client:
    return browser(asha)


@pytest.fixture
def as_dan(dan: User, dan_card: PatientCard) -> Client:
    return browser(dan)


@pytest.fixture
def visit(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: object) -> AppointmentCard:
    """Asha's consultation with Dr Bose, a week ahead at 09:00 in Paris."""
    return book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))


@pytest.fixture
def invoice(carol: User, asha_card: PatientCard) -> Invoice:
    """An invoice of €84.00 over two lines, issued to Asha."""
    draft = create_draft(
        actor=carol,
        patient_id=asha_card.id,
        lines=[
            Line("CS", "Consultation", Decimal(1), 3000),
            Line("TV", "Television", Decimal(3), 1500, 2000, ""),
        ],
        service_date=clock.today() - timedelta(days=1),
    )
    return issue_invoice(actor=carol, invoice_id=draft.id)
