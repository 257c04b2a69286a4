from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from appointments import services
from appointments.models import Appointment, AppointmentHistory, OccupancyCell
from appointments.rules import Status
from appointments.services import changes
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.append_only import AppendOnly as HistoryAppendOnly
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Conflict, Invalid, NotFound, PatientBusy, Refused, SlotTaken, Stale, TooLate
from medisecure.kernel.ids import new_id
from medisecure.kernel.outbox import pending
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, make_calendar
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def held(appointment: Appointment) -> int:
    return OccupancyCell.objects.filter(appointment_id=appointment.id).count()


def events() -> list[str]:
    return [row.name for row in pending(APPOINTMENTS)]


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    """Asha sees Dr Bose at 09:00."""
    return services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))


def test_booking_keeps_visit_cells_history_event_and_audit(
    booked: Appointment, asha: User, asha_card: PatientCard
) -> None:
    row = Appointment.objects.get(id=booked.id)
    assert (row.patient_id, row.status, row.start) == (asha_card.id, Status.BOOKED, at("09:00"))
    assert row.end - row.start == timedelta(minutes=30)
    assert (row.zone, row.place) == ("Europe/Paris", "Building B, room 12")
    assert held(row) == 12  # six cells of the practitioner, six of the patient
    step = AppointmentHistory.objects.get(appointment_id=row.id)
    assert (step.action, step.from_status, step.to_status, step.actor_id) == ("book", "", "booked", asha.id)
    assert events() == ["appointment.booked"]
    entry = AccessEntry.objects.get(resource="appointment")
    assert (entry.resource_id, entry.patient_id, entry.right) == (str(row.id), asha_card.id, "self")


def test_same_slot_again_is_taken(booked: Appointment, dan: User, dan_card: PatientCard, asha: User) -> None:
    for actor, expected in ((dan, SlotTaken), (asha, (SlotTaken, PatientBusy))):
        with pytest.raises(expected):
            services.book(
                actor=actor, practitioner_id=booked.practitioner_id, type_code="consultation", start=at("09:00")
            )
    assert Appointment.objects.count() == 1


def test_visits_of_different_length_do_not_overlap(booked: Appointment, dan: User, dan_card: PatientCard) -> None:
    for wall in ("09:00", "09:15"):
        with pytest.raises(SlotTaken):
            services.book(actor=dan, practitioner_id=booked.practitioner_id, type_code="check", start=at(wall))
    with pytest.raises(SlotTaken):
        services.book(actor=dan, practitioner_id=booked.practitioner_id, type_code="consultation", start=at("08:45"))
    found = services.book(actor=dan, practitioner_id=booked.practitioner_id, type_code="check", start=at("09:30"))
    assert held(found) == 6


def test_buffers_count(rita: User, asha_card: PatientCard, dan_card: PatientCard, bose_card: PractitionerCard,
                       calendar_id: UUID) -> None:  # fmt: skip
    first = services.book(
        actor=rita, practitioner_id=bose_card.id, type_code="echo", start=at("09:00"), patient_id=asha_card.id
    )
    assert held(first) == 12 + 9  # 08:55 to 09:55 of the practitioner, 45 minutes of the patient
    with pytest.raises(SlotTaken):
        services.book(
            actor=rita, practitioner_id=bose_card.id, type_code="check", start=at("09:45"), patient_id=dan_card.id
        )
    services.book(
        actor=rita, practitioner_id=bose_card.id, type_code="check", start=at("10:00"), patient_id=dan_card.id
    )


def test_patient_cannot_be_in_two_places(booked: Appointment, asha: User, chen_card: PractitionerCard) -> None:
    make_calendar(chen_card.id)
    with pytest.raises(PatientBusy):
        services.book(actor=asha, practitioner_id=chen_card.id, type_code="check", start=at("09:15"))
    services.book(actor=asha, practitioner_id=chen_card.id, type_code="check", start=at("09:30"))


def field_error(field: str, **changes: Any) -> str:
    with pytest.raises(Invalid) as caught:
        services.book(**changes)
    assert list(caught.value.errors) == [field]
    return str(caught.value.errors[field][0])


