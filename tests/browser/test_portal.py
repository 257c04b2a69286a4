"""The portal in a real browser: an appointment by keyboard alone, and what axe-core finds on each page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.urls import reverse

from appointments.interface import AppointmentCard, my_appointments
from billing.models import Invoice
from documents.models import Document
from medisecure.accounts.models import User
from medisecure.notifications.interface import notify_user
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import day_ahead
from tests.cast import ALL_DATABASES, PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)]

PHONE, DESKTOP = 390, 1280
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Tab:
    """One browser tab on the hospital, and everything that was wrong with what it showed."""

    page: Any
    base: str
    axe: Any
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        answer = self.page.goto(self.base + path)
        assert answer.status < 400, f"{path}: {answer.status}"

    def check(self, name: str) -> None:
        """No serious violation, nothing wider than the window, nothing that the policy refused."""
        for found in self.axe.run(self.page).response["violations"]:
            if found["impact"] in ("serious", "critical"):
                where = "; ".join(str(node["target"]) for node in found["nodes"][:3])
                self.faults.append(f"{name}: {found['id']} ({found['impact']}): {where}")
        if (wider := self.page.evaluate(OVERFLOW)) > 0:
            self.faults.append(f"{name}: {wider} px wider than the window")

    def visit(self, path: str) -> None:
        self.open(path)
        self.check(path)

    def sign_in(self, user: User) -> None:
        self.open("/accounts/login/")
        self.page.fill("[name=login]", user.email)
        self.page.fill("[name=password]", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda url: "/accounts/login/" not in url)


NewTab = Callable[..., Tab]


@pytest.fixture
def new_tab(chromium: Any, live_server: Any) -> Iterator[NewTab]:
    playwright_axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed (requirements/live.txt)"
    )
    contexts = []

    def make(language: str = "en", width: int = DESKTOP, scheme: str = "light") -> Tab:
        context = chromium.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
        )
        context.add_cookies([{"name": "medisecure_language", "value": language, "url": live_server.url}])
        contexts.append(context)
        tab = Tab(context.new_page(), live_server.url, playwright_axe.Axe())
        tab.page.on("console", lambda message: _policy(tab, message))
        tab.page.on("pageerror", lambda error: tab.faults.append(f"script error: {error}"))
        return tab

    yield make
    for context in contexts:
        context.close()


def _policy(tab: Tab, message: Any) -> None:
    if "Content Security Policy" in message.text:
        tab.faults.append(f"{tab.page.url}: {message.text[:200]}")


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
