"""Where and when a visit can take place: calendars, types, leave and visits, for many practitioners at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import overload
from uuid import UUID

from django.utils.translation import gettext as _

from appointments import access, rules
from appointments.calendars import opening_of, visit_of
from appointments.models import AppointmentType, Calendar, Leave, Resource
from appointments.occupied import busy, held, in_use
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid, Text
from patients import interface as patients

#: How many days one question about free slots may span.
MOST_DAYS = 62
#: Times named in an error, so that the caller knows what is possible.
SUGGESTED = 6

#: Further ahead than any calendar is open (`Calendar.horizon_days`).
_NEVER_AFTER = timedelta(days=800)


@dataclass(frozen=True, slots=True)
class Slot:
    """A free time: instants in UTC; `zone` and `place` say where and on which clock."""

    practitioner_id: UUID
    calendar_id: UUID
    type_code: str
    start: datetime
    end: datetime
    zone: str
    place: str


@dataclass(frozen=True, slots=True)
class Place:
    """What a booking needs to know of its time: the calendar, the visit, and the practitioner's time with buffers."""

    calendar: Calendar
    type_code: str
    span: rules.Span
    busy: rules.Span
    overbook: bool
    mode: str
    #: For each thing the type needs, the rooms or devices of which one must be free.
    needs: tuple[tuple[UUID, ...], ...] = ()


def check_start(start: object) -> datetime:
    """The start as an aware instant in UTC. Raises Invalid for anything else, for the past and for the far future."""
    if not isinstance(start, datetime):
        raise _start(_("Write the start as in 2026-03-03T14:30:00+01:00."))
    if start.tzinfo is None or start.utcoffset() is None:
        raise _start(_("Say in which time zone, as in 2026-03-03T14:30:00+01:00."))
    try:
        instant = start.astimezone(UTC)
    except OverflowError:
        raise _start(_("This is not a time when anybody works.")) from None
    now = clock.now()
    if instant <= now:
        raise _start(_("This time has passed."))
    if instant > now + _NEVER_AFTER:
        raise _start(_("No calendar is open that far ahead."))
    if not rules.on_cell(instant):
        raise _start(_("Visits start on whole five minutes."))
    return instant


def _start(text: Text) -> Invalid:
    return Invalid({"start": [text]})


def find_type(actor: User, type_code: str) -> AppointmentType:
    """The type if the actor may book it. Raises Invalid, the same for one that is unknown and one that is closed."""
    kind = AppointmentType.objects.filter(code=type_code, active=True).first()
    if kind is None or not (kind.bookable_by_patient or actor.has_perm(access.BOOK_FOR_OTHERS)):
        raise Invalid({"type": [_("This type of appointment cannot be booked.")]})
    return kind


def check_practitioner(practitioner_id: UUID) -> None:
    card = patients.practitioner_cards([practitioner_id]).get(practitioner_id)
    if card is None or not card.active:
        raise Invalid({"practitioner_id": [_("There is no such practitioner.")]})


def calendars_for(practitioner_ids: Collection[UUID], type_code: str) -> list[Calendar]:
    """The calendars in which these practitioners offer the type, in a stable order."""
    rows = Calendar.objects.filter(practitioner_id__in=list(practitioner_ids), active=True).order_by("id")
    # Which types a calendar offers is a list inside the document; the three engines have no common way to ask for one.
    return [row for row in rows if type_code in row.type_codes]


def check_days(first: date, last: date) -> None:
    if last < first:
        raise Invalid({"to": [_("This is before the first day.")]})
    if (last - first).days >= MOST_DAYS:
        raise Invalid({"to": [_("Ask for %(count)d days at most.") % {"count": MOST_DAYS}]})


