"""Every page: for the patient it belongs to, for staff, for a stranger, and in shape."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from appointments.interface import AppointmentCard, create_type, seed_appointment
from appointments.models import Appointment
from billing.models import Invoice
from billing.services import record_payment
from documents.models import Document
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.notifications.interface import notify_user, unread_count
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, make_calendar
from tests.cast import ALL_DATABASES
from tests.portal.conftest import browser
from tests.portal.pages import Page, faults

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

PLAIN = ["home", "book", "appointments", "record", "access", "invoices", "notices", "profile"]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("name", PLAIN)
def test_page_is_whole_without_data(name: str, language: str, asha: User, asha_card: PatientCard) -> None:
    response = browser(asha, language).get(reverse(name))
    assert response.status_code == 200
    page = Page(response)
    assert faults(page) == []
    assert page.language == language
    assert "Content-Security-Policy" in response.headers


@pytest.mark.parametrize("name", PLAIN)
def test_page_is_whole_with_data(
    name: str,
    as_asha: Client,
    visit: AppointmentCard,
    invoice: Invoice,
    add_document: Callable[..., Document],
    asha: User,
) -> None:
    add_document()
    notify_user(dedupe_key="n1", user_id=asha.id, kind="appointment-booked", url="/appointments/")
    assert faults(Page(as_asha.get(reverse(name)))) == []


@pytest.mark.parametrize("name", PLAIN)
def test_stranger_is_sent_to_the_sign_in(name: str, client: Client) -> None:
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("name", ["book", "appointments", "record", "invoices"])
def test_account_without_a_patient_is_told_what_to_do(name: str, dan: User) -> None:
    page = Page(browser(dan).get(reverse(name)))
    assert "not tied to a patient record" in page.text
    assert faults(page) == []


@pytest.mark.parametrize("name", ["book", "appointments", "record", "invoices"])
def test_staff_are_led_to_their_own_area(name: str, dr_bose: User, bose_card: PractitionerCard) -> None:
    page = Page(browser(dr_bose).get(reverse(name)))
    assert "/admin/" in page.links
    assert faults(page) == []


def test_home_of_staff_links_to_the_admin(rita: User) -> None:
    page = Page(browser(rita).get("/"))
    assert "/admin/" in page.links
    assert "/book/" not in page.links


def test_home_shows_the_next_visit_what_is_due_and_what_is_new(
    as_asha: Client, asha: User, visit: AppointmentCard, invoice: Invoice
) -> None:
    notify_user(dedupe_key="n1", user_id=asha.id, kind="invoice-issued", url="/invoices/")
    text = Page(as_asha.get("/")).text
    assert "Dr Anil Bose" in text
    assert "09:00" in text
    assert "€84.00" in text
    assert "A new invoice is ready." in text


def test_visit_is_shown_on_the_clock_of_its_place(
    as_asha: Client, asha_card: PatientCard, bose_card: PractitionerCard
) -> None:
    create_type(code="consultation", label_fr="Consultation", label_en="Consultation", duration_minutes=30)
    make_calendar(bose_card.id, zone="Indian/Reunion", type_codes=["consultation"])
    day = clock.today("Indian/Reunion") + timedelta(days=7)
    start = datetime.fromisoformat(f"{day}T09:00:00+04:00")
    seed_appointment(patient_id=asha_card.id, practitioner_id=bose_card.id, type_code="consultation", start=start)
    text = Page(as_asha.get("/appointments/")).text
    assert "09:00" in text
    assert "Indian/Reunion" in text


def test_detail_of_a_visit(as_asha: Client, visit: AppointmentCard) -> None:
    page = Page(as_asha.get(reverse("appointment", args=[visit.id])))
    assert faults(page) == []
    assert "Building B, room 12" in page.text
    assert reverse("appointment-ics", args=[visit.id]) in page.links
    assert reverse("appointment-cancel", args=[visit.id]) in page.links


def test_calendar_file(as_asha: Client, visit: AppointmentCard) -> None:
    response = as_asha.get(reverse("appointment-ics", args=[visit.id]))
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert "attachment" in response["Content-Disposition"]
    assert b"BEGIN:VEVENT" in response.content
    assert str(visit.id).encode() in response.content


def test_invoice_with_its_lines_and_payments(as_asha: Client, invoice: Invoice, carol: User) -> None:
    record_payment(
        actor=carol, invoice_id=invoice.id, amount_cents=2000, method="card", reference="", idempotency_key="one"
    )
    page = Page(as_asha.get(reverse("invoice", args=[invoice.id])))
    assert faults(page) == []
    for words in ("Television", "€54.00", "€84.00", "€20.00", "€64.00", "Card"):
        assert words in page.text


def test_paper_that_is_not_made_yet_is_a_word_and_no_fault(as_asha: Client, invoice: Invoice) -> None:
    response = as_asha.get(reverse("invoice-pdf", args=[invoice.id]), follow=True)
    assert response.redirect_chain == [(reverse("invoice", args=[invoice.id]), 302)]
    assert "being made" in Page(response).text


def test_record_shows_documents_and_each_download_is_written_down(
    as_asha: Client, asha: User, add_document: Callable[..., Document]
) -> None:
    document = add_document()
    page = Page(as_asha.get("/record/"))
    address = reverse("document", args=[document.id])
    assert "Bilan sanguin" in page.text
    assert address in page.links
    before = AccessEntry.objects.filter(resource="document").count()
    assert as_asha.get(address).status_code == 302
    assert AccessEntry.objects.filter(resource="document").count() == before + 1


def test_looking_at_notices_changes_nothing_and_the_button_does(as_asha: Client, asha: User) -> None:
    notify_user(dedupe_key="n1", user_id=asha.id, kind="document-added", url="/record/")
    assert "A new document is in your record." in Page(as_asha.get("/notices/")).text
    assert unread_count(asha.id) == 1
    assert as_asha.post("/notices/").status_code == 302
    assert unread_count(asha.id) == 0


def test_past_visits_come_in_pages(as_asha: Client, asha_card: PatientCard, visit: AppointmentCard, asha: User) -> None:
    row = Appointment.objects.get(id=visit.id)
    for number in range(12):
        row.pk = row.id = UUID(int=number + 1)
        row.status = "completed"
        row.start, row.end = at("09:00", days=-30 - number), at("09:30", days=-30 - number)
        row._state.adding = True
        row.save(force_insert=True)
    page = Page(as_asha.get("/appointments/"))
    assert "Page 1 of 2" in page.text
    assert "?page=2" in page.links
    assert "Page 2 of 2" in Page(as_asha.get("/appointments/?page=2")).text


OTHERS = ["appointment", "appointment-cancel", "appointment-ics", "booked"]


@pytest.mark.parametrize("name", OTHERS)
def test_dan_gets_404_for_anothers_visit(name: str, as_dan: Client, visit: AppointmentCard) -> None:
    assert as_dan.get(reverse(name, args=[visit.id])).status_code == 404


@pytest.mark.parametrize("name", ["invoice", "invoice-pdf"])
def test_dan_gets_404_for_anothers_invoice(name: str, as_dan: Client, invoice: Invoice) -> None:
    assert as_dan.get(reverse(name, args=[invoice.id])).status_code == 404


def test_dan_gets_404_for_anothers_document(as_dan: Client, add_document: Callable[..., Document]) -> None:
    assert as_dan.get(reverse("document", args=[add_document().id])).status_code == 404


def test_dan_cannot_cancel_anothers_visit(as_dan: Client, as_asha: Client, visit: AppointmentCard) -> None:
    assert as_dan.post(reverse("appointment-cancel", args=[visit.id]), {"version": "1"}).status_code == 404
    assert "Booked" in Page(as_asha.get(reverse("appointment", args=[visit.id]))).text
