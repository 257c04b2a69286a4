"""The identity's page in a browser: rows that are added and taken out, a number that is shown and hidden again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients.interface import Details, NewIdentifier, PatientCard, save_patient
from patients.models import EmergencyContact, Patient
from tests.cast import ALL_DATABASES, PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)]

SOON = 20_000


@pytest.fixture
def page(chromium: Any, live_server: Any, settings: Any, rita: User) -> Iterator[Any]:
    """A browser in which the reception has signed in."""
    settings.ALLOWED_HOSTS = ["*"]
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "medisecure_language", "value": "en", "url": live_server.url}])
    found = context.new_page()
    found.set_default_timeout(SOON)
    found.goto(f"{live_server.url}/accounts/login/?next=/admin/")
    found.fill("[name=login]", rita.email)
    found.fill("[name=password]", PASSWORD)
    found.keyboard.press("Enter")
    found.wait_for_url(lambda url: "/accounts/login/" not in url)
    yield found
    context.close()


def test_rows_come_and_go_and_enter_saves(page: Any, live_server: Any) -> None:
    page.goto(f"{live_server.url}/admin/patients/patient/add/")
    page.fill("[name=family_name]", "Rao")
    page.fill("[name=given_names]", "Asha")
    page.fill("[name=birth_date]", "1980-05-02")
    page.select_option("[name=sex]", "female")
    for _row in range(2):
        page.click('[data-add-row="contacts"]')
    assert page.input_value("[name=family_name]") == "Rao"  # the page was not sent
    page.fill("[name=contacts-0-full_name]", "By mistake")
    page.check("[name=contacts-0-DELETE]")
    page.fill("[name=contacts-1-full_name]", "Ravi Rao")
    page.select_option("[name=contacts-1-relation]", "spouse")
    page.fill("[name=contacts-1-phone]", "+33 6 39 98 00 11")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: not url.endswith("/add/"))
    assert Patient.objects.get().family_name == "Rao"
    assert EmergencyContact.objects.get().full_name == "Ravi Rao"


def test_a_number_is_shown_and_hidden_again(page: Any, live_server: Any, rita: User, asha_card: PatientCard) -> None:
    number = NewIdentifier(kind="fr-nir", value="2800578006084")
    save_patient(actor=rita, patient_id=asha_card.id, version=1, details=Details(new_identifiers=[number]))
    page.goto(f"{live_server.url}/admin/patients/patient/{asha_card.id}/change/")
    page.fill("[name=city]", "Nantes")
    assert "2 80 05" not in page.inner_text("[data-value]")
    page.click("[data-reveal]")
    page.wait_for_selector("[data-reveal][data-shown]")
    assert page.inner_text("[data-value]").startswith("2 80 05 78 006 084")
    assert AccessEntry.objects.filter(action="reveal", patient_id=asha_card.id).count() == 1
    page.click("[data-reveal]")
    assert page.inner_text("[data-value]").startswith("•")
    assert page.input_value("[name=city]") == "Nantes"