class Slots(Sequence[Slot]):
    """Free slots by start, then by practitioner. One is made when it is looked at: a question about fifty practitioners
    finds tens of thousands, of which a page shows some."""

    __slots__ = ("_calendars", "_kind", "_length", "_packed")

    def __init__(self, kind: AppointmentType, found: Iterable[tuple[Calendar, Iterable[int]]]) -> None:
        by_practitioner = sorted(found, key=lambda pair: (str(pair[0].practitioner_id), pair[0].id))
        self._kind, self._length = kind, timedelta(minutes=kind.duration_minutes)
        self._calendars = [calendar for calendar, _seconds in by_practitioner]
        # The second and the calendar's place in one number: sorting a list of numbers is all that is left to do.
        count = len(self._calendars)
        self._packed = [
            second * count + place for place, (_row, seconds) in enumerate(by_practitioner) for second in seconds
        ]
        self._packed.sort()

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> Slot: ...
    @overload
    def __getitem__(self, index: slice) -> list[Slot]: ...
    def __getitem__(self, index: int | slice) -> Slot | list[Slot]:
        if isinstance(index, slice):
            return [self._slot(packed) for packed in self._packed[index]]
        return self._slot(self._packed[index])

    def _slot(self, packed: int) -> Slot:
        second, place = divmod(packed, len(self._calendars))
        calendar, start = self._calendars[place], rules.instant(second)
        return Slot(
            calendar.practitioner_id,
            calendar.id,
            self._kind.code,
            start,
            start + self._length,
            calendar.zone,
            calendar.place,
        )

    def first_of_each(self) -> list[Slot]:
        """The first slot of each practitioner, by start."""
        found: dict[UUID, Slot] = {}
        unseen = {calendar.practitioner_id for calendar in self._calendars}
        for packed in self._packed:
            practitioner_id = self._calendars[packed % len(self._calendars)].practitioner_id
            if practitioner_id in unseen:
                unseen.discard(practitioner_id)
                found[practitioner_id] = self._slot(packed)
                if not unseen:
                    break
        return list(found.values())


def free_slots(
    calendars: Iterable[Calendar],
    kind: AppointmentType,
    *,
    first: date,
    last: date,
    staff: bool,
    holder: UUID | None = None,
) -> Slots:
    """The free slots of these calendars on the local dates `first` to `last`, by start. Staff need no lead time. What
    `holder` holds is free for them."""
    now = clock.now()
    today = now.date()
    first = max(first, today - timedelta(days=1))
    last = min(last, today + _NEVER_AFTER)
    rows = list(calendars)
    if last < first or not rows:
        return Slots(kind, ())
    visit = visit_of(kind)
    # No zone is further than a day from UTC.
    begin, end = _midnight(first - timedelta(days=1)), _midnight(last + timedelta(days=2))
    taken = busy({row.practitioner_id for row in rows}, begin, end)
    kept = held(begin, end, but_of=holder)
    equipped = _Equipment(kind, {row.place for row in rows}, begin, end, kept)
    found = []
    for row in rows:
        earliest, latest = _bounds(row, kind, now, staff=staff)
        busy_then = taken[row.practitioner_id]
        if row.practitioner_id in kept:
            busy_then = rules.merge([*busy_then, *kept[row.practitioner_id]])
        starts = rules.free_seconds(
            opening_of(row), visit, first=first, last=last, taken=busy_then, earliest=earliest, latest=latest
        )
        found.append((row, equipped.narrow(row.place, starts)))
    return Slots(kind, found)


class _Equipment:
    """Which rooms and devices a type needs, and when one of each is free at a place."""

    def __init__(
        self,
        kind: AppointmentType,
        where: Collection[str],
        begin: datetime,
        end: datetime,
        kept: Mapping[UUID, list[tuple[int, int]]],
    ) -> None:
        self._known: dict[tuple[str, int], bool] = {}
        self._groups: dict[str, list[list[list[tuple[int, int]]]]] = {}
        if not kind.needs:
            return
        groups = resources_for(kind, where)
        ids = {one for needs in groups.values() for group in needs for one in group}
        taken = in_use(ids, begin, end)
        free = {one: rules.merge([*taken[one], *kept.get(one, ())]) for one in ids}
        self._groups = {place: [[free[one] for one in group] for group in needs] for place, needs in groups.items()}
        self._before = kind.buffer_before * 60
        self._after = (kind.duration_minutes + kind.buffer_after) * 60

    def narrow(self, place: str, starts: list[int]) -> list[int]:
        """The starts at which the place has what is needed."""
        return [start for start in starts if self._has(place, start)] if self._groups else starts

    def _has(self, place: str, start: int) -> bool:
        # Practitioners of a place ask for the same rooms at the same times.
        known = self._known.get((place, start))
        if known is None:
            known = self._known[place, start] = all(
                any(rules.is_free(taken, start - self._before, start + self._after) for taken in group)
                for group in self._groups[place]
            )
        return known


