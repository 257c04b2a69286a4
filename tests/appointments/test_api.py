from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connections
from django.test.utils import CaptureQueriesContext

from appointments import services
from appointments.models import Appointment
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard, PractitionerCard, register_practitioner
from tests.appointments.fixtures import at, day_ahead, make_calendar
from tests.cast import ALL_DATABASES
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    return services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))


def slots(practitioner_id: UUID, **changes: Any) -> dict[str, Any]:
    day = day_ahead().isoformat()
    return {"practitioner": str(practitioner_id), "type": "consultation", "from": day, "to": day} | changes


def wish(practitioner_id: UUID, **changes: Any) -> dict[str, Any]:
    return {
        "practitioner_id": str(practitioner_id),
        "type": "consultation",
        "start": at("09:00").isoformat(),
    } | changes


def test_free_slot_is_shown_booked_and_gone(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    client = api(asha)
    found = client.get("/api/slots", slots(bose_card.id)).json()
    assert found["count"] == len(found["results"]) == 30
    first = found["results"][0]
    assert first["local_start"].startswith(f"{day_ahead()}T08:00:00+")
    assert (first["zone"], first["place"], first["type"]) == ("Europe/Paris", "Building B, room 12", "consultation")
    answer = client.post("/api/appointments", wish(bose_card.id, start=first["start"]), format="json")
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert answer["Location"] == f"/api/appointments/{body['id']}"
    assert (body["status"], body["sequence"], body["staff"]) == ("booked", 0, None)
    assert body["start"].endswith("Z")
    assert client.get(answer["Location"]).json() == body
    later = client.get("/api/slots", slots(bose_card.id)).json()
    assert later["count"] == 28  # 08:00 and 08:15 are gone
    again = client.post("/api/appointments", wish(bose_card.id, start=first["start"]), format="json")
    assert again.status_code == 409


def test_taken_slot_is_a_problem_with_its_name(
    booked: Appointment, dan: User, dan_card: PatientCard, bose_card: PractitionerCard
) -> None:
    problem(api(dan).post("/api/appointments", wish(bose_card.id), format="json"), 409, "slot-taken")


def test_slots_of_a_specialty(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    asked = slots(bose_card.id, specialty="cardiology", limit="3")
    del asked["practitioner"]
    found = api(asha).get("/api/slots", asked).json()
    assert (found["count"], len(found["results"])) == (30, 3)
    body = problem(api(asha).get("/api/slots", asked | {"specialty": "alchemy"}), 422, "invalid")
    assert "specialty" in body["errors"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from": "2026-13-01"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2020-01-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "to"),
        ({"practitioner": "nobody"}, "practitioner"),
        ({"practitioner": str(new_id())}, "practitioner"),
        ({"practitioner": ""}, "practitioner"),
        ({"type": "nothing"}, "type"),
        ({"type": "echo"}, "type"),
        ({"type": ""}, "type"),
        ({"limit": "0"}, "limit"),
    ],
)
def test_bad_question_about_slots_names_its_field(
    changes: dict[str, Any],
    field: str,
    asha: User,
    asha_card: PatientCard,
    bose_card: PractitionerCard,
    calendar_id: UUID,
) -> None:
    body = problem(api(asha).get("/api/slots", slots(bose_card.id) | changes), 422, "invalid")
    assert [name.split(".")[0] for name in body["errors"]] == [field]


def test_days_at_the_end_of_the_calendar_have_no_slots(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    for day in ("0001-01-01", "9999-12-31"):
        found = api(asha).get("/api/slots", slots(bose_card.id) | {"from": day, "to": day})
        assert found.json()["count"] == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"start": "2026-03-03T09:00:00"}, "start"),
        ({"start": "2020-03-03T09:00:00Z"}, "start"),
        ({"start": "2026-03-03T09:00:00+99:00"}, "start"),
        ({"start": "2026-03-03T09:00:00 Europe/Nowhere"}, "start"),
        ({"start": "9999-12-31T23:59:59-14:00"}, "start"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "start"),
        ({"start": "soon"}, "start"),
        ({"start": 12}, "start"),
        ({"start": None}, "start"),
        ({"start": ["2026"]}, "start"),
        ({"practitioner_id": "x"}, "practitioner_id"),
        ({"practitioner_id": str(new_id())}, "practitioner_id"),
        ({"type": "nothing"}, "type"),
        ({"type": "x" * 1000}, "type"),
        ({"type": "a\x00b"}, "type"),
        ({"note": "for the doctor"}, "note"),
    ],
)
def test_bad_booking_names_its_field(
    changes: dict[str, Any],
    field: str,
    asha: User,
    asha_card: PatientCard,
    bose_card: PractitionerCard,
    calendar_id: UUID,
) -> None:
    answer = api(asha).post("/api/appointments", wish(bose_card.id) | changes, format="json")
    assert list(problem(answer, 422, "invalid")["errors"]) == [field]


