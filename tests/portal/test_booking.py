"""Booking through the forms, as somebody without scripts does it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import formats

from appointments.interface import AppointmentCard, add_leave, book, my_appointments, release_hold
from medisecure.accounts.models import User
from patients.interface import PatientCard, PractitionerCard, register_practitioner
from tests.appointments.fixtures import at, day_ahead, make_calendar
from tests.cast import ALL_DATABASES
from tests.portal.pages import Page, faults

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def search(client: Client, practitioner: PractitionerCard, **values: str) -> Any:
    return client.get(
        "/book/",
        {"type": "consultation", "who": f"person:{practitioner.id}", "day": day_ahead().isoformat(), **values},
    )


def confirm_form(client: Client, practitioner: PractitionerCard) -> dict[str, str]:
    """Choose the first time of the list and read the form of the page that it leads to."""
    link = next(link for link in Page(search(client, practitioner)).links if link.startswith("/book/confirm/"))
    page = Page(client.get(link))
    assert faults(page) == []
    return page.form("/book/confirm/")


def test_first_step_offers_what_can_be_booked(
    as_asha: Client, calendar_id: UUID, bose_card: PractitionerCard, chen_card: PractitionerCard
) -> None:
    text = Page(as_asha.get("/book/")).text
    assert "Consultation (30 min)" in text
    assert "Dr Anil Bose" in text
    assert "Ultrasound" not in text, "only staff may book it"
    assert "Mei Chen" not in text, "she has no calendar"


def test_second_step_lists_days_with_free_times(
    as_asha: Client, calendar_id: UUID, bose_card: PractitionerCard
) -> None:
    page = Page(search(as_asha, bose_card))
    assert faults(page) == []
    assert "08:00" in page.text
    assert "17:30" in page.text
    starts = [parse_qs(urlsplit(link).query)["start"][0] for link in page.links if link.startswith("/book/confirm/")]
    assert f"{day_ahead()}T08:00:00" in starts[0]
    assert len(starts) == len(set(starts))


def test_specialty_finds_everyone_of_it(as_asha: Client, calendar_id: UUID, bose_card: PractitionerCard) -> None:
    colleague = register_practitioner(
        actor=None, full_name="Dr Eva Lund", specialty="cardiology", specialty_label="Cardiology"
    )
    make_calendar(colleague.id)
    page = Page(search(as_asha, bose_card, who="specialty:cardiology"))
    assert faults(page) == []
    assert "Anyone in Cardiology" in page.text
    chosen = {parse_qs(urlsplit(link).query)["practitioner"][0] for link in page.links if "/confirm/" in link}
    assert chosen == {str(bose_card.id), str(colleague.id)}


def test_booking_ends_on_a_page_of_its_own(
    as_asha: Client, asha: User, calendar_id: UUID, bose_card: PractitionerCard
) -> None:
    response = as_asha.post("/book/confirm/", confirm_form(as_asha, bose_card))
    card = my_appointments(asha)[0]
    assert response.status_code == 302
    assert response["Location"] == reverse("booked", args=[card.id])
    page = Page(as_asha.get(response["Location"]))
    assert faults(page) == []
    assert "Your appointment is booked" in page.text
    assert card.start == at("08:00")


def test_time_that_was_taken_meanwhile_is_said_and_the_rest_is_shown(
    as_asha: Client, asha: User, dan: User, dan_card: PatientCard, calendar_id: UUID, bose_card: PractitionerCard
) -> None:
    form = confirm_form(as_asha, bose_card)
    release_hold(actor=asha)  # she has taken longer than the time is kept
    book(actor=dan, practitioner_id=bose_card.id, type_code="consultation", start=at("08:00"))
    response = as_asha.post("/book/confirm/", form)
    page = Page(response)
    assert response.status_code == 409
    assert faults(page) == []
    assert "This slot has just been taken. Please choose another one." in page.text
    assert "08:30" in page.text
    assert not my_appointments(asha)


def test_link_to_a_time_that_is_gone_shows_what_is_left(
    as_asha: Client, dan: User, dan_card: PatientCard, calendar_id: UUID, bose_card: PractitionerCard
) -> None:
    link = next(link for link in Page(search(as_asha, bose_card)).links if link.startswith("/book/confirm/"))
    book(actor=dan, practitioner_id=bose_card.id, type_code="consultation", start=at("08:00"))
    response = as_asha.get(link)
    assert response.status_code == 409
    assert "no longer free" in Page(response).text


def test_patient_who_is_busy_then_is_told_so(
    as_asha: Client, asha: User, visit: AppointmentCard, chen_card: PractitionerCard
) -> None:
    make_calendar(chen_card.id)
    form = {"type": "consultation", "practitioner": str(chen_card.id), "start": visit.start.isoformat()}
    response = as_asha.post("/book/confirm/", form)
    assert response.status_code == 409
    assert "Nothing was booked" in Page(response).text
    assert len(my_appointments(asha)) == 1


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"type": "consultation", "practitioner": "nobody", "start": "2030-01-01T09:00:00+00:00"},
        {"type": "consultation", "practitioner": str(UUID(int=1)), "start": "tomorrow"},
        {"type": "consultation", "practitioner": str(UUID(int=1)), "start": "2030-01-01T09:00:00"},
    ],
)
def test_confirm_without_a_whole_choice_leads_back(values: dict[str, str], as_asha: Client) -> None:
    assert as_asha.get("/book/confirm/", values)["Location"] == "/book/"
    assert as_asha.post("/book/confirm/", values)["Location"] == "/book/"


@pytest.mark.parametrize(
    "values",
    [
        {"type": "nothing"},
        {"who": "person:nobody"},
        {"who": "specialty:"},
        {"day": "yesterday"},
        {"day": "9999-12-31"},
        {"day": "0001-01-01"},
        {"type": "echo"},
    ],
)
def test_made_up_search_is_answered_and_no_fault(
    values: dict[str, str], as_asha: Client, calendar_id: UUID, bose_card: PractitionerCard
) -> None:
    response = search(as_asha, bose_card, **values)
    assert response.status_code == 200
    assert faults(Page(response)) == []


@pytest.mark.parametrize(
    "start", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00", "2020-01-01T09:00:00+00:00"]
)
def test_impossible_time_is_refused_and_no_fault(
    start: str, as_asha: Client, calendar_id: UUID, bose_card: PractitionerCard
) -> None:
    form = {"type": "consultation", "practitioner": str(bose_card.id), "start": start}
    assert as_asha.get("/book/confirm/", form).status_code == 409
    assert as_asha.post("/book/confirm/", form).status_code in (409, 422)


def test_cancelling_asks_first(as_asha: Client, visit: AppointmentCard, asha: User) -> None:
    address = reverse("appointment-cancel", args=[visit.id])
    page = Page(as_asha.get(address))
    assert faults(page) == []
    assert my_appointments(asha)[0].status == "booked"
    response = as_asha.post(address, page.form(address), follow=True)
    assert "Your appointment is cancelled." in Page(response).text
    assert my_appointments(asha)[0].status == "cancelled"


def test_cancelling_what_changed_meanwhile_is_refused(as_asha: Client, visit: AppointmentCard, asha: User) -> None:
    response = as_asha.post(reverse("appointment-cancel", args=[visit.id]), {"version": "99"}, follow=True)
    assert "Somebody else changed this" in Page(response).text
    assert my_appointments(asha)[0].status == "booked"


def test_too_late_to_cancel_is_explained(
    as_asha: Client, asha: User, bose_card: PractitionerCard, types: None, asha_card: PatientCard
) -> None:
    make_calendar(bose_card.id, cancel_notice_hours=24 * 30)
    card = book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))
    page = Page(as_asha.get(reverse("appointment", args=[card.id])))
    assert "It is too late to cancel here" in page.text
    address = reverse("appointment-cancel", args=[card.id])
    assert "cannot be cancelled here" in Page(as_asha.get(address)).text
    as_asha.post(address, {"version": str(card.version)})
    assert my_appointments(asha)[0].status == "booked"


# --- the time is kept while the form is open --------------------------------------------------------------------------
def offers(client: Client, practitioner: PractitionerCard, wall: str) -> bool:
    """Whether the list has this time on the day of the tests."""
    return f"start={day_ahead()}T{wall.replace(':', '%3A')}" in search(client, practitioner).content.decode()


def test_confirm_page_keeps_the_time_and_leaving_gives_it_back(
    as_asha: Client, as_dan: Client, calendar_id: UUID, bose_card: PractitionerCard
) -> None:
    form = confirm_form(as_asha, bose_card)
    assert not offers(as_dan, bose_card, "08:00")
    refused = as_dan.get("/book/confirm/", {name: form[name] for name in ("type", "practitioner", "start")})
    assert refused.status_code == 409
    # Back to the list.
    search(as_asha, bose_card)
    assert offers(as_dan, bose_card, "08:00")
    page = as_asha.get("/book/confirm/", {name: form[name] for name in ("type", "practitioner", "start")})
    assert "This time is kept for you until" in Page(page).text
    assert "js/hold.js" in page.content.decode()
    assert as_asha.post("/book/release/").status_code == 204
    assert as_asha.get("/book/release/").status_code == 405
    assert offers(as_dan, bose_card, "08:00")


def test_anyone_and_a_place_are_offered_and_the_next_time_is_named(
    as_asha: Client, calendar_id: UUID, bose_card: PractitionerCard, chen_card: PractitionerCard
) -> None:
    make_calendar(chen_card.id, place="Building Z")
    for who, expected in (
        ("anyone:", {str(bose_card.id), str(chen_card.id)}),
        ("place:Building Z", {str(chen_card.id)}),
    ):
        page = Page(search(as_asha, bose_card, who=who))
        assert faults(page) == []
        chosen = {parse_qs(urlsplit(link).query)["practitioner"][0] for link in page.links if "/confirm/" in link}
        assert chosen == expected
    add_leave(practitioner_id=chen_card.id, start=at("00:00", days=-1), end=at("00:00", days=75))
    text = Page(search(as_asha, bose_card, who="place:Building Z", day=day_ahead(1).isoformat())).text
    assert "No free time in the coming weeks" in text
    assert f"The next free time is on {formats.date_format(day_ahead(75), 'l j F Y')}" in text


def test_patient_moves_a_visit_in_three_steps(
    as_asha: Client, as_dan: Client, asha: User, visit: AppointmentCard, bose_card: PractitionerCard
) -> None:
    address = reverse("appointment-move", args=[visit.id])
    assert address in Page(as_asha.get(reverse("appointment", args=[visit.id]))).links
    page = Page(as_asha.get(address, {"day": day_ahead().isoformat()}))
    assert faults(page) == []
    link = next(link for link in page.links if "T15%3A00" in link)
    confirm = Page(as_asha.get(link))
    assert faults(confirm) == []
    assert "This time is kept for you until" in confirm.text
    assert not offers(as_dan, bose_card, "15:00")
    assert my_appointments(asha)[0].start == at("09:00"), "asking moves nothing"
    done = as_asha.post(address, confirm.form(address), follow=True)
    assert "Your appointment is moved." in Page(done).text
    assert my_appointments(asha)[0].start == at("15:00")
    assert offers(as_dan, bose_card, "09:00")


def test_moving_to_a_time_that_is_gone_or_made_up_keeps_what_was(
    as_asha: Client, asha: User, dan: User, dan_card: PatientCard, visit: AppointmentCard, bose_card: PractitionerCard
) -> None:
    address = reverse("appointment-move", args=[visit.id])
    book(actor=dan, practitioner_id=bose_card.id, type_code="consultation", start=at("15:00"))
    wish = {"practitioner": str(bose_card.id), "start": at("15:00").isoformat()}
    for answer in (as_asha.get(address, wish), as_asha.post(address, wish | {"version": "1"})):
        assert answer.status_code == 409
        assert "Nothing was moved" in Page(answer).text
    assert as_asha.post(address, wish | {"start": at("16:00").isoformat(), "version": "99"}).status_code == 409
    for bad in ({"start": "soon"}, {"practitioner": "x"}, {"start": "2030-01-01T09:00:00"}, {}):
        assert as_asha.post(address, {**({} if not bad else wish), **bad}).status_code == 200
    for bad in ({"day": "x"}, {"day": "9999-12-31"}, {"anyone": "1"}):
        assert as_asha.get(address, bad).status_code == 200
    assert my_appointments(asha)[0].start == at("09:00")


def test_anothers_visit_cannot_be_moved(as_dan: Client, visit: AppointmentCard, bose_card: PractitionerCard) -> None:
    address = reverse("appointment-move", args=[visit.id])
    assert as_dan.get(address).status_code == 404
    wish = {"practitioner": str(bose_card.id), "start": at("15:00").isoformat()}
    assert as_dan.post(address, wish).status_code == 404