def resources_for(kind: AppointmentType, where: Collection[str]) -> dict[str, list[list[UUID]]]:
    """Place → for each thing the type needs, the rooms or devices there that are in service. One query."""
    found: dict[str, list[list[UUID]]] = {place: [[] for _need in kind.needs] for place in where}
    if kind.needs:
        rows = Resource.objects.filter(place__in=list(where), code__in=kind.needs, active=True).order_by("name", "id")
        for resource_id, place, code in rows.values_list("id", "place", "code"):
            found[place][kind.needs.index(code)].append(resource_id)
    return found


def mode_of(type_code: str) -> str:
    kind = AppointmentType.objects.filter(code=type_code).first()
    return kind.mode if kind else AppointmentType.Mode.ON_SITE.value


def needs_of(type_code: str, place: str) -> list[list[UUID]]:
    """For each thing that the type needs and the place has, the rooms or devices of which one is to be taken."""
    kind = AppointmentType.objects.filter(code=type_code).first()
    return [group for group in resources_for(kind, [place])[place] if group] if kind else []


def _bounds(calendar: Calendar, kind: AppointmentType, now: datetime, *, staff: bool) -> tuple[datetime, datetime]:
    """The first and last instant at which a visit may start, as seen now: the stricter of calendar and type."""
    lead = timedelta(minutes=0 if staff else max(calendar.lead_minutes, kind.lead_minutes or 0))
    horizon = min(calendar.horizon_days, kind.horizon_days or calendar.horizon_days)
    return now + lead, now + timedelta(days=horizon)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def find_place(*, actor: User, practitioner_id: UUID, type_code: str, start: datetime, overbook: bool) -> Place:
    """The calendar in which this visit can start at `start`, which `check_start` has passed.

    Whether the time is still free is not asked here but won by the cells. Overbooking may leave the grid and the
    opening hours, but not the practitioner's calendar: it gives the place. Raises Invalid with what is possible.
    """
    staff = actor.has_perm(access.BOOK_FOR_OTHERS)
    kind = find_type(actor, type_code)
    check_practitioner(practitioner_id)
    calendars = calendars_for([practitioner_id], kind.code)
    if not calendars:
        raise Invalid({"type": [_("This practitioner does not offer this type of appointment.")]})
    visit = visit_of(kind)
    if overbook:
        return _place(_calendar_on(calendars, start), kind, start, overbook=True)
    now = clock.now()
    offering = [row for row in calendars if rules.offers(opening_of(row), visit, start)]
    for row in offering:
        earliest, latest = _bounds(row, kind, now, staff=staff)
        if start < earliest:
            raise _start(_("This slot is too soon to be booked here. Please call the reception."))
        if start > latest:
            raise _start(_("This calendar is not open that far ahead."))
        if not _on_leave(practitioner_id, visit.busy(start)):
            return _place(row, kind, start)
    raise _start(_no_slot(calendars, kind, start, staff=staff))


def _place(calendar: Calendar, kind: AppointmentType, start: datetime, *, overbook: bool = False) -> Place:
    visit = visit_of(kind)
    needs = resources_for(kind, [calendar.place])[calendar.place]
    if not overbook and not all(needs):
        raise Invalid({"type": [_("The room or equipment that this type needs is not in service at this place.")]})
    return Place(
        calendar,
        kind.code,
        visit.span(start),
        visit.busy(start),
        overbook=overbook,
        mode=kind.mode,
        # Who overbooks takes what there is.
        needs=tuple(tuple(group) for group in needs if group),
    )


def _on_leave(practitioner_id: UUID, span: rules.Span) -> bool:
    return Leave.objects.filter(practitioner_id=practitioner_id, start__lt=span.end, end__gt=span.start).exists()


def _calendar_on(calendars: list[Calendar], start: datetime) -> Calendar:
    for row in calendars:
        day = clock.local(start, row.zone).date()
        if row.valid_from <= day and (row.valid_until is None or day <= row.valid_until):
            return row
    raise _start(_("This practitioner has no calendar on that day."))


def _no_slot(calendars: list[Calendar], kind: AppointmentType, start: datetime, *, staff: bool) -> str:
    day = clock.local(start, calendars[0].zone).date()
    free = [
        clock.local(slot.start, slot.zone).strftime("%H:%M")
        for slot in free_slots(calendars, kind, first=day, last=day, staff=staff)
    ]
    if not free:
        return _("No slot starts then, and none is free that day.")
    return _("No slot starts then. Free that day: %(times)s.") % {"times": ", ".join(free[:SUGGESTED])}