def test_body_that_is_no_object_is_refused(asha: User, asha_card: PatientCard) -> None:
    assert api(asha).post("/api/appointments", [1, 2], format="json").status_code == 422
    assert api(asha).post("/api/appointments", "{", content_type="application/json").status_code == 400


def test_reception_books_for_a_patient_with_a_note(
    rita: User, asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    wanted = wish(bose_card.id, patient_id=str(asha_card.id), note="Comes with an interpreter")
    answer = api(rita).post("/api/appointments", wanted, format="json")
    assert answer.status_code == 201
    body = answer.json()
    assert body["staff"]["note"] == "Comes with an interpreter"
    assert body["staff"]["booked_by"] == str(rita.id)
    assert api(asha).get(f"/api/appointments/{body['id']}").json()["staff"] is None


def test_course_of_a_visit_through_the_api(booked: Appointment, rita: User, dr_bose: User) -> None:
    url = f"/api/appointments/{booked.id}"
    assert api(rita).post(f"{url}/arrive", {"version": 1}, format="json").json()["status"] == "arrived"
    problem(api(dr_bose).post(f"{url}/start", {"version": 1}, format="json"), 409, "stale")
    assert api(dr_bose).post(f"{url}/start").json()["status"] == "in_progress"
    assert api(dr_bose).post(f"{url}/complete").json()["status"] == "completed"
    problem(api(rita).post(f"{url}/cancel", {}, format="json"), 409, "conflict")
    problem(api(rita).post(f"{url}/arrive", {"version": "x"}, format="json"), 422, "invalid")


def test_move_and_cancel_through_the_api(booked: Appointment, asha: User) -> None:
    url = f"/api/appointments/{booked.id}"
    moved = api(asha).post(f"{url}/move", {"start": at("15:00").isoformat(), "version": 1}, format="json")
    assert (moved.json()["start"], moved.json()["sequence"]) == (at("15:00").isoformat().replace("+00:00", "Z"), 1)
    assert "start" in problem(api(asha).post(f"{url}/move", {}, format="json"), 422, "invalid")["errors"]
    assert (
        "reason" in problem(api(asha).post(f"{url}/cancel", {"reason": "why"}, format="json"), 422, "invalid")["errors"]
    )
    assert api(asha).post(f"{url}/cancel", {"reason": "patient"}, format="json").json()["status"] == "cancelled"


def test_no_show_and_confirm_through_the_api(booked: Appointment, asha: User, rita: User) -> None:
    url = f"/api/appointments/{booked.id}"
    assert api(asha).post(f"{url}/confirm").json()["status"] == "confirmed"
    problem(api(rita).post(f"{url}/no-show"), 409, "conflict")
    with time_machine.travel(booked.start + timedelta(minutes=30)):
        assert api(rita).post(f"{url}/no-show").json()["status"] == "no_show"


STEPS = ("cancel", "move", "confirm", "arrive", "start", "complete", "no-show")


def test_outsider_gets_404_for_everything_about_anothers_appointment(
    booked: Appointment, dan: User, dan_card: PatientCard
) -> None:
    url = f"/api/appointments/{booked.id}"
    problem(api(dan).get(url), 404, "not-found")
    for step in STEPS:
        problem(api(dan).post(f"{url}/{step}", {"start": at("15:00").isoformat()}, format="json"), 404, "not-found")
    assert Appointment.objects.get(id=booked.id).version == 1


def test_outsider_cannot_book_for_another(
    dan: User, dan_card: PatientCard, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    for patient_id in (asha_card.id, new_id()):
        wanted = wish(bose_card.id, patient_id=str(patient_id))
        problem(api(dan).post("/api/appointments", wanted, format="json"), 404, "not-found")
    assert not Appointment.objects.exists()


def test_outsiders_list_is_their_own(booked: Appointment, dan: User, dan_card: PatientCard, asha: User) -> None:
    assert api(dan).get("/api/appointments").json()["results"] == []
    found = api(asha).get("/api/appointments").json()
    assert [row["id"] for row in found["results"]] == [str(booked.id)]
    assert set(found) == {"count", "next", "previous", "results"}
    problem(api(dan).get("/api/appointments", {"day": day_ahead().isoformat()}), 403, "refused")


def test_billing_clerk_sees_no_appointment(booked: Appointment, carol: User) -> None:
    problem(api(carol).get(f"/api/appointments/{booked.id}"), 404, "not-found")
    assert api(carol).get("/api/appointments").json()["count"] == 0
    problem(api(carol).get("/api/appointments", {"day": day_ahead().isoformat()}), 403, "refused")


def test_nobody_reads_without_a_token(booked: Appointment) -> None:
    for url in ("/api/slots", "/api/appointments", f"/api/appointments/{booked.id}", "/api/appointment-types"):
        assert api().get(url).status_code == 401
    for step in STEPS:
        assert api().post(f"/api/appointments/{booked.id}/{step}").status_code == 401


def test_agenda_is_narrowed_by_role(
    booked: Appointment, dan: User, dan_card: PatientCard, dr_bose: User, nurse_chen: User, rita: User,
    chen_card: PractitionerCard,
) -> None:  # fmt: skip
    make_calendar(chen_card.id)
    other = services.book(actor=dan, practitioner_id=chen_card.id, type_code="check", start=at("08:00"))
    day = {"day": day_ahead().isoformat()}

    def seen(actor: User, **more: str) -> list[str]:
        return [row["id"] for row in api(actor).get("/api/appointments", day | more).json()["results"]]

    both = [str(other.id), str(booked.id)]
    assert seen(rita) == seen(nurse_chen) == both
    assert seen(dr_bose) == [str(booked.id)]
    assert seen(rita, practitioner=str(chen_card.id)) == [str(other.id)]
    assert seen(dr_bose, practitioner=str(chen_card.id)) == []
    assert AccessEntry.objects.filter(resource="agenda").count() == 5
    for bad in ({"day": "2026-02-30"}, {"day": "9999-12-31"}, {"practitioner": "x"}):
        problem(api(rita).get("/api/appointments", day | bad), 422, "invalid")


def test_staffs_look_is_written_down_and_the_patients_own_is_not(booked: Appointment, asha: User, rita: User) -> None:
    before = AccessEntry.objects.count()
    api(asha).get(f"/api/appointments/{booked.id}")
    assert AccessEntry.objects.count() == before
    api(rita).get(f"/api/appointments/{booked.id}")
    entry = AccessEntry.objects.order_by("-id")[0]
    assert (entry.actor_id, entry.patient_id, entry.action) == (rita.id, booked.patient_id, "view")


def test_types_by_role(asha: User, rita: User, types: None) -> None:
    assert [row["code"] for row in api(asha).get("/api/appointment-types").json()] == ["check", "consultation"]
    assert len(api(rita).get("/api/appointment-types").json()) == 3


def test_queries_for_slots_do_not_grow_with_practitioners(
    asha: User, asha_card: PatientCard, types: None, bose_card: PractitionerCard
) -> None:
    def queries(task: Callable[[], object]) -> int:
        with (
            CaptureQueriesContext(connections["appointments"]) as here,
            CaptureQueriesContext(connections["default"]) as there,
        ):
            task()
        return len(here) + len(there)

    client = api(asha)
    make_calendar(bose_card.id)
    asked = {"specialty": "cardiology", "type": "check", "from": str(day_ahead(1)), "to": str(day_ahead(30))}
    client.get("/api/slots", asked)
    one = queries(lambda: client.get("/api/slots", asked))
    for number in range(9):
        card = register_practitioner(
            actor=None, full_name=f"Dr {number}", specialty="cardiology", specialty_label="Cardiology"
        )
        make_calendar(card.id)
    # Those that are new have nothing kept for them yet; the first answer is as warm as the one above.
    client.get("/api/slots", asked)
    ten = queries(lambda: client.get("/api/slots", asked))
    assert ten == one <= 12


def test_queries_for_the_agenda_do_not_grow_with_visits(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    client = api(rita)
    asked = {"day": day_ahead().isoformat()}

    def queries() -> int:
        with (
            CaptureQueriesContext(connections["appointments"]) as here,
            CaptureQueriesContext(connections["default"]) as there,
        ):
            client.get("/api/appointments", asked)
        return len(here) + len(there)

    def book(wall: str) -> None:
        services.book(
            actor=rita, practitioner_id=bose_card.id, type_code="check", start=at(wall), patient_id=asha_card.id
        )

    book("08:00")
    few = queries()
    for wall in ("08:15", "08:30", "08:45", "09:00", "09:15"):
        book(wall)
    assert queries() == few
