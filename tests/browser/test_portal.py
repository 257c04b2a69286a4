"""The portal in a real browser: an appointment by keyboard alone, and what axe-core finds on each page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse

from appointments.interface import AppointmentCard, my_appointments
from billing.models import Invoice
from documents.models import Document
from medisecure.accounts.models import User
from medisecure.notifications.interface import notify_user
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import day_ahead
from tests.browser.tab import DESKTOP, PHONE, NewTab
from tests.cast import ALL_DATABASES, PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)]


def test_booking_by_keyboard_alone(
    new_tab: NewTab, asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: object
) -> None:
    tab = new_tab()
    tab.sign_in(asha)
    page = tab.page
    tab.open("/book/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip", "the skip link comes first"
    page.focus("[name=type]")
    page.keyboard.type("Consult")
    page.focus("[name=who]")
    page.keyboard.type("Dr Anil")
    page.fill("[name=day]", day_ahead().isoformat())
    page.focus("main form button[type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".slot")
    tab.check("free times")
    page.focus(".slot >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/confirm/**")
    tab.check("confirm")
    page.focus("main form button[type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/done/**")
    tab.check("booked")
    assert page.inner_text("h1") == "Your appointment is booked"
    assert len(my_appointments(asha)) == 1
    assert tab.faults == []


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_page_of_the_portal(
    language: str,
    width: int,
    new_tab: NewTab,
    asha: User,
    visit: AppointmentCard,
    invoice: Invoice,
    add_document: Callable[..., Document],
) -> None:
    document = add_document()
    notify_user(dedupe_key=f"n{document.id}", user_id=asha.id, kind="document-added", url="/record/")
    tab = new_tab(language, width)
    tab.visit("/accounts/login/")
    tab.visit("/accounts/password/reset/")
    tab.sign_in(asha)
    for path in (
        "/",
        "/book/",
        f"/book/?type=consultation&who=person:{visit.practitioner_id}&day={day_ahead()}",
        "/appointments/",
        reverse("appointment", args=[visit.id]),
        reverse("appointment-cancel", args=[visit.id]),
        "/record/",
        "/access/",
        "/access/?own=hide",
        "/invoices/",
        reverse("invoice", args=[invoice.id]),
        "/notices/",
        "/profile/",
        "/accounts/password/change/",
        "/accounts/2fa/",
    ):
        tab.visit(path)
        assert tab.page.get_attribute("html", "lang") == language
    assert tab.faults == []


def test_dark_scheme_has_contrast_too(new_tab: NewTab, asha: User, visit: AppointmentCard, invoice: Invoice) -> None:
    tab = new_tab(width=PHONE, scheme="dark")
    tab.visit("/accounts/login/")
    tab.sign_in(asha)
    for path in ("/", "/appointments/", "/invoices/", "/record/", reverse("appointment-cancel", args=[visit.id])):
        tab.visit(path)
    assert tab.faults == []


def test_second_factor_page_and_the_staff_area(new_tab: NewTab, dr_bose: User, bose_card: PractitionerCard) -> None:
    tab = new_tab()
    tab.sign_in(dr_bose)
    tab.open("/accounts/2fa/totp/activate/")
    tab.page.fill("[name=password]", PASSWORD)
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("img.qr")
    tab.check("second factor")
    assert tab.page.evaluate("document.querySelector('img.qr').naturalWidth") > 0, "the policy lets the QR code through"
    tab.visit("/admin/")
    tab.open("/admin/patients/patient/")
    tab.open("/api/docs")
    tab.page.wait_for_selector(".swagger-ui .info")
    assert tab.faults == []
