"""The waiting list as a patient sees it, signed in and behind the link of a mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from appointments import services
from appointments.models import Appointment, WaitingEntry, WaitingOffer
from appointments.services import waiting
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from tests.appointments.test_messages import body
from tests.cast import ALL_DATABASES
from tests.portal.conftest import browser
from tests.portal.pages import Page, faults
from tests.portal.test_mail_links import link_in
from tests.support import deliver_events, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

NOW = datetime(2026, 2, 24, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def as_dan(dan: User, dans: Appointment) -> Client:
    return browser(dan)


@pytest.fixture
def offer(waiting_dan: WaitingEntry, full: list[Appointment], rita: User) -> WaitingOffer:
    """Friday 27 February, 09:00, kept for Dan until noon."""
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    return WaitingOffer.objects.get()


@pytest.fixture
def link(offer: WaitingOffer, dan: User) -> str:
    deliver_events()
    [mail] = [mail for mail in send_mails() if mail["To"] == dan.email]
    return link_in(body(mail, "plain"))


# --- Signed in --------------------------------------------------------------------------------------------------------
def test_asking_from_the_appointments_page(as_dan: Client, dans: Appointment, dan: User) -> None:
    path = f"/appointments/{dans.id}/earlier/"
    assert path in Page(as_dan.get(f"/appointments/{dans.id}/")).links
    page = Page(as_dan.get(path))
    assert faults(page) == []
    form = page.form(path)
    assert (form["first"], form["last"]) == ("2026-02-24", "2026-03-02")
    response = as_dan.post(path, form | {"weekdays": ["1", "4"], "part": "00:00-12:30"}, follow=True)
    page = Page(response)
    assert response.redirect_chain[0][0] == "/waiting/"
    assert faults(page) == []
    assert "Tuesday, 00:00–12:30 Friday, 00:00–12:30" in page.text
    [entry] = WaitingEntry.objects.all()
    assert entry.windows == [{"weekday": day, "start": "00:00", "end": "12:30"} for day in (1, 4)]
    assert "You are on the waiting list for this appointment" in Page(as_dan.get(path)).text


def test_bad_days_are_said_at_the_field_and_nothing_is_lost(as_dan: Client, dans: Appointment) -> None:
    path = f"/appointments/{dans.id}/earlier/"
    wrong = {"first": "2026-03-02", "last": "2026-03-01", "weekdays": ["2"], "part": "12:00-24:00"}
    response = as_dan.post(path, wrong)
    assert response.status_code == 422
    assert response.context["form"].errors == {"last": ["This is before the first day, or has passed."]}
    text = response.content.decode()
    assert 'value="2026-03-02"' in text
    assert re.search(r'value="2"[^>]*checked', text)
    assert as_dan.post(path, {"first": "tomorrow", "part": "x", "weekdays": ["9"]}).status_code == 422
    assert not WaitingEntry.objects.exists()


def test_waiting_for_a_first_time_with_a_specialty(as_dan: Client) -> None:
    page = Page(as_dan.get("/waiting/new/?type=consultation"))
    assert faults(page) == []
    response = as_dan.post("/waiting/new/", {"type": "consultation", "who": "nobody"})
    assert response.status_code == 422
    people = response.context["form"].fields["who"].choices
    [person] = [value for _label, group in people[1:] for value, _name in group]
    response = as_dan.post("/waiting/new/", {"type": "consultation", "who": person}, follow=True)
    assert "You are on the waiting list" in Page(response).text
    again = as_dan.post("/waiting/new/", {"type": "consultation", "who": person})
    assert again.status_code == 422
    assert "on the waiting list already" in Page(again).text


def test_offer_is_on_the_first_page_and_taken_by_one_button(
    as_dan: Client,
    offer: WaitingOffer,
    dans: Appointment,
) -> None:
    assert "/waiting/" in Page(as_dan.get("/")).links
    page = Page(as_dan.get("/waiting/"))
    assert faults(page) == []
    assert "120 minutes left" in page.text
    assert "Friday 27 February 2026, 09:00 –09:30" in page.text
    response = as_dan.post(f"/waiting/offers/{offer.id}/", {"do": "accept"}, follow=True)
    assert response.redirect_chain == [(f"/appointments/{dans.id}/", 302)]
    assert Appointment.objects.get(id=dans.id).start == offer.start
    assert "Fulfilled" in Page(as_dan.get("/waiting/")).text
    response = as_dan.post(f"/waiting/offers/{offer.id}/", {"do": "accept"}, follow=True)
    assert "This offer has ended" in Page(response).text


def test_declining_and_leaving(as_dan: Client, offer: WaitingOffer, waiting_dan: WaitingEntry) -> None:
    response = as_dan.post(f"/waiting/offers/{offer.id}/", {"do": "decline"}, follow=True)
    assert "You stay on the waiting list" in Page(response).text
    response = as_dan.post(f"/waiting/{waiting_dan.id}/", {"do": "withdraw"}, follow=True)
    assert "no longer on the waiting list" in Page(response).text
    for path in (f"/waiting/{waiting_dan.id}/", f"/waiting/offers/{offer.id}/"):
        assert as_dan.get(path).status_code == 405
        assert "was not complete" in Page(as_dan.post(path, {}, follow=True)).text


def test_paused_wish_is_explained_and_goes_on_by_a_button(as_dan: Client, waiting_dan: WaitingEntry) -> None:
    WaitingEntry.objects.filter(id=waiting_dan.id).update(status="paused", missed=3)
    page = Page(as_dan.get("/waiting/"))
    assert "Shall we go on?" in page.text
    as_dan.post(f"/waiting/{waiting_dan.id}/", {"do": "resume"})
    assert WaitingEntry.objects.get().status == "waiting"


def test_anothers_wishes_are_not_there(
    as_asha: Client,
    offer: WaitingOffer,
    waiting_dan: WaitingEntry,
    dans: Appointment,
) -> None:
    assert "nothing" in Page(as_asha.get("/waiting/")).text
    assert as_asha.get(f"/appointments/{dans.id}/earlier/").status_code == 404
    assert as_asha.post(f"/waiting/{waiting_dan.id}/", {"do": "withdraw"}).status_code == 404
    assert as_asha.post(f"/waiting/offers/{offer.id}/", {"do": "accept"}).status_code == 404
    assert WaitingOffer.objects.get().status == "open"


# --- By the link of the mail ------------------------------------------------------------------------------------------
def test_scanner_takes_nothing(link: str, offer: WaitingOffer) -> None:
    for path in (link, f"{link}?do=accept"):
        assert Client().head(path).status_code == 200
        assert Client().get(path).status_code == 200
    assert Client(enforce_csrf_checks=True).post(link, {"do": "accept"}).status_code == 403
    assert WaitingOffer.objects.get().status == "open"


def test_page_of_the_offer_says_when_where_and_until_when(link: str) -> None:
    page = Page(browser().get(link))
    assert faults(page) == []
    assert "Friday 27 February 2026, 09:00–09:30" in page.text
    assert "until 12:00 on Tuesday 24 February" in page.text
    for word in ("Dan", "Moreau", "Bose", "onsultation", "ardiology"):
        assert word not in page.text


def test_accepting_by_the_link_moves_the_visit_once(link: str, offer: WaitingOffer, dans: Appointment) -> None:
    response = browser().post(link, {"do": "accept"}, follow=True)
    assert "You have accepted this time" in Page(response).text
    response = browser().post(link, {"do": "accept"})
    assert response.status_code == 409
    row = Appointment.objects.get(id=dans.id)
    assert (row.start, row.sequence) == (offer.start, 1)
    assert [(one.action, one.resource) for one in AccessEntry.objects.filter(right="link").order_by("id")][-3:] == [
        ("change", "appointment"),
        ("view", "waiting-entry"),
        ("view", "waiting-entry"),
    ]


def test_declining_by_the_link(link: str) -> None:
    assert "You have declined" in Page(browser().post(link, {"do": "decline"}, follow=True)).text
    assert WaitingOffer.objects.get().status == "declined"


def test_link_ends_with_the_offer(link: str, offer: WaitingOffer) -> None:
    with time_machine.travel(offer.expires, tick=False):
        assert browser().get(link).status_code == 410
        assert browser().post(link, {"do": "accept"}).status_code == 410
    WaitingOffer.objects.update(status="void")
    assert "This offer has ended" in Page(browser().get(link)).text


def test_link_of_a_visit_opens_no_offer(link: str) -> None:
    assert browser().get(link.replace("/offer/", "/visit/")).status_code == 404


def test_minutes_left_are_rounded_down(as_dan: Client, offer: WaitingOffer) -> None:
    with time_machine.travel(offer.expires - timedelta(seconds=119), tick=False):
        assert "1 minute left" in Page(as_dan.get("/waiting/")).text
