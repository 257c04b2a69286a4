"""A mother acts for her child in appointments, invoices and documents; what she does is in the child's log."""

from __future__ import annotations

from uuid import UUID

import pytest

from appointments.interface import AppointmentCard, appointment_for, book, cancel, confirm, my_appointments
from billing.interface import invoice_card, invoices_for_patient
from billing.models import Invoice
from documents.interface import document_url
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.errors import NotFound, Refused
from patients.interface import PatientCard, PractitionerCard
from patients.models import Representation
from patients.services import end_representation
from tests.appointments.fixtures import at
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, sent
from tests.patients.fixtures import CareOf
from tests.support import api

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture
def milas_visit(
    priya: User, mila_card: PatientCard, motherhood: Representation, bose_card: PractitionerCard, calendar_id: UUID
) -> AppointmentCard:
    return book(
        actor=priya,
        practitioner_id=bose_card.id,
        type_code="consultation",
        start=at("09:00"),
        patient_id=mila_card.id,
    )


@pytest.fixture
def milas_invoice(issued: MakeInvoice, mila_card: PatientCard, motherhood: Representation) -> Invoice:
    return issued(patient_id=mila_card.id)


def rights(actor: User, patient: PatientCard) -> set[tuple[str, str]]:
    rows = AccessEntry.objects.filter(actor_id=actor.id, patient_id=patient.id)
    return set(rows.values_list("right", "purpose"))


def test_she_books_moves_in_and_cancels(priya: User, mila_card: PatientCard, milas_visit: AppointmentCard) -> None:
    assert [card.id for card in my_appointments(priya, patient_id=mila_card.id)] == [milas_visit.id]
    assert confirm(actor=priya, appointment_id=milas_visit.id).status == "confirmed"
    assert cancel(actor=priya, appointment_id=milas_visit.id).status == "cancelled"
    assert rights(priya, mila_card) == {("representative:parent", "on-behalf")}


def test_hers_are_not_mixed_with_the_childs(priya: User, milas_visit: AppointmentCard) -> None:
    assert my_appointments(priya) == []


def test_the_patients_notice_holds_for_her(
    priya: User, mila_card: PatientCard, milas_visit: AppointmentCard, bose_card: PractitionerCard
) -> None:
    """She is no staff: a note is not hers to leave, nor is overbooking."""
    with pytest.raises(Refused):
        book(
            actor=priya,
            practitioner_id=bose_card.id,
            type_code="consultation",
            start=at("09:00"),
            patient_id=mila_card.id,
            overbook_reason="please",
        )


def test_dan_gets_nothing_of_it(
    dan: User, dan_card: PatientCard, mila_card: PatientCard, milas_visit: AppointmentCard, milas_invoice: Invoice
) -> None:
    for look in (
        lambda: my_appointments(dan, patient_id=mila_card.id),
        lambda: appointment_for(actor=dan, appointment_id=milas_visit.id),
        lambda: invoices_for_patient(actor=dan, patient_id=mila_card.id),
        lambda: invoice_card(actor=dan, invoice_id=milas_invoice.id),
    ):
        with pytest.raises(NotFound):
            look()
    client = api(dan)
    assert client.get("/api/appointments", {"patient_id": str(mila_card.id)}).status_code == 404
    assert client.get("/api/invoices", {"patient": str(mila_card.id)}).json()["count"] == 0
    assert rights(dan, mila_card) == set()


def test_she_reads_and_pays_attention_to_the_invoices(
    priya: User, mila_card: PatientCard, milas_invoice: Invoice
) -> None:
    assert [card.id for card in invoices_for_patient(actor=priya, patient_id=mila_card.id)] == [milas_invoice.id]
    assert invoice_card(actor=priya, invoice_id=milas_invoice.id).total_cents == 3000
    assert rights(priya, mila_card) == {("representative:parent", "on-behalf")}


def test_the_api_speaks_of_the_child_when_asked(
    priya: User, mila_card: PatientCard, milas_visit: AppointmentCard, milas_invoice: Invoice
) -> None:
    client = api(priya)
    visits = client.get("/api/appointments", {"patient_id": str(mila_card.id)}).json()
    assert [row["id"] for row in visits["results"]] == [str(milas_visit.id)]
    assert visits["results"][0]["staff"] is None
    assert client.get("/api/appointments").json()["count"] == 0
    invoices = client.get("/api/invoices", {"patient": str(mila_card.id)}).json()
    assert [row["id"] for row in invoices["results"]] == [str(milas_invoice.id)]
    assert client.get("/api/invoices").json()["count"] == 0
    assert client.get(f"/api/patients/{mila_card.id}/medical-record").status_code == 200


def test_the_documents_too(
    rita: User,
    priya: User,
    dr_bose: User,
    bose_card: PractitionerCard,
    mila_card: PatientCard,
    motherhood: Representation,
    in_care: CareOf,
) -> None:
    from documents.interface import upload_document

    in_care(mila_card, bose_card)
    row = upload_document(actor=dr_bose, patient_id=mila_card.id, file=sent(PDF), title="Vaccins", category="report")
    assert document_url(priya, row.id, purpose="on-behalf")
    brought = upload_document(actor=priya, patient_id=mila_card.id, file=sent(PDF), title="Dessin", category="other")
    entry = AccessEntry.objects.get(resource="document", resource_id=str(brought.id), action="contribute")
    assert (entry.actor_id, entry.patient_id, entry.right) == (priya.id, mila_card.id, "representative:parent")
    end_representation(actor=rita, representation_id=motherhood.id, version=motherhood.version)
    with pytest.raises(NotFound):
        upload_document(actor=priya, patient_id=mila_card.id, file=sent(PDF), title="Dessin", category="other")


def test_ended_everything_is_gone_at_once(
    rita: User,
    priya: User,
    mila_card: PatientCard,
    motherhood: Representation,
    milas_visit: AppointmentCard,
    milas_invoice: Invoice,
) -> None:
    end_representation(actor=rita, representation_id=motherhood.id, version=motherhood.version)
    client = api(priya)
    for path in (
        f"/api/patients/{mila_card.id}",
        f"/api/patients/{mila_card.id}/medical-record",
        f"/api/patients/{mila_card.id}/documents",
        f"/api/appointments/{milas_visit.id}",
        f"/api/appointments?patient_id={mila_card.id}",
        f"/api/invoices/{milas_invoice.id}",
    ):
        assert client.get(path).status_code == 404, path
    with pytest.raises(NotFound):
        cancel(actor=priya, appointment_id=milas_visit.id)


def test_a_minors_secret_stays_theirs(
    rita: User,
    priya: User,
    mila_card: PatientCard,
    motherhood: Representation,
    milas_visit: AppointmentCard,
    milas_invoice: Invoice,
    bose_card: PractitionerCard,
) -> None:
    """Of the visits she sees those that she booked, of the invoices none."""
    secret = book(
        actor=rita, practitioner_id=bose_card.id, type_code="check", start=at("14:00"), patient_id=mila_card.id
    )
    Representation.objects.update(restricted=True)
    assert [card.id for card in my_appointments(priya, patient_id=mila_card.id)] == [milas_visit.id]
    with pytest.raises(NotFound):
        appointment_for(actor=priya, appointment_id=secret.id)
    with pytest.raises(NotFound):
        invoice_card(actor=priya, invoice_id=milas_invoice.id)
    with pytest.raises(NotFound):
        invoices_for_patient(actor=priya, patient_id=mila_card.id)
