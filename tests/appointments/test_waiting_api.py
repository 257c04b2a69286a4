from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from appointments import services
from appointments.models import Appointment, WaitingEntry, WaitingOffer
from appointments.services import waiting
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard, PractitionerCard
from tests.cast import ALL_DATABASES
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

NOW = datetime(2026, 2, 24, 9, tzinfo=UTC)
LIST = "/api/waiting-list"


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def offer(waiting_dan: WaitingEntry, full: list[Appointment], rita: User) -> WaitingOffer:
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    return WaitingOffer.objects.get()


def test_patient_asks_sees_the_offer_and_accepts(
    dan: User, dans: Appointment, full: list[Appointment], rita: User
) -> None:
    asked = {"appointment_id": str(dans.id), "windows": [{"weekday": 4, "start": "08:00", "end": "12:00"}]}
    made = api(dan).post(LIST, asked, format="json")
    assert made.status_code == 201, made.content
    assert made["Location"] == f"{LIST}/{made.json()['id']}"
    assert made.json()["offer"] is None
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    [wish] = api(dan).get(LIST).json()["results"]
    assert wish["offer"]["local_start"] == "2026-02-27T09:00:00+01:00"
    assert wish["offer"]["expires"] == "2026-02-24T11:00:00Z"
    answer = api(dan).post(f"/api/offers/{wish['offer']['id']}/accept")
    assert (answer.status_code, answer.json()["id"]) == (200, str(dans.id))
    assert answer.json()["start"] == "2026-02-27T08:00:00Z"
    problem(api(dan).post(f"/api/offers/{wish['offer']['id']}/accept"), 409, "offer-over")
    assert api(dan).get(f"{LIST}/{wish['id']}").json()["status"] == "fulfilled"


def test_decline_withdraw_resume(dan: User, offer: WaitingOffer, waiting_dan: WaitingEntry) -> None:
    one = f"{LIST}/{waiting_dan.id}"
    assert api(dan).post(f"/api/offers/{offer.id}/decline").status_code == 204
    problem(api(dan).post(f"/api/offers/{offer.id}/decline"), 409, "offer-over")
    WaitingEntry.objects.update(status="paused")
    assert api(dan).post(f"{one}/resume").json()["status"] == "waiting"
    assert api(dan).post(f"{one}/withdraw").json()["status"] == "withdrawn"
    problem(api(dan).post(f"{one}/resume"), 409, "conflict")


def test_outsider_gets_404_and_an_empty_list(
    asha: User, asha_card: PatientCard, dans: Appointment, offer: WaitingOffer, waiting_dan: WaitingEntry
) -> None:
    client = api(asha)
    assert client.get(LIST).json()["results"] == []
    problem(client.get(f"{LIST}/{waiting_dan.id}"), 404, "not-found")
    for path in (
        f"{LIST}/{waiting_dan.id}/withdraw",
        f"{LIST}/{waiting_dan.id}/resume",
        f"/api/offers/{offer.id}/accept",
        f"/api/offers/{offer.id}/decline",
        f"/api/offers/{new_id()}/accept",
    ):
        problem(client.post(path), 404, "not-found")
    problem(client.post(LIST, {"appointment_id": str(dans.id)}, format="json"), 404, "not-found")


def test_staff_see_the_line_in_order_and_it_is_written_down(
    rita: User, waiting_dan: WaitingEntry, full: list[Appointment]
) -> None:
    urgent = waiting.ask(actor=rita, appointment_id=full[4].id, priority=2)
    found = api(rita).get(LIST).json()["results"]
    assert [one["id"] for one in found] == [str(urgent.id), str(waiting_dan.id)]
    assert AccessEntry.objects.filter(actor_id=rita.id, resource="waiting-list", action="list").count() == 1
    assert api(rita).get(LIST, {"status": "withdrawn"}).json()["count"] == 0
    assert "status" in problem(api(rita).get(LIST, {"status": "x"}), 422, "invalid")["errors"]
    api(rita).get(f"{LIST}/{waiting_dan.id}")
    assert AccessEntry.objects.filter(actor_id=rita.id, resource="waiting-entry", action="view").count() == 1


def test_who_has_no_business_with_the_line_is_refused(carol: User, waiting_dan: WaitingEntry) -> None:
    problem(api(carol).get(LIST), 403, "refused")
    problem(api(carol).get(f"{LIST}/{waiting_dan.id}"), 404, "not-found")
    assert api().get(LIST).status_code == 401


def test_doctor_sees_the_wishes_for_their_own_visits(
    dr_bose: User, bose_card: PractitionerCard, chen_card: PractitionerCard, waiting_dan: WaitingEntry
) -> None:
    assert api(dr_bose).get(LIST).json()["count"] == 1
    WaitingEntry.objects.update(practitioner_id=chen_card.id)
    assert api(dr_bose).get(LIST).json()["count"] == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"first": "tomorrow"}, "first"),
        ({"last": "2026-02-23"}, "last"),
        ({"last": "9999-12-31"}, "last"),
        ({"windows": "x"}, "windows"),
        ({"windows": [{"weekday": 9, "start": "08:00", "end": "12:00"}]}, "windows.0.weekday"),
        ({"windows": [{"weekday": 1, "start": "8", "end": "12:00"}]}, "windows.0.start"),
        ({"windows": [{"weekday": 1, "start": "25:00", "end": "26:00"}]}, "windows"),
        ({"windows": [{"weekday": 1, "start": "12:00", "end": "08:00"}]}, "windows"),
        ({"priority": 5}, "priority"),
        ({"priority": 1}, "priority"),
        ({"note": "please"}, "note"),
        ({"appointment_id": "x"}, "appointment_id"),
    ],
)
def test_bad_input_is_named_by_field(dan: User, dans: Appointment, changes: dict[str, Any], field: str) -> None:
    asked = {"appointment_id": str(dans.id)} | changes
    assert field in problem(api(dan).post(LIST, asked, format="json"), 422, "invalid")["errors"]
    assert not WaitingEntry.objects.exists()