@pytest.mark.parametrize(
    "start",
    [
        "2026-03-03",
        datetime(2026, 3, 3, 9),  # noqa: DTZ001
        datetime(2020, 1, 1, 9, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
    ],
)
def test_start_that_cannot_be_is_a_field_error(
    start: object, asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    field_error("start", actor=asha, practitioner_id=bose_card.id, type_code="check", start=start)


def test_slot_outside_the_calendar_says_what_is_free(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    for wall in ("07:00", "09:05", "11:45", "13:00"):
        text = field_error("start", actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at(wall))
        assert "08:00" in text
    field_error("start", actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("09:00", days=200))


def test_unknown_practitioner_type_and_patient_are_field_errors(
    asha: User, asha_card: PatientCard, rita: User, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    start = at("09:00")
    field_error("practitioner_id", actor=asha, practitioner_id=new_id(), type_code="check", start=start)
    field_error("type", actor=asha, practitioner_id=bose_card.id, type_code="nothing", start=start)
    field_error("type", actor=asha, practitioner_id=bose_card.id, type_code="echo", start=start)
    field_error("patient_id", actor=rita, practitioner_id=bose_card.id, type_code="check", start=start)
    field_error(
        "patient_id", actor=rita, practitioner_id=bose_card.id, type_code="check", start=start, patient_id=new_id()
    )


def test_leave_closes_the_calendar(
    asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    services.add_leave(practitioner_id=bose_card.id, start=at("08:00"), end=at("12:00"))
    text = field_error("start", actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("09:00"))
    assert "14:00" in text


def test_lead_time_is_asked_of_patients_only(
    asha: User,
    asha_card: PatientCard,
    dan_card: PatientCard,
    rita: User,
    bose_card: PractitionerCard,
    calendar_id: UUID,
) -> None:
    with time_machine.travel(at("09:40"), tick=False):
        field_error("start", actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("10:00", days=0))
        services.book(
            actor=rita,
            practitioner_id=bose_card.id,
            type_code="check",
            start=at("10:00", days=0),
            patient_id=dan_card.id,
        )


def test_patient_books_for_nobody_else(
    dan: User, dan_card: PatientCard, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    with pytest.raises(NotFound):
        services.book(
            actor=dan, practitioner_id=bose_card.id, type_code="check", start=at("09:00"), patient_id=asha_card.id
        )


def test_billing_clerk_does_not_book(carol: User, bose_card: PractitionerCard, calendar_id: UUID) -> None:
    with pytest.raises(Refused):
        services.book(actor=carol, practitioner_id=bose_card.id, type_code="check", start=at("09:00"))


def test_doctor_books_for_who_is_in_care_only(
    dr_bose: User, asha_card: PatientCard, dan_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID,
    in_care: CareOf,
) -> None:  # fmt: skip
    in_care(asha_card, bose_card)
    services.book(
        actor=dr_bose, practitioner_id=bose_card.id, type_code="echo", start=at("09:00"), patient_id=asha_card.id
    )
    with pytest.raises(NotFound):
        services.book(
            actor=dr_bose, practitioner_id=bose_card.id, type_code="echo", start=at("10:00"), patient_id=dan_card.id
        )


def test_overbooking_needs_the_permission(
    booked: Appointment, rita: User, dr_bose: User, dan_card: PatientCard, bose_card: PractitionerCard, in_care: CareOf
) -> None:
    in_care(dan_card, bose_card)
    values: dict[str, Any] = {
        "practitioner_id": bose_card.id,
        "type_code": "consultation",
        "start": at("09:15"),
        "patient_id": dan_card.id,
        "overbook_reason": "Cannot wait",
    }
    with pytest.raises(Refused):
        services.book(actor=rita, **values)
    found = services.book(actor=dr_bose, **values)
    assert (found.overbooked, found.overbook_reason) == (True, "Cannot wait")
    assert held(found) == 3 + 6  # what was left of the practitioner, and all of the patient


def test_cell_under_an_overbooked_visit_is_not_offered_again(
    booked: Appointment, asha: User, dr_bose: User, dan_card: PatientCard, bose_card: PractitionerCard, in_care: CareOf
) -> None:
    in_care(dan_card, bose_card)
    second = services.book(
        actor=dr_bose,
        practitioner_id=bose_card.id,
        type_code="consultation",
        start=at("09:00"),
        patient_id=dan_card.id,
        overbook_reason="Cannot wait",
    )
    services.cancel(actor=asha, appointment_id=booked.id)
    assert held(second) == 12
    with pytest.raises(SlotTaken):
        services.book(actor=asha, practitioner_id=bose_card.id, type_code="check", start=at("09:00"))
    services.cancel(actor=dr_bose, appointment_id=second.id)
    assert OccupancyCell.objects.count() == 0


def test_cancelling_gives_the_slot_back(booked: Appointment, asha: User, dan: User, dan_card: PatientCard) -> None:
    found = services.cancel(actor=asha, appointment_id=booked.id)
    assert (found.status, found.sequence, found.cancel_reason) == ("cancelled", 1, "patient")
    assert OccupancyCell.objects.count() == 0
    assert events() == ["appointment.booked", "appointment.cancelled"]
    services.book(actor=dan, practitioner_id=booked.practitioner_id, type_code="check", start=at("09:00"))
    with pytest.raises(Conflict):
        services.cancel(actor=asha, appointment_id=booked.id)


def test_notice_of_cancelling_binds_patients_and_not_staff(booked: Appointment, asha: User, rita: User) -> None:
    with time_machine.travel(booked.start - timedelta(hours=23), tick=False):
        with pytest.raises(TooLate):
            services.cancel(actor=asha, appointment_id=booked.id)
        with pytest.raises(TooLate):
            services.move(actor=asha, appointment_id=booked.id, start=booked.start + timedelta(hours=1))
        with pytest.raises(Invalid):
            services.cancel(actor=rita, appointment_id=booked.id, reason="just so")
        services.cancel(actor=rita, appointment_id=booked.id)


def test_moving_wins_the_new_time_before_it_frees_the_old(
    booked: Appointment, asha: User, dan: User, dan_card: PatientCard
) -> None:
    services.book(actor=dan, practitioner_id=booked.practitioner_id, type_code="check", start=at("10:00"))
    with pytest.raises(SlotTaken):
        services.move(actor=asha, appointment_id=booked.id, start=at("10:00"))
    assert held(booked) == 12
    # Half of the new time is the visit's own.
    found = services.move(actor=asha, appointment_id=booked.id, start=at("09:15"), version=booked.version)
    assert (found.start, found.sequence, found.version, held(found)) == (at("09:15"), 1, 2, 12)
    services.move(actor=asha, appointment_id=booked.id, start=at("15:00"))
    assert events()[-2:] == ["appointment.moved", "appointment.moved"]
    services.book(actor=dan, practitioner_id=booked.practitioner_id, type_code="check", start=at("09:15"))


def test_moving_to_another_practitioner(booked: Appointment, asha: User, chen_card: PractitionerCard) -> None:
    make_calendar(chen_card.id, place="Ward 3")
    found = services.move(actor=asha, appointment_id=booked.id, start=at("09:00"), practitioner_id=chen_card.id)
    assert (found.practitioner_id, found.place) == (chen_card.id, "Ward 3")
    assert not OccupancyCell.objects.filter(key__startswith=f"practitioner:{booked.practitioner_id}").exists()


def test_course_of_a_visit(booked: Appointment, asha: User, rita: User, dr_bose: User) -> None:
    services.confirm(actor=asha, appointment_id=booked.id)
    services.arrive(actor=rita, appointment_id=booked.id)
    services.start(actor=dr_bose, appointment_id=booked.id)
    done = services.complete(actor=dr_bose, appointment_id=booked.id)
    assert done.status == "completed"
    steps = AppointmentHistory.objects.filter(appointment_id=booked.id)
    assert [step.action for step in steps] == ["book", "confirm", "arrive", "start", "complete"]
    event = pending(APPOINTMENTS).get(name="appointment.completed")
    assert event.payload["appointment_id"] == str(booked.id)
    assert event.payload["type_code"] == "consultation"
    with pytest.raises(Conflict):
        services.arrive(actor=rita, appointment_id=booked.id)


def test_steps_are_for_staff_who_see_the_visit(
    booked: Appointment, asha: User, dan: User, carol: User, alice: User
) -> None:
    for actor, expected in ((asha, Refused), (dan, NotFound), (carol, NotFound), (alice, Refused)):
        with pytest.raises(expected):
            services.arrive(actor=actor, appointment_id=booked.id)


def test_doctor_sees_only_their_own_visits(booked: Appointment, dr_bose: User) -> None:
    Appointment.objects.filter(id=booked.id).update(practitioner_id=new_id())
    with pytest.raises(NotFound):
        services.arrive(actor=dr_bose, appointment_id=booked.id)


def test_nobody_is_a_no_show_before_the_time(booked: Appointment, rita: User) -> None:
    with pytest.raises(Conflict):
        services.no_show(actor=rita, appointment_id=booked.id)
    with time_machine.travel(booked.start + timedelta(minutes=20), tick=False):
        services.no_show(actor=rita, appointment_id=booked.id)
        assert services.arrive(actor=rita, appointment_id=booked.id).status == "arrived"


def test_stale_version_is_refused(booked: Appointment, rita: User) -> None:
    services.arrive(actor=rita, appointment_id=booked.id, version=1)
    with pytest.raises(Stale):
        services.start(actor=rita, appointment_id=booked.id, version=1)
    with pytest.raises(Stale):
        changes.change(booked, actor=rita, action="x", status="cancelled")


def test_history_is_not_changed(booked: Appointment) -> None:
    step = AppointmentHistory.objects.get(appointment_id=booked.id)
    step.reason = "other"
    with pytest.raises(HistoryAppendOnly):
        step.save()
    with pytest.raises(HistoryAppendOnly):
        step.delete()
    rows = AppointmentHistory.objects.filter(appointment_id=booked.id)
    with pytest.raises(HistoryAppendOnly):
        rows.update(reason="other")
    with pytest.raises(HistoryAppendOnly):
        rows.delete()
    with pytest.raises(HistoryAppendOnly):
        AppointmentHistory.objects.bulk_update([step], ["reason"])
    assert AppointmentHistory.objects.get(appointment_id=booked.id).reason == ""
