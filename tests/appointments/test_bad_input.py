"""What cannot be is refused at its field, with what is possible: by the API, the portal and the pages for staff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.test import Client

from appointments import services
from appointments.models import Appointment, AppointmentType, Calendar, Hold, WaitingEntry
from medisecure.accounts.models import User
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import make_calendar
from tests.cast import ALL_DATABASES
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

#: A Thursday, three days before the clocks of Paris go forward.
NOW = datetime(2026, 3, 26, 9, tzinfo=UTC)
GOOD = "2026-03-27T09:00:00+01:00"


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def body(bose_card: PractitionerCard, chen_card: PractitionerCard, calendar_id: UUID) -> dict[str, Any]:
    """A booking that is good. Mei Chen offers checks only; the type "gone" is offered no more."""
    make_calendar(chen_card.id, type_codes=["check"])
    AppointmentType.objects.create(code="gone", label_fr="Ancien", label_en="Gone", duration_minutes=30, active=False)
    Calendar.objects.filter(id=calendar_id).update(type_codes=["consultation", "check", "echo", "gone"])
    return {"practitioner_id": str(bose_card.id), "type": "consultation", "start": GOOD, "chen": str(chen_card.id)}


#: What is changed in the good booking → the field that is named, and what its error says that is possible.
WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"start": "2026-03-26T09:00:00+01:00"}, "start", "has passed"),
    ({"start": "1969-12-31T23:59:59Z"}, "start", "has passed"),
    ({"start": "2029-03-27T09:00:00+01:00"}, "start", "that far ahead"),
    # 02:30 does not exist on that day: it is said with an offset or not at all, and is then no opening hour.
    ({"start": "2026-03-29T02:30:00"}, "start", "2026-03-03T14:30:00+01:00"),
    ({"start": "2026-03-29T02:30:00+01:00"}, "start", "08:00, 08:15"),
    ({"start": "2026-03-27T09:05:00+01:00"}, "start", "08:00, 08:15"),
    ({"start": "2026-03-27T09:07:00+01:00"}, "start", "five minutes"),
    ({"start": "2026-03-27T13:00:00+01:00"}, "start", "08:00, 08:15"),
    ({"start": "2026-03-27T09:00:00+99:00"}, "start", "2026-03-03T14:30:00+01:00"),
    ({"start": "2026-03-27T09:00:00 Europe/Nowhere"}, "start", "2026-03-03T14:30:00+01:00"),
    ({"start": "0001-01-01T00:00:00+14:00"}, "start", ""),
    ({"start": "9999-12-31T23:59:59-12:00"}, "start", ""),
    ({"start": "tomorrow"}, "start", "2026-03-03T14:30:00+01:00"),
    ({"type": "gone"}, "type", "cannot be booked"),
    ({"type": "nothing"}, "type", "cannot be booked"),
    ({"type": "echo"}, "type", "cannot be booked"),
    ({"practitioner_id": "of Mei Chen"}, "type", "does not offer"),
    ({"practitioner_id": str(uuid4())}, "practitioner_id", "no such practitioner"),
    ({"practitioner_id": "x"}, "practitioner_id", ""),
]


def changed(body: dict[str, Any], change: dict[str, str]) -> dict[str, Any]:
    found = {name: value for name, value in (body | change).items() if name != "chen"}
    return found | ({"practitioner_id": body["chen"]} if change.get("practitioner_id") == "of Mei Chen" else {})


def nothing_is_written() -> None:
    assert not Appointment.objects.exists()
    assert not Hold.objects.exists()
    assert not WaitingEntry.objects.exists()


def test_api_names_the_field_and_says_what_is_possible(
    asha: User, asha_card: PatientCard, body: dict[str, Any]
) -> None:
    client = api(asha)
    for change, field, says in WRONG:
        for path in ("/api/appointments", "/api/holds"):
            found = problem(
                client.post(path, changed(body, change), format="json", headers={"Accept-Language": "en"}),
                422,
                "invalid",
            )
            assert list(found["errors"]) == [field], (change, path, found)
            assert says in " ".join(found["errors"][field]), (change, path, found)
    nothing_is_written()
    assert client.post("/api/appointments", changed(body, {}), format="json").status_code == 201


def test_api_refuses_a_move_as_it_refuses_a_booking(asha: User, asha_card: PatientCard, body: dict[str, Any]) -> None:
    far = changed(body, {"start": "2026-04-02T09:00:00+02:00"})
    made = api(asha).post("/api/appointments", far, format="json").json()
    for change, field, _says in WRONG:
        if set(change) != {"start"} and "practitioner_id" not in change:
            continue
        asked = {name: value for name, value in changed(body, change).items() if name != "type"}
        found = problem(api(asha).post(f"/api/appointments/{made['id']}/move", asked, format="json"), 422, "invalid")
        assert field in found["errors"], (change, found)
    row = Appointment.objects.get()
    assert (row.sequence, row.version) == (0, 1)


def test_patients_that_are_not_there(
    rita: User, asha: User, asha_card: PatientCard, dan_card: PatientCard, body: dict[str, Any]
) -> None:
    wanted = changed(body, {})
    post = {who.id: api(who).post for who in (rita, asha)}
    unknown = post[rita.id]("/api/appointments", wanted | {"patient_id": str(uuid4())}, format="json")
    assert list(problem(unknown, 422, "invalid")["errors"]) == ["patient_id"]
    another = post[asha.id]("/api/appointments", wanted | {"patient_id": str(dan_card.id)}, format="json")
    problem(another, 404, "not-found")
    missing = post[rita.id]("/api/appointments", wanted, format="json")
    assert list(problem(missing, 422, "invalid")["errors"]) == ["patient_id"]
    nothing_is_written()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": "2028-12-20"}, "to"),
        ({"to": "2026-03-01"}, "to"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "to"),
        ({"type": "gone"}, "type"),
        ({"type": ""}, "type"),
        ({"practitioner": str(uuid4())}, "practitioner"),
        ({"practitioner": "x"}, "practitioner.0"),
        ({"specialty": "astrology"}, "specialty"),
        ({"place": "The moon"}, "place"),
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
    ],
)
def test_question_about_free_times(asha: User, body: dict[str, Any], change: dict[str, str], field: str) -> None:
    asked = {"type": "consultation", "from": "2026-03-27", "to": "2026-03-28"} | change
    assert list(problem(api(asha).get("/api/slots", asked), 422, "invalid")["errors"]) == [field]


def test_ends_of_the_calendar_are_no_fault(asha: User, body: dict[str, Any]) -> None:
    for day in ("0001-01-01", "9999-12-31"):
        answer = api(asha).get("/api/slots", {"type": "consultation", "from": day, "to": day})
        assert answer.json() == {"count": 0, "results": []}
        assert api(asha).get("/api/slots/next", {"type": "consultation", "from": day}).status_code == 200


def browser(user: User) -> Client:
    client = Client()
    client.cookies["medisecure_language"] = "en"
    client.force_login(user)
    return client


def test_portal_says_it_in_words(asha: User, asha_card: PatientCard, body: dict[str, Any]) -> None:
    client = browser(asha)
    for change, _field, says in WRONG:
        wanted = changed(body, change)
        asked = {"type": wanted["type"], "practitioner": wanted["practitioner_id"], "start": wanted["start"]}
        for answer in (
            client.get("/book/confirm/", asked, follow=True),
            client.post("/book/confirm/", asked, follow=True),
        ):
            assert answer.status_code in (200, 404, 409, 422), (change, answer.status_code)
            assert "Server Error" not in answer.content.decode()
        if says and answer.status_code == 422 and says != "2026-03-03T14:30:00+01:00":
            assert says in answer.content.decode(), (change, says)
    for query in ({"day": "2026-13-01"}, {"day": "9999-12-31"}, {"practitioner": "x"}, {"type": "gone"}, {"page": "x"}):
        assert client.get("/book/", {"type": "consultation"} | query).status_code in (200, 422)
    nothing_is_written()


def test_pages_for_staff_say_it_in_words(rita: User, asha_card: PatientCard, body: dict[str, Any]) -> None:
    client = browser(rita)
    for change, _field, _says in WRONG:
        wanted = changed(body, change)
        query = f"?patient={asha_card.id}&type={wanted['type']}"
        slot = f"{wanted['practitioner_id']}|{wanted['start']}"
        answer = client.post(f"/admin/appointments/appointment/book/{query}", {"slot": slot})
        if change == {"type": "echo"}:
            # Staff may book what patients may not.
            Appointment.objects.all().delete()
            continue
        assert answer.status_code == 422, (change, answer.status_code)
        assert 'role="alert"' in answer.content.decode(), change
    answer = client.get(f"/admin/appointments/appointment/book/?patient={uuid4()}")
    assert answer.status_code == 404
    nothing_is_written()


def test_calendar_of_no_zone_is_refused_at_its_field(alice: User, bose_card: PractitionerCard, types: None) -> None:
    from django.core.exceptions import ValidationError  # noqa: F401

    from medisecure.kernel.errors import Invalid

    for zone in ("Europe/Nowhere", "../etc/passwd", "", "UTC+25", "x" * 200):
        with pytest.raises(Invalid) as refused:
            make_calendar(bose_card.id, zone=zone)
        assert list(refused.value.errors) == ["zone"], zone
    page = browser(alice).post("/admin/appointments/calendar/add/", {"zone": "Europe/Nowhere"})
    assert page.status_code == 200
    assert "zone" in page.context["adminform"].form.errors
    assert not Calendar.objects.exists()


def test_no_key_no_note_no_reason_without_end(asha: User, asha_card: PatientCard, body: dict[str, Any]) -> None:
    wanted = changed(body, {})
    for more, headers in (
        ({"note": "x" * 201}, {}),
        ({"overbook_reason": "x" * 201}, {}),
        ({}, {"Idempotency-Key": "k" * 101}),
    ):
        assert api(asha).post("/api/appointments", wanted | more, format="json", headers=headers).status_code == 422
    assert services.forget_expired() == 0
    nothing_is_written()
