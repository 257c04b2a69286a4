"""The page behind a link in a mail: buttons act, looking does not, and it tells as little as will do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import signing
from django.test import Client

from appointments import links, services
from appointments.interface import AppointmentCard
from appointments.models import Appointment, AppointmentHistory
from appointments.tasks import remind
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard
from tests.appointments.test_messages import body
from tests.cast import ALL_DATABASES
from tests.portal.conftest import browser
from tests.portal.pages import Page, faults
from tests.support import deliver_events, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

NOW = datetime(2026, 2, 24, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def link(visit: AppointmentCard) -> str:
    """The path that the reminder of Asha's visit carries, as it stands in the mail."""
    deliver_events()
    send_mails()
    with time_machine.travel(visit.start - timedelta(hours=48), tick=False):
        remind()
        deliver_events()
        [mail] = send_mails()
    return link_in(body(mail, "plain"))


def link_in(text: str) -> str:
    found = re.search(r"https?://[^/\s]+(/(?:visit|offer)/\S+/)", text)
    assert found is not None, text
    return found[1]


def row(visit: AppointmentCard) -> Appointment:
    return Appointment.objects.get(id=visit.id)


def test_looking_changes_nothing(link: str, visit: AppointmentCard) -> None:
    """What a mail scanner does: HEAD, GET, GET with whatever stands in the page."""
    scanner = Client()
    for path in (link, f"{link}?do=cancel", f"{link}?do=confirm"):
        assert scanner.head(path).status_code == 200
        assert scanner.get(path).status_code == 200
    assert row(visit).version == visit.version
    assert scanner.delete(link).status_code == 405
    assert scanner.put(link, {"do": "cancel"}).status_code == 405


def test_a_post_needs_the_forms_own_token(link: str, visit: AppointmentCard) -> None:
    assert Client(enforce_csrf_checks=True).post(link, {"do": "cancel"}).status_code == 403
    assert row(visit).status == "booked"


def test_page_says_when_and_where_and_nothing_else(link: str) -> None:
    page = Page(browser(language="en").get(link))
    assert faults(page) == []
    assert "Tuesday 3 March 2026, 09:00–09:30" in page.text
    assert "Building B, room 12" in page.text
    for word in ("Asha", "Rao", "Bose", "onsultation", "ardiology"):
        assert word not in page.text


def test_page_speaks_the_mails_language_and_is_kept_by_nobody(link: str) -> None:
    response = Client(headers={"accept-language": "en"}).get(link)
    assert Page(response).language == "fr"
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Robots-Tag"] == "noindex"


def test_confirm_button_confirms_once(link: str, visit: AppointmentCard) -> None:
    for _ in range(2):
        response = browser().post(link, {"do": "confirm"}, follow=True)
        assert "You have confirmed" in Page(response).text
    assert row(visit).status == "confirmed"
    [step] = AppointmentHistory.objects.filter(appointment_id=visit.id, action="confirm")
    assert (step.actor_id, step.reason) == (None, "link")


def test_cancel_button_cancels_and_the_patient_is_told(link: str, visit: AppointmentCard) -> None:
    for _ in range(2):
        response = browser().post(link, {"do": "cancel"}, follow=True)
        assert "This appointment is cancelled" in Page(response).text
        assert response.context["visit"].cancellable is False
    assert row(visit).cancel_reason == "patient"
    deliver_events()
    assert ["Annulation" in mail["Subject"] for mail in send_mails()] == [True]


def test_cancelling_keeps_to_the_places_notice(link: str, visit: AppointmentCard) -> None:
    with time_machine.travel(visit.start - timedelta(hours=23), tick=False):
        page = Page(browser().get(link))
        assert "too late to cancel here" in page.text
        response = browser().post(link, {"do": "cancel"})
        assert response.status_code == 409
        assert "Please call the reception" in Page(response).text
        assert row(visit).status == "booked"
        # Confirming is still welcome.
        browser().post(link, {"do": "confirm"})
        assert row(visit).status == "confirmed"


def test_each_look_and_act_is_in_the_access_log_first(link: str, visit: AppointmentCard) -> None:
    AccessEntry.objects.filter(right="link").exists()
    browser().get(link)
    browser().post(link, {"do": "confirm"})
    entries = AccessEntry.objects.filter(right="link").order_by("id")
    assert [(entry.action, entry.purpose, entry.patient_id, entry.resource_id) for entry in entries] == [
        ("view", "self", visit.patient_id, str(visit.id)),
        ("confirm", "self", visit.patient_id, str(visit.id)),
    ]
    assert all(entry.actor_id is None and entry.address for entry in entries)


def test_link_is_over_once_the_visit_has_moved(link: str, visit: AppointmentCard, asha: User) -> None:
    services.move(actor=asha, appointment_id=visit.id, start=visit.start + timedelta(hours=1))
    for response in (browser().get(link), browser().post(link, {"do": "cancel"})):
        assert response.status_code == 410
        assert "no longer works" in Page(response).text
        assert faults(Page(response)) == []
    assert row(visit).status == "booked"


def test_link_is_over_once_the_visit_has_begun(link: str, visit: AppointmentCard) -> None:
    with time_machine.travel(visit.start, tick=False):
        assert browser().get(link).status_code == 410
        assert browser().post(link, {"do": "confirm"}).status_code == 410
    assert row(visit).status == "booked"


def test_forged_links_are_not_there(link: str, visit: AppointmentCard, dan: User, dan_card: PatientCard) -> None:
    token = link.split("/")[2]
    offer = signing.dumps(["offer", visit.id.hex, 0, int(visit.start.timestamp())], salt=links.SALT)
    odd = signing.dumps(["visit", "x", 0, 1], salt=links.SALT)
    other = signing.dumps(["visit", visit.id.hex, 0, int(visit.start.timestamp())], salt="another")
    for path in (
        f"/visit/{token[:-1]}/",
        f"/visit/x{token}/",
        f"/visit/{offer}/",
        f"/visit/{odd}/",
        f"/visit/{other}/",
    ):
        assert browser().get(path).status_code == 404, path
        assert browser(dan).post(path, {"do": "cancel"}).status_code == 404, path
    assert row(visit).status == "booked"


def test_link_of_a_visit_that_is_gone_is_over(db: None) -> None:
    url = links.address(links.Link(links.Purpose.VISIT, new_id(), 0, NOW + timedelta(days=1)))
    assert browser().get(link_in(url)).status_code == 410


def test_unknown_button_is_refused_in_words(link: str, visit: AppointmentCard) -> None:
    for form in ({}, {"do": "delete"}):
        response = browser().post(link, form)
        assert response.status_code == 422
        assert "Please try again" in Page(response).text
    assert row(visit).version == visit.version


def test_many_requests_of_one_address_are_refused(link: str) -> None:
    client = browser()
    codes = [client.get("/visit/x/", REMOTE_ADDR="192.0.2.7").status_code for _ in range(61)]
    assert codes == [404] * 60 + [429]
    assert browser().get(link, REMOTE_ADDR="192.0.2.8").status_code == 200
