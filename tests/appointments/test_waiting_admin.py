"""The waiting list as staff work with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from appointments import services
from appointments.models import Appointment, WaitingEntry, WaitingOffer
from appointments.services import waiting
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard, PractitionerCard
from tests.cast import ALL_DATABASES
from tests.portal.conftest import browser
from tests.portal.pages import Page

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

NOW = datetime(2026, 2, 24, 9, tzinfo=UTC)
LIST = "/admin/appointments/waitingentry/"


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def as_rita(rita: User) -> Client:
    rita.language = "en"
    rita.save()
    return browser(rita)


@pytest.fixture
def offer(waiting_dan: WaitingEntry, full: list[Appointment], rita: User) -> WaitingOffer:
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    return WaitingOffer.objects.get()


def test_line_shows_who_waits_for_what_and_what_is_offered(as_rita: Client, rita: User, offer: WaitingOffer) -> None:
    page = Page(as_rita.get(LIST, {"status__exact": "waiting"}))
    assert "Dan Moreau (P" in page.text
    assert "Mon 2 March 2026 09:00" in page.text
    assert "Fri 27 Feb. 09:00, to be answered by 12:00" in page.text
    assert page.refused == []
    assert AccessEntry.objects.filter(actor_id=rita.id, resource="waiting-list", action="list").count() == 1


def test_page_of_a_wish_has_its_journal_and_is_written_down(
    as_rita: Client, rita: User, offer: WaitingOffer, waiting_dan: WaitingEntry
) -> None:
    page = Page(as_rita.get(f"{LIST}{waiting_dan.id}/change/"))
    assert page.refused == []
    assert "Kept until Tuesday 24 February 2026 at 12:00" in page.text
    assert "A time was offered (Friday 27 February 2026 at 09:00) — the system" in page.text
    assert AccessEntry.objects.filter(actor_id=rita.id, resource="waiting-entry", action="view").count() == 1


def test_reception_answers_for_a_patient_on_the_phone(
    as_rita: Client, offer: WaitingOffer, waiting_dan: WaitingEntry, dans: Appointment
) -> None:
    act = f"{LIST}{waiting_dan.id}/act/"
    page = Page(as_rita.post(act, {"do": "accept", "offer": str(offer.id)}, follow=True))
    assert "Done." in page.text
    assert "This wish is over." in page.text
    assert Appointment.objects.get(id=dans.id).start == offer.start
    page = Page(as_rita.post(act, {"do": "decline", "offer": str(offer.id)}, follow=True))
    assert "This offer has ended" in page.text


def test_priority_and_leaving_the_list(as_rita: Client, waiting_dan: WaitingEntry) -> None:
    act = f"{LIST}{waiting_dan.id}/act/"
    as_rita.post(act, {"do": "priority", "priority": "2"})
    assert WaitingEntry.objects.get().priority == 2
    for wrong in ("9", "x", "", "²"):
        assert "Use 0 (normal)" in Page(as_rita.post(act, {"do": "priority", "priority": wrong}, follow=True)).text
    assert "was not complete" in Page(as_rita.post(act, {"do": "x"}, follow=True)).text
    as_rita.post(act, {"do": "withdraw"})
    assert WaitingEntry.objects.get().status == "withdrawn"
    assert as_rita.get(act).status_code == 405


def test_answer_names_an_offer_of_this_wish(
    as_rita: Client, offer: WaitingOffer, full: list[Appointment], rita: User
) -> None:
    other = waiting.ask(actor=rita, appointment_id=full[4].id)
    for text in (str(offer.id), "x", ""):
        assert as_rita.post(f"{LIST}{other.id}/act/", {"do": "accept", "offer": text}).status_code == 404
    assert WaitingOffer.objects.get().status == "open"


def test_putting_a_booked_visit_on_the_list(as_rita: Client, dans: Appointment) -> None:
    path = f"{LIST}add/?appointment={dans.id}"
    assert path in Page(as_rita.get(f"/admin/appointments/appointment/{dans.id}/change/")).links
    page = Page(as_rita.get(path))
    assert "Dan Moreau" in page.text
    assert page.refused == []
    response = as_rita.post(path, {"last": "2020-01-01", "priority": "1", "note": "Asked twice"})
    assert response.status_code == 422
    assert "has passed" in Page(response).text
    assert b"Asked twice" in response.content
    as_rita.post(path, {"weekdays": ["4"], "start": "08:00", "priority": "1", "note": "Asked twice"})
    [entry] = WaitingEntry.objects.all()
    assert (entry.appointment_id, entry.priority, entry.note) == (dans.id, 1, "Asked twice")
    assert entry.windows == [{"weekday": 4, "start": "08:00", "end": "24:00"}]
    assert entry.by_staff
    page = Page(as_rita.get(f"/admin/appointments/appointment/{dans.id}/change/"))
    assert f"{LIST}{entry.id}/change/" in page.links
    assert as_rita.get(f"{LIST}add/?appointment={new_id()}").status_code == 404
    assert as_rita.get(f"{LIST}add/?appointment=x").status_code == 404


def test_putting_a_patient_on_the_list_for_a_first_visit(
    as_rita: Client, dan_card: PatientCard, bose_card: PractitionerCard, one_a_day: UUID
) -> None:
    asked = {"type": "consultation", "whom": f"person:{bose_card.id}", "priority": "0"}
    wrong = as_rita.post(f"{LIST}add/", asked | {"record_number": "P123"})
    assert "There is no patient with this record number." in Page(wrong).text
    as_rita.post(f"{LIST}add/", asked | {"record_number": dan_card.record_number})
    [entry] = WaitingEntry.objects.all()
    assert (entry.patient_id, entry.practitioner_id) == (dan_card.id, bose_card.id)
    again = as_rita.post(f"{LIST}add/", asked | {"record_number": dan_card.record_number})
    assert "on the waiting list already" in Page(again).text
    missing = as_rita.post(f"{LIST}add/", {})
    assert missing.status_code == 422
    assert set(missing.context["form"].errors) == {"record_number", "type", "whom", "priority"}


def test_who_has_no_business_with_the_list_sees_none_of_it(
    carol: User, alice: User, waiting_dan: WaitingEntry, dans: Appointment
) -> None:
    for user in (carol, alice):
        client = browser(user)
        assert client.get(LIST).status_code == 403
        assert client.get(f"{LIST}add/").status_code in (403, 404)
        assert client.post(f"{LIST}{waiting_dan.id}/act/", {"do": "withdraw"}).status_code in (403, 404)
    assert WaitingEntry.objects.get().status == "waiting"


def test_doctor_sees_the_wishes_for_their_own_visits_only(
    dr_bose: User, bose_card: PractitionerCard, chen_card: PractitionerCard, waiting_dan: WaitingEntry
) -> None:
    client = browser(dr_bose)
    assert client.get(f"{LIST}{waiting_dan.id}/change/").status_code == 200
    WaitingEntry.objects.update(practitioner_id=chen_card.id)
    assert client.get(f"{LIST}{waiting_dan.id}/change/").status_code == 404
    assert "Dan Moreau" not in Page(client.get(LIST)).text


def test_queries_of_the_list_do_not_grow(
    as_rita: Client, rita: User, waiting_dan: WaitingEntry, full: list[Appointment],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    as_rita.get(LIST)
    with django_assert_num_queries(5, using=APPOINTMENTS):
        as_rita.get(LIST)
    for visit in full:
        waiting.ask(actor=rita, appointment_id=visit.id)
    with django_assert_num_queries(5, using=APPOINTMENTS):
        as_rita.get(LIST)
