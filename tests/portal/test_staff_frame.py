"""Staff's pages about one thing of a patient's stand in the patient's frame: who it is, and the allergies for who may
read them."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.test import Client

from appointments.interface import book
from billing.models import Invoice
from documents.interface import upload_document
from medisecure.accounts.models import User
from patients.interface import PatientCard, PractitionerCard
from patients.models import Allergy
from tests.appointments.fixtures import at
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, sent
from tests.patients.fixtures import CareOf

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture
def latex(asha_card: PatientCard) -> None:
    Allergy.objects.create(patient_id=asha_card.id, display="Latex", status="active")


def page(user: User, path: str) -> str:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = client.get(path)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def test_a_document_stands_in_the_frame_with_the_allergies(
    dr_bose: User, asha_card: PatientCard, bose_card: PractitionerCard, in_care: CareOf, latex: None
) -> None:
    in_care(asha_card, bose_card)
    row = upload_document(actor=dr_bose, patient_id=asha_card.id, file=sent(PDF), title="Bilan", category="lab")
    text = page(dr_bose, f"/admin/documents/document/{row.id}/change/")
    assert 'class="ws-banner"' in text
    assert asha_card.record_number in text
    assert "Latex" in text
    assert "Bilan" in text


def test_a_visit_shows_allergies_to_the_doctor_and_identity_to_reception(
    asha: User,
    dr_bose: User,
    rita: User,
    asha_card: PatientCard,
    bose_card: PractitionerCard,
    in_care: CareOf,
    calendar_id: UUID,
    latex: None,
) -> None:
    in_care(asha_card, bose_card)
    visit = book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))
    path = f"/admin/appointments/appointment/{visit.id}/change/"
    assert "Latex" in page(dr_bose, path)
    text = page(rita, path)
    assert 'class="ws-banner"' in text
    assert "Latex" not in text
    assert "ws-allergies" not in text


def test_who_sees_the_visit_and_not_the_patient_gets_no_frame(
    asha: User, nurse_chen: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID, latex: None
) -> None:
    visit = book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))
    text = page(nurse_chen, f"/admin/appointments/appointment/{visit.id}/change/")
    assert 'class="ws-banner"' not in text
    assert "Latex" not in text


def test_an_invoice_shows_who_it_is_and_nothing_clinical(
    carol: User, asha_card: PatientCard, draft: MakeInvoice, issued: MakeInvoice, latex: None
) -> None:
    for invoice in (draft(), issued()):
        text = page(carol, f"/admin/billing/invoice/{invoice.id}/change/")
        assert 'class="ws-banner"' in text
        assert asha_card.record_number in text
        assert "Latex" not in text
    assert 'name="patient_id"' in page(carol, "/admin/billing/invoice/add/")
    assert Invoice.objects.count() == 2
