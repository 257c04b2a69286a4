"""What a hospital has before the first patient books: types, calendars, leave; and visits booked elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from appointments import access, rules
from appointments.calendars import calendar_errors, opening_of, type_errors, visit_of
from appointments.models import Appointment, AppointmentType, Calendar, Leave, Resource
from appointments.occupied import forget_busy
from appointments.places import calendars_for, needs_of
from appointments.services import cells, tickets
from appointments.services.changes import remember
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Invalid
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import transactional


def create_type(
    *,
    code: str,
    label_fr: str,
    label_en: str,
    duration_minutes: int,
    price_code: str = "",
    buffer_before: int = 0,
    buffer_after: int = 0,
    bookable_by_patient: bool = True,
    mode: str = AppointmentType.Mode.ON_SITE,
    needs: Sequence[str] = (),
    lead_minutes: int | None = None,
    horizon_days: int | None = None,
) -> UUID:
    """Add a type of appointment, or return the id of the one that has this code. Raises Invalid by field."""
    known = AppointmentType.objects.filter(code=code).first()
    if known:
        return known.id
    kind = AppointmentType(
        code=code,
        label_fr=label_fr,
        label_en=label_en,
        duration_minutes=duration_minutes,
        price_code=price_code,
        buffer_before=buffer_before,
        buffer_after=buffer_after,
        bookable_by_patient=bookable_by_patient,
        mode=mode,
        needs=list(needs),
        lead_minutes=lead_minutes,
        horizon_days=horizon_days,
    )
    _check_fields(kind)
    if errors := type_errors(kind, set(Resource.objects.values_list("code", flat=True))):
        raise Invalid(errors)
    kind.save()
    return kind.id


def create_calendar(
    *,
    practitioner_id: UUID,
    place: str,
    weekly_rules: Sequence[Mapping[str, Any]],
    type_codes: Sequence[str],
    valid_from: date,
    valid_until: date | None = None,
    zone: str = "Europe/Paris",
    grid_minutes: int = 15,
    exceptions: Sequence[Mapping[str, Any]] = (),
    lead_minutes: int = 60,
    horizon_days: int = 90,
    cancel_notice_hours: int = 24,
    close_on_holidays: bool = True,
    holiday_country: str = "FR",
    holiday_subdivision: str = "",
) -> UUID:
    """Add a calendar: `weekly_rules` as [{"weekday": 0, "start": "08:30", "end": "12:00"}] with Monday 0, `exceptions`
    as [{"date": "2026-05-01", "hours": []}]. Types must exist. Raises Invalid by field. Returns its id."""
    calendar = Calendar(
        practitioner_id=practitioner_id,
        place=place,
        zone=zone,
        grid_minutes=grid_minutes,
        weekly_rules=[dict(rule) for rule in weekly_rules],
        exceptions=[dict(item) for item in exceptions],
        type_codes=list(type_codes),
        valid_from=valid_from,
        valid_until=valid_until,
        lead_minutes=lead_minutes,
        horizon_days=horizon_days,
        cancel_notice_hours=cancel_notice_hours,
        close_on_holidays=close_on_holidays,
        holiday_country=holiday_country,
        holiday_subdivision=holiday_subdivision,
    )
    _check_fields(calendar)
    if errors := calendar_errors(calendar, set(AppointmentType.objects.values_list("code", flat=True))):
        raise Invalid(errors)
    calendar.save()
    return calendar.id


def create_resource(*, code: str, name: str, place: str, kind: str = Resource.Kind.ROOM) -> UUID:
    """Add a room or a piece of equipment at a place, which types ask for by `code`. Raises Invalid by field."""
    row = Resource(code=code, name=name, place=place, kind=kind)
    _check_fields(row)
    row.save()
    return row.id


def add_leave(*, practitioner_id: UUID, start: datetime, end: datetime, reason: str = Leave.Reason.HOLIDAY) -> UUID:
    """The practitioner receives nobody from `start` to `end`, both aware. Visits that are booked then stay booked."""
    if start.tzinfo is None or end.tzinfo is None or end <= start:
        raise Invalid({"end": [_("The end must be after the start, both with a time zone.")]})
    leave = Leave(practitioner_id=practitioner_id, start=start, end=end, reason=reason)
    _check_fields(leave)
    leave.save()
    forget_busy(practitioner_id)
    return leave.id


def seed_appointment(
    *,
    patient_id: UUID,
    practitioner_id: UUID,
    type_code: str,
    start: datetime,
    status: str = rules.Status.BOOKED,
    booked_by: UUID | None = None,
) -> UUID:
    """Record a visit as it was booked elsewhere, past ones too: for imports and the demonstration. It obeys the
    calendar and the same unique cells, and tells nobody: no event, no mail.

    Raises Invalid when no calendar has this slot, SlotTaken or PatientBusy when somebody holds it. On MongoDB a refusal
    inside a transaction of the caller's ends that transaction, so call it outside of one. Returns the appointment's id.
    """
    final = rules.Status(status)
    kind = AppointmentType.objects.filter(code=type_code).first()
    if kind is None:
        raise Invalid({"type": [_("This type of appointment cannot be booked.")]})
    if start.tzinfo is None or not rules.on_cell(start):
        raise Invalid({"start": [_("Visits start on whole five minutes.")]})
    visit, instant = visit_of(kind), start.astimezone(UTC)
    calendar = next(
        (row for row in calendars_for([practitioner_id], type_code) if rules.offers(opening_of(row), visit, instant)),
        None,
    )
    if calendar is None:
        raise Invalid({"start": [_("No calendar has this slot.")]})
    busy = visit.busy(instant)
    appointment = Appointment(
        id=new_id(),
        patient_id=patient_id,
        practitioner_id=practitioner_id,
        calendar_id=calendar.id,
        type_code=type_code,
        start=instant,
        end=instant + visit.duration,
        busy_start=busy.start,
        busy_end=busy.end,
        zone=calendar.zone,
        place=calendar.place,
        mode=kind.mode,
        status=final.value,
        booked_by=booked_by,
    )
    # It takes a room that there is; a place without one has booked elsewhere what it books here.
    needs = needs_of(type_code, calendar.place)
    access.write_down(None, appointment, "import", "operations")

    @transactional(APPOINTMENTS)
    def insert() -> None:
        if final in rules.OCCUPYING:
            cells.claim(appointment, needs)
        if final is rules.Status.ARRIVED:
            for name, value in tickets.draw(appointment).items():
                setattr(appointment, name, value)
        appointment._state.adding = True
        appointment.save(force_insert=True)
        remember(appointment, actor=None, action="import", before="")

    cells.win(appointment, needs, insert)
    return appointment.id


def _check_fields(row: AppointmentType | Calendar | Leave | Resource) -> None:
    """The fields' own limits, as the admin's forms check them."""
    try:
        # Uniqueness is the index's business; the codes of types are looked up above.
        row.clean_fields()
    except ValidationError as error:
        raise Invalid(error.message_dict) from None
