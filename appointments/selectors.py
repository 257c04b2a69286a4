"""Reads, already narrowed to what the actor may see. Times go in and out as instants in UTC; dates are local ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from appointments import access, places
from appointments.models import Appointment, AppointmentHistory, AppointmentType, Calendar
from appointments.places import Slot, Slots
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid
from medisecure.kernel.models import PinnedQuerySet
from patients import interface as patients

#: Practitioners in one question about free slots.
MOST_PRACTITIONERS = 200
#: Days that the search for the next free slot looks through at a time.
_STRETCH = 31


def free_slots(
    *,
    actor: User,
    type_code: str,
    first: date,
    last: date,
    practitioner_ids: Sequence[UUID] | None = None,
    specialty: str | None = None,
    place: str | None = None,
) -> Slots:
    """Free slots for a type on the local dates `first` to `last` (62 days at most), by start: of the practitioners
    named, of a specialty, at a place, or of everyone who offers the type. The number of queries is the same for one
    practitioner and for fifty.

    Raises Invalid naming the field: from, to, type, practitioner, specialty, place.
    """
    places.check_days(first, last)
    kind = places.find_type(actor, type_code)
    calendars = _offering(kind, practitioner_ids, specialty, place)
    staff = actor.has_perm(access.BOOK_FOR_OTHERS)
    return places.free_slots(calendars, kind, first=first, last=last, staff=staff, holder=actor.id)


def next_free(
    *,
    actor: User,
    type_code: str,
    first: date | None = None,
    practitioner_ids: Sequence[UUID] | None = None,
    specialty: str | None = None,
    place: str | None = None,
) -> list[Slot]:
    """The first free slot of each practitioner from the local date `first` on, however far their calendars are open, by
    start: the first of all is the next that is available. Who has none is not in it. Raises Invalid as `free_slots`."""
    kind = places.find_type(actor, type_code)
    calendars = _offering(kind, practitioner_ids, specialty, place)
    staff = actor.has_perm(access.BOOK_FOR_OTHERS)
    day = max(first or date.min, clock.today() - timedelta(days=1))
    end = clock.today() + timedelta(days=max((row.horizon_days for row in calendars), default=0) + 1)
    found: list[Slot] = []
    while calendars and day <= end:
        last = min(day + timedelta(days=_STRETCH - 1), end)
        found += places.free_slots(calendars, kind, first=day, last=last, staff=staff, holder=actor.id).first_of_each()
        seen = {slot.practitioner_id for slot in found}
        calendars = [row for row in calendars if row.practitioner_id not in seen]
        day = last + timedelta(days=1)
    return found


def _offering(
    kind: AppointmentType, practitioner_ids: Sequence[UUID] | None, specialty: str | None, place: str | None
) -> list[Calendar]:
    """The open calendars that offer the type, of those who are asked for."""
    if practitioner_ids:
        if len(practitioner_ids) > MOST_PRACTITIONERS:
            raise Invalid({"practitioner": [_("Name %(count)d at most.") % {"count": MOST_PRACTITIONERS}]})
        cards = patients.practitioner_cards(practitioner_ids)
        if any(one not in cards or not cards[one].active for one in practitioner_ids):
            raise Invalid({"practitioner": [_("There is no such practitioner.")]})
        known = set(cards)
    else:
        known = {card.id for card in patients.practitioners(specialty)}
        if specialty and not known:
            raise Invalid({"specialty": [_("Nobody here has this specialty.")]})
    # Those who receive here: an imported record brings practitioners by the hundred who have no calendar.
    rows = Calendar.objects.filter(active=True)
    if place:
        rows = rows.filter(place=place)
    if len(known) <= MOST_PRACTITIONERS:
        rows = rows.filter(practitioner_id__in=list(known))
    found = [row for row in rows.order_by("id") if row.practitioner_id in known]
    if place and not found:
        raise Invalid({"place": [_("Nobody receives at this place.")]})
    offering = [row for row in found if kind.code in row.type_codes]
    if len({row.practitioner_id for row in offering}) > MOST_PRACTITIONERS:
        raise Invalid({"practitioner": [_("This asks for too many practitioners. Name some, a specialty or a place.")]})
    return offering


def offered() -> dict[UUID, frozenset[str]]:
    """Practitioner → the codes of the types that their open calendars offer: who can be booked at all. One query."""
    found: dict[UUID, set[str]] = {}
    for row in Calendar.objects.filter(active=True):
        found.setdefault(row.practitioner_id, set()).update(row.type_codes)
    return {practitioner_id: frozenset(codes) for practitioner_id, codes in found.items()}


def zone_of(practitioner_id: UUID) -> ZoneInfo:
    """The zone of the place where the practitioner receives."""
    zone = Calendar.objects.filter(practitioner_id=practitioner_id, active=True).values_list("zone", flat=True).first()
    return ZoneInfo(zone or settings.TIME_ZONE)


def places_open() -> list[str]:
    """The places where somebody receives, by name."""
    return sorted(set(Calendar.objects.filter(active=True).values_list("place", flat=True)))


def day_bounds(day: date, zone: str = "") -> tuple[datetime, datetime]:
    """The instants at which the local day begins and the next one does; in the hospital's zone when none is named."""
    where = ZoneInfo(zone or settings.TIME_ZONE)
    try:
        following = day + timedelta(days=1)
        return (
            datetime.combine(day, time(), where).astimezone(UTC),
            datetime.combine(following, time(), where).astimezone(UTC),
        )
    except OverflowError:
        raise Invalid({"day": [_("There is no such day here.")]}) from None


def agenda(
    *, actor: User, day: date, last: date | None = None, practitioner_id: UUID | None = None, place: str = ""
) -> PinnedQuerySet[Appointment]:
    """The visits of a local day, or of `day` to `last`, that the actor sees by their work, by start; those cancelled
    too. `access.access_agenda` is the door before it."""
    begin, end = day_bounds(day)[0], day_bounds(last or day)[1]
    rows = access.staff_visible(actor).filter(start__gte=begin, start__lt=end)
    if practitioner_id is not None:
        rows = rows.filter(practitioner_id=practitioner_id)
    if place:
        rows = rows.filter(place=place)
    return rows.order_by("start", "id")


def place_names() -> list[str]:
    """Every place that an open calendar names, in order."""
    return sorted(set(Calendar.objects.filter(active=True).order_by().values_list("place", flat=True)))


def appointments_of_actor(actor: User, patient_id: UUID | None = None) -> PinnedQuerySet[Appointment]:
    """The actor's own visits as a patient, the newest first; none for who is no patient. Of `patient_id`, for whom the
    actor stands, when it is given: that look is written down, and NotFound is raised for anybody else's."""
    stand = access.stand(actor, patient_id)
    if stand is None:
        return Appointment.objects.none()
    access.write_down_list(actor, stand, "appointments")
    rows = Appointment.objects.filter(patient_id=stand.patient_id)
    return rows.filter(booked_by=actor.id) if stand.restricted else rows


def history_of(appointment_id: UUID) -> list[AppointmentHistory]:
    """Each step of the appointment, the first first. For who has passed the door to the appointment."""
    return list(AppointmentHistory.objects.filter(appointment_id=appointment_id))


def types_for(actor: User) -> list[AppointmentType]:
    """The types that the actor may book."""
    rows = AppointmentType.objects.filter(active=True)
    return list(rows if actor.has_perm(access.BOOK_FOR_OTHERS) else rows.filter(bookable_by_patient=True))


def type_labels() -> dict[str, str]:
    """Code → name in the active language, of every type there ever was."""
    return {kind.code: kind.label for kind in AppointmentType.objects.all()}
