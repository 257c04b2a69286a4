"""A time that is kept while the form is filled in, and requests that come twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.conf import settings

from appointments import selectors, services
from appointments.models import Appointment, BookingKey, Hold, OccupancyCell, ResourceUse
from appointments.services import create_resource, create_type, forget_expired, hold, release_hold
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid, NotFound, Refused, SlotTaken
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, day_ahead, make_calendar
from tests.cast import ALL_DATABASES
from tests.support import api, deliver_events, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def keep(actor: User, practitioner: PractitionerCard, wall: str = "09:00", code: str = "consultation") -> Hold:
    return hold(actor=actor, practitioner_id=practitioner.id, type_code=code, start=at(wall))


def book(actor: User, practitioner: PractitionerCard, wall: str = "09:00", code: str = "consultation") -> Appointment:
    return services.book(actor=actor, practitioner_id=practitioner.id, type_code=code, start=at(wall))


def starts(actor: User, practitioner: PractitionerCard) -> set[str]:
    day = day_ahead()
    found = selectors.free_slots(
        actor=actor, type_code="consultation", first=day, last=day, practitioner_ids=[practitioner.id]
    )
    return {f"{clock.local(slot.start, slot.zone):%H:%M}" for slot in found}


def test_what_is_held_is_taken_for_others_and_free_for_the_holder(
    asha: User, asha_card: PatientCard, dan: User, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    kept = keep(asha, bose_card)
    assert not {"08:45", "09:00", "09:15"} & starts(dan, bose_card)
    assert {"08:45", "09:00", "09:15"} <= starts(asha, bose_card)
    with pytest.raises(SlotTaken):
        book(dan, bose_card, "09:15")
    with pytest.raises(SlotTaken):
        keep(dan, bose_card, "08:45")
    row = book(asha, bose_card)
    assert not Hold.objects.exists()
    cells = OccupancyCell.objects.all()
    assert {(cell.appointment_id, cell.expires) for cell in cells} == {(row.id, None)}
    assert len(cells) == 12
    assert kept.expires - clock.now() <= timedelta(seconds=settings.HOLD_SECONDS)


def test_hold_ends_by_itself_and_blocks_nobody_then(
    asha: User, asha_card: PatientCard, dan: User, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    kept = keep(asha, bose_card)
    with time_machine.travel(kept.expires + timedelta(milliseconds=1)):
        assert "09:00" in starts(dan, bose_card)
        row = book(dan, bose_card)
        assert set(OccupancyCell.objects.values_list("appointment_id", flat=True)) == {row.id}
        with pytest.raises(SlotTaken):
            book(asha, bose_card)
        assert forget_expired() == 1
        assert forget_expired() == 0
        assert OccupancyCell.objects.count() == 12, "the sweep takes nothing from who has booked since"


def test_one_who_was_slow_books_what_is_still_free(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    kept = keep(asha, bose_card)
    with time_machine.travel(kept.expires + timedelta(minutes=1)):
        row = book(asha, bose_card)
        assert set(OccupancyCell.objects.values_list("appointment_id", "expires")) == {(row.id, None)}


def test_one_person_holds_one_time(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    keep(asha, bose_card, "09:00")
    second = keep(asha, bose_card, "09:15")
    assert [row.id for row in Hold.objects.all()] == [second.id]
    assert OccupancyCell.objects.count() == 6
    again = keep(asha, bose_card, "09:15")
    assert again.id != second.id
    book(asha, bose_card, "15:00")
    assert not Hold.objects.exists(), "another time was booked: the held one is given back"
    assert OccupancyCell.objects.count() == 12


def test_released_hold_is_free_at_once(
    asha: User, asha_card: PatientCard, dan: User, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    kept = keep(asha, bose_card)
    with pytest.raises(NotFound):
        release_hold(actor=dan, hold_id=kept.id)
    assert "09:00" not in starts(dan, bose_card)
    release_hold(actor=asha)
    release_hold(actor=asha)
    assert not OccupancyCell.objects.exists()
    assert "09:00" in starts(dan, bose_card)


def test_hold_of_a_taken_time_changes_nothing(
    asha: User, asha_card: PatientCard, dan: User, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    book(dan, bose_card)
    kept = keep(asha, bose_card, "15:00")
    with pytest.raises(SlotTaken):
        keep(asha, bose_card, "09:15")
    assert [row.id for row in Hold.objects.all()] == [kept.id], "what was kept before is still kept"


def test_overbooked_visit_keeps_its_time_when_the_hold_under_it_ends(
    asha: User,
    asha_card: PatientCard,
    dan: User,
    dan_card: PatientCard,
    dr_bose: User,
    bose_card: PractitionerCard,
    calendar_id: UUID,
) -> None:
    book(dan, bose_card, "16:00")
    deliver_events()  # Dan is in the care of Dr Bose
    kept = keep(asha, bose_card)
    row = services.book(
        actor=dr_bose,
        practitioner_id=bose_card.id,
        type_code="consultation",
        start=at("09:00"),
        patient_id=dan_card.id,
        overbook_reason="emergency",
    )
    with time_machine.travel(kept.expires + timedelta(seconds=1)):
        forget_expired()
        assert "09:00" not in starts(asha, bose_card)
        with pytest.raises(SlotTaken):
            book(asha, bose_card)
    assert OccupancyCell.objects.filter(appointment_id=row.id).count() == 12


def test_hold_keeps_a_room_too(
    asha: User, asha_card: PatientCard, dan: User, dan_card: PatientCard, bose_card: PractitionerCard,
    chen_card: PractitionerCard, types: None,
) -> None:  # fmt: skip
    room = create_resource(code="room", name="Room", place="Building B, room 12")
    create_type(code="scan", label_fr="S", label_en="S", duration_minutes=30, needs=["room"])
    for card in (bose_card, chen_card):
        make_calendar(card.id, type_codes=["scan"])
    keep(asha, bose_card, code="scan")
    with pytest.raises(SlotTaken):
        book(dan, chen_card, code="scan")
    day = day_ahead()
    found = selectors.free_slots(actor=dan, type_code="scan", first=day, last=day, practitioner_ids=[chen_card.id])
    assert at("09:00") not in {slot.start for slot in found}
    row = book(asha, bose_card, code="scan")
    assert ResourceUse.objects.get().resource_id == room
    assert OccupancyCell.objects.filter(appointment_id=row.id, key__startswith="resource:").count() == 6
    assert OccupancyCell.objects.count() == 18


def test_own_hold_serves_a_move(
    asha: User, asha_card: PatientCard, dan: User, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    row = book(asha, bose_card)
    keep(asha, bose_card, "15:00")
    with pytest.raises(SlotTaken):
        book(dan, bose_card, "15:00")
    services.move(actor=asha, appointment_id=row.id, start=at("15:00"))
    assert not Hold.objects.exists()
    assert {cell.expires for cell in OccupancyCell.objects.all()} == {None}
    assert OccupancyCell.objects.filter(appointment_id=row.id).count() == 12


def test_who_may_book_nothing_holds_nothing(carol: User, bose_card: PractitionerCard, calendar_id: UUID) -> None:
    with pytest.raises(Refused):
        keep(carol, bose_card)


# --- through the API --------------------------------------------------------------------------------------------------
def wish(practitioner: PractitionerCard, **changes: str) -> dict[str, str]:
    start = at("09:00").isoformat()
    return {"practitioner_id": str(practitioner.id), "type": "consultation", "start": start} | changes


def test_hold_book_and_release_through_the_api(
    asha: User, asha_card: PatientCard, dan: User, dan_card: PatientCard, carol: User,
    bose_card: PractitionerCard, calendar_id: UUID,
) -> None:  # fmt: skip
    kept = api(asha).post("/api/holds", wish(bose_card), format="json")
    assert kept.status_code == 201, kept.content
    url = f"/api/holds/{kept.json()['id']}"
    problem(api(dan).post("/api/holds", wish(bose_card), format="json"), 409, "slot-taken")
    problem(api(dan).post("/api/appointments", wish(bose_card), format="json"), 409, "slot-taken")
    problem(api(dan).delete(url), 404, "not-found")
    assert api(asha).delete(url).status_code == 204
    problem(api(asha).delete(url), 404, "not-found")
    assert api(dan).post("/api/appointments", wish(bose_card), format="json").status_code == 201
    for bad, field in (
        ({"start": "tomorrow"}, "start"),
        ({"start": at("09:03").isoformat()}, "start"),
        ({"start": at("13:00").isoformat()}, "start"),
        ({"type": "echo"}, "type"),
        ({"practitioner_id": str(new_id())}, "practitioner_id"),
    ):
        assert (
            field
            in problem(api(asha).post("/api/holds", wish(bose_card, **bad), format="json"), 422, "invalid")["errors"]
        )
    problem(api(carol).post("/api/holds", wish(bose_card), format="json"), 403, "refused")
    assert api().post("/api/holds", wish(bose_card), format="json").status_code == 401
    assert api().delete(url).status_code == 401


def test_same_key_and_request_is_the_same_appointment(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    client = api(asha)
    key: Any = {"HTTP_IDEMPOTENCY_KEY": "telephone-1"}
    first = client.post("/api/appointments", wish(bose_card), format="json", **key)
    again = client.post("/api/appointments", wish(bose_card), format="json", **key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]
    # The same instant with another offset is the same wish.
    paris = clock.local(at("09:00"), "Europe/Paris").isoformat()
    assert client.post("/api/appointments", wish(bose_card, start=paris), format="json", **key).status_code == 200
    assert Appointment.objects.count() == 1
    other = client.post("/api/appointments", wish(bose_card, start=at("15:00").isoformat()), format="json", **key)
    assert "idempotency_key" in problem(other, 422, "invalid")["errors"]
    without = client.post("/api/appointments", wish(bose_card), format="json")
    assert without.status_code == 409
    long = client.post("/api/appointments", wish(bose_card), format="json", HTTP_IDEMPOTENCY_KEY="x" * 101)
    assert "idempotency_key" in problem(long, 422, "invalid")["errors"]


def test_keys_are_each_ones_own_and_last_a_day(
    asha: User, asha_card: PatientCard, dan: User, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    def ask(actor: User, wall: str) -> int:
        wanted = wish(bose_card, start=at(wall).isoformat())
        answer = api(actor).post("/api/appointments", wanted, format="json", HTTP_IDEMPOTENCY_KEY="1")
        return int(answer.status_code)

    assert ask(asha, "09:00") == 201
    assert ask(dan, "09:30") == 201
    assert ask(asha, "10:00") == 422
    wall = at("10:00")
    with time_machine.travel(clock.now() + timedelta(hours=24, seconds=1)):
        row = services.book(
            actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=wall, idempotency_key="1"
        )
        assert not row.repeated
        assert BookingKey.objects.filter(actor_id=asha.id).count() == 1
        assert forget_expired() == 1, "Dan's key is a day old"


def test_refused_request_uses_up_no_key(
    asha: User, asha_card: PatientCard, dan: User, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    taken = book(dan, bose_card)
    with pytest.raises(SlotTaken):
        services.book(
            actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"), idempotency_key="k"
        )
    services.cancel(actor=dan, appointment_id=taken.id)
    row = services.book(
        actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"), idempotency_key="k"
    )
    assert not row.repeated


def test_repeat_by_staff_is_written_down_and_a_lost_sight_is_404(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    def ask() -> Appointment:
        return services.book(
            actor=rita,
            practitioner_id=bose_card.id,
            type_code="consultation",
            start=at("09:00"),
            patient_id=asha_card.id,
            idempotency_key="k",
        )

    row = ask()
    seen = AccessEntry.objects.filter(action="view", resource_id=str(row.id)).count()
    assert ask().repeated
    assert AccessEntry.objects.filter(action="view", resource_id=str(row.id)).count() == seen + 1


def test_key_must_be_printable(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    with pytest.raises(Invalid) as refused:
        services.book(
            actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("09:00"), idempotency_key="a\x00b"
        )
    assert list(refused.value.errors) == ["idempotency_key"]
