"""What calendars and types may say: public holidays, rooms and equipment, mode, how early and how late."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
import time_machine

from appointments import selectors, services
from appointments.calendars import PublicHolidays
from appointments.models import Appointment, AppointmentType, Calendar, OccupancyCell, Resource, ResourceUse
from appointments.services import create_resource, create_type
from medisecure.accounts.models import User
from medisecure.kernel.errors import Invalid, SlotTaken
from patients.interface import PatientCard, PractitionerCard, register_practitioner
from tests.appointments.fixtures import at, day_ahead, make_calendar
from tests.cast import ALL_DATABASES
from tests.support import api, deliver_events, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)
PLACE = "Building B, room 12"


# --- public holidays --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("region", "day", "closed"),
    [
        ("", date(2026, 5, 1), True),
        ("", date(2026, 5, 14), True),  # Ascension, which moves with Easter
        ("", date(2026, 12, 26), False),
        ("57", date(2026, 12, 26), True),
        ("974", date(2026, 12, 20), True),
        ("", date(2026, 5, 4), False),
    ],
)
def test_french_holidays_are_known_with_those_of_regions(region: str, day: date, closed: bool) -> None:
    assert (day in PublicHolidays("FR", region)) is closed


def free(actor: User, day: date, code: str = "consultation") -> int:
    return len(selectors.free_slots(actor=actor, type_code=code, first=day, last=day))


def test_calendar_is_closed_on_a_holiday_until_an_exception_opens_it(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, types: None
) -> None:
    labour_day, next_day = date(2027, 5, 1), date(2027, 5, 2)
    calendar_id = make_calendar(bose_card.id, close_on_holidays=True)
    with time_machine.travel(datetime(2027, 4, 20, 9, tzinfo=UTC), tick=False):
        assert free(asha, labour_day) == 0
        assert free(asha, next_day) == 30
        start = datetime(2027, 5, 1, 7, tzinfo=UTC)
        with pytest.raises(Invalid) as refused:
            services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=start)
        assert "start" in refused.value.errors
        Calendar.objects.filter(id=calendar_id).update(
            exceptions=[{"date": "2027-05-01", "hours": [{"start": "09:00", "end": "10:00"}]}]
        )
        assert free(asha, labour_day) == 3
        services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=start)
        Calendar.objects.filter(id=calendar_id).update(exceptions=[], close_on_holidays=False)
        assert free(asha, labour_day) == 27


def test_unknown_country_or_region_is_refused(bose_card: PractitionerCard, types: None) -> None:
    for field, value in (("holiday_country", "XX"), ("holiday_subdivision", "Bretagne")):
        with pytest.raises(Invalid) as refused:
            make_calendar(bose_card.id, **{field: value})
        assert list(refused.value.errors) == [field]


# --- how early, how late, mode ----------------------------------------------------------------------------------------
def test_type_narrows_what_the_calendar_allows(
    asha: User, asha_card: PatientCard, rita: User, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    AppointmentType.objects.filter(code="check").update(lead_minutes=60 * 24 * 3, horizon_days=10)
    assert free(asha, day_ahead(2), "check") == 0
    assert free(asha, day_ahead(2)) > 0
    assert free(rita, day_ahead(2), "check") > 0, "the lead is asked of patients"
    assert free(asha, day_ahead(5), "check") > 0
    assert free(rita, day_ahead(12), "check") == 0
    assert free(rita, day_ahead(12)) > 0
    for days in (2, 12):
        with pytest.raises(Invalid) as refused:
            services.book(actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("09:00", days=days))
        assert "start" in refused.value.errors
    # The calendar's own limits stay: a type opens nothing that it closes.
    Calendar.objects.filter(id=calendar_id).update(horizon_days=4)
    assert free(asha, day_ahead(5), "check") == 0


def test_mode_goes_with_the_visit(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    AppointmentType.objects.filter(code="check").update(mode="video")
    row = services.book(actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("09:00"))
    AppointmentType.objects.filter(code="check").update(mode="on-site")
    assert Appointment.objects.get(id=row.id).mode == "video"
    assert api(asha).get(f"/api/appointments/{row.id}").json()["mode"] == "video"
    assert {kind["mode"] for kind in api(asha).get("/api/appointment-types").json()} == {"on-site"}


# --- rooms and equipment ----------------------------------------------------------------------------------------------
@pytest.fixture
def rooms(types: None) -> list[UUID]:
    """Two rooms and one device, which a visit of ten minutes after each other needs."""
    found = [
        create_resource(code="scan-room", name="Room 1", place=PLACE),
        create_resource(code="scan-room", name="Room 2", place=PLACE),
        create_resource(code="scanner", name="Scanner", place=PLACE, kind="equipment"),
        create_resource(code="scan-room", name="Room elsewhere", place="Elsewhere"),
    ]
    create_type(
        code="scan",
        label_fr="Scanner",
        label_en="Scan",
        duration_minutes=30,
        buffer_after=10,
        needs=["scan-room"],
    )
    create_type(code="full", label_fr="F", label_en="F", duration_minutes=30, needs=["scan-room", "scanner"])
    return found


@pytest.fixture
def three(rooms: list[UUID], bose_card: PractitionerCard) -> list[UUID]:
    """Three practitioners of the place."""
    ids = [
        bose_card.id,
        *(
            register_practitioner(actor=None, full_name=f"Dr {n}", specialty="x", specialty_label="X").id
            for n in range(2)
        ),
    ]
    for one in ids:
        make_calendar(one, type_codes=["scan", "full", "consultation"], grid_minutes=10)
    return ids


def scan(actor: User, practitioner: UUID, patient: PatientCard, wall: str, code: str = "scan") -> Appointment:
    return services.book(
        actor=actor, practitioner_id=practitioner, type_code=code, start=at(wall), patient_id=patient.id
    )


def walls(actor: User, practitioner: UUID, code: str = "scan") -> list[datetime]:
    day = day_ahead()
    found = selectors.free_slots(actor=actor, type_code=code, first=day, last=day, practitioner_ids=[practitioner])
    return [slot.start for slot in found]


def test_each_visit_takes_a_room_and_the_third_finds_none(
    rita: User, asha_card: PatientCard, dan_card: PatientCard, carol: User, three: list[UUID], rooms: list[UUID]
) -> None:
    first = scan(rita, three[0], asha_card, "09:00")
    second = scan(rita, three[1], dan_card, "09:00")
    taken = {row.resource_id for row in ResourceUse.objects.all()}
    assert taken == set(rooms[:2]), "each its own, and none of another place"
    assert OccupancyCell.objects.filter(key__startswith="resource:").count() == 2 * 8  # 30 minutes and 10 to clean
    free_then = walls(rita, three[2])
    # 08:10–08:50 reaches into no room's time; 08:30–09:10 and all until 09:40 do.
    assert at("08:20") in free_then
    assert not {at("08:30"), at("09:00"), at("09:30")} & set(free_then)
    assert at("09:40") in free_then
    with pytest.raises(SlotTaken):
        services.book(
            actor=rita, practitioner_id=three[2], type_code="scan", start=at("09:30"), patient_id=asha_card.id
        )
    services.cancel(actor=rita, appointment_id=first.id)
    assert not ResourceUse.objects.filter(appointment_id=first.id).exists()
    assert at("09:30") in walls(rita, three[2])
    third = scan(rita, three[2], asha_card, "09:30")
    assert ResourceUse.objects.get(appointment_id=third.id).resource_id == rooms[0]
    assert ResourceUse.objects.get(appointment_id=second.id).resource_id == rooms[1]


def test_rooms_that_are_each_busy_a_while_leave_no_room_for_the_whole(
    rita: User, asha_card: PatientCard, dan_card: PatientCard, three: list[UUID], rooms: list[UUID]
) -> None:
    """At every moment one of the two rooms is free, and yet no room for the whole visit."""
    one, two = (f"resource:{room}" for room in rooms[:2])
    for room, wall in ((rooms[0], "09:00"), (rooms[1], "09:20")):
        ResourceUse.objects.create(
            appointment_id=room, resource_id=room, start=at(wall), end=at(wall) + timedelta(minutes=20)
        )
        for step in range(4):
            cell = at(wall) + timedelta(minutes=5 * step)
            OccupancyCell.objects.create(
                key=f"{one if room == rooms[0] else two}:{cell:%Y%m%dT%H%MZ}", appointment_id=room
            )
    assert at("09:00") not in walls(rita, three[0])
    assert at("09:20") in walls(rita, three[0])
    with pytest.raises(SlotTaken):
        scan(rita, three[0], asha_card, "09:00")
    scan(rita, three[0], asha_card, "09:20")


def test_visit_that_needs_two_things_takes_one_of_each(
    rita: User, asha_card: PatientCard, dan_card: PatientCard, three: list[UUID], rooms: list[UUID]
) -> None:
    row = scan(rita, three[0], asha_card, "09:00", "full")
    assert {use.resource_id for use in ResourceUse.objects.filter(appointment_id=row.id)} == {rooms[0], rooms[2]}
    # A room is free, the only scanner is not.
    assert at("09:00") in walls(rita, three[1], "scan")
    assert at("09:00") not in walls(rita, three[1], "full")
    with pytest.raises(SlotTaken):
        scan(rita, three[1], dan_card, "09:00", "full")
    assert not Appointment.objects.filter(practitioner_id=three[1]).exists()


def test_move_takes_the_room_along_or_another_one(
    rita: User, asha_card: PatientCard, dan_card: PatientCard, three: list[UUID], rooms: list[UUID]
) -> None:
    row = scan(rita, three[0], asha_card, "09:00")
    services.move(actor=rita, appointment_id=row.id, start=at("09:10"))
    use = ResourceUse.objects.get(appointment_id=row.id)
    assert (use.resource_id, use.start) == (rooms[0], at("09:10"))
    assert OccupancyCell.objects.filter(key__startswith="resource:").count() == 8
    scan(rita, three[1], dan_card, "15:00")
    services.move(actor=rita, appointment_id=row.id, start=at("15:00"))
    assert ResourceUse.objects.get(appointment_id=row.id).resource_id == rooms[1]
    assert at("09:00") in walls(rita, three[0])
    assert OccupancyCell.objects.filter(key__startswith="resource:").count() == 16


def test_room_out_of_service_is_not_taken(
    rita: User, asha_card: PatientCard, three: list[UUID], rooms: list[UUID]
) -> None:
    Resource.objects.filter(id=rooms[0]).update(active=False)
    row = scan(rita, three[0], asha_card, "09:00")
    assert ResourceUse.objects.get(appointment_id=row.id).resource_id == rooms[1]
    Resource.objects.update(active=False)
    assert walls(rita, three[1]) == []
    with pytest.raises(Invalid) as refused:
        scan(rita, three[1], asha_card, "15:00")
    assert "type" in refused.value.errors


def test_doctor_may_overbook_where_no_room_is_free(
    dr_bose: User, rita: User, asha_card: PatientCard, dan_card: PatientCard, three: list[UUID], rooms: list[UUID]
) -> None:
    Resource.objects.filter(id=rooms[1]).update(active=False)
    scan(rita, three[0], asha_card, "09:00")
    scan(rita, three[0], asha_card, "15:00")  # puts Asha and Dan into the care of Dr Bose
    scan(rita, three[0], dan_card, "16:00")
    deliver_events()
    row = services.book(
        actor=dr_bose,
        practitioner_id=three[0],
        type_code="scan",
        start=at("09:00"),
        patient_id=dan_card.id,
        overbook_reason="emergency",
    )
    assert not ResourceUse.objects.filter(appointment_id=row.id).exists()


def test_type_names_only_rooms_that_there_are(types: None) -> None:
    with pytest.raises(Invalid) as refused:
        create_type(code="x", label_fr="x", label_en="x", duration_minutes=30, needs=["moon"])
    assert list(refused.value.errors) == ["needs"]
    assert "moon" in str(refused.value.errors["needs"][0])


def test_room_is_taken_through_the_api_and_the_loser_told(
    rita: User,
    asha: User,
    asha_card: PatientCard,
    dan: User,
    dan_card: PatientCard,
    three: list[UUID],
    rooms: list[UUID],
) -> None:
    Resource.objects.filter(id=rooms[1]).update(active=False)
    wish = {"practitioner_id": str(three[0]), "type": "scan", "start": at("09:00").isoformat()}
    assert api(asha).post("/api/appointments", wish, format="json").status_code == 201
    problem(
        api(dan).post("/api/appointments", wish | {"practitioner_id": str(three[1])}, format="json"), 409, "slot-taken"
    )
