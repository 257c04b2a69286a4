"""The day view (a column for each practitioner) and the week view (a column for each day) of the agenda."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from hashlib import sha256
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from appointments import access, grid, rules, selectors
from appointments.admin import agenda_question, agenda_rows
from appointments.calendars import opening_of
from appointments.models import Appointment, Calendar, Leave
from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients import interface as patients

#: The styles place by whole hours and by cells of five minutes: inline styles are forbidden by the pages' policy.
_CELL = rules.CELL_MINUTES
_MOST_LANES = 6
#: Minutes of a free time that is clicked on.
_PIECE = 30
_SOME_ID = "00000000-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Placed:
    #: Attributes that say where it stands.
    at: SafeString
    row: agenda_rows.Row
    url: str
    step_url: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Free:
    """A free time that leads to its booking."""

    at: SafeString
    start: str
    href: str


@dataclass(slots=True)
class Column:
    title: str
    note: str
    href: str
    today: bool
    #: Where to book with this practitioner from this day on; empty for who may not, and for the past.
    book: str = ""
    free: list[Free] = field(default_factory=list)
    #: Attributes that say where each stands.
    opens: list[SafeString] = field(default_factory=list)
    leaves: list[SafeString] = field(default_factory=list)
    visits: list[Placed] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """What one column is made from, before anybody is named."""

    practitioner_id: UUID
    day: date
    opens: list[grid.Range] = field(default_factory=list)
    leaves: list[grid.Range] = field(default_factory=list)
    visits: list[tuple[grid.Range, Appointment]] = field(default_factory=list)

    @property
    def ranges(self) -> list[grid.Range]:
        return [*self.opens, *(span for span, _row in self.visits)]

    def free(self, now: datetime) -> list[grid.Range]:
        """What is open, not taken and still to come, in pieces that a click can hit."""
        today = now.date()
        if self.day < today:
            return []
        taken = [span for span, row in self.visits if row.status != rules.Status.CANCELLED]
        # From the next whole piece on: what has begun is for who stands at the desk.
        after = (now.hour * 60 + now.minute) // _PIECE * _PIECE + _PIECE if self.day == today else 0
        return grid.pieces(grid.gaps(self.opens, [*taken, *self.leaves], after=after), _PIECE)


@require_safe
@never_cache
def day_view(request: HttpRequest) -> HttpResponse:
    actor = agenda_question.actor_of(request)
    question = agenda_question.asked(request)
    found = list(
        selectors.agenda(actor=actor, day=question.day, practitioner_id=question.practitioner_id, place=question.place)
    )
    calendars = _calendars(actor, question)
    ids = {row.practitioner_id for row in calendars} | {row.practitioner_id for row in found}
    plans = [
        plan
        for plan in _plans([(one, question.day) for one in ids], found, calendars)
        # Who is neither here nor expected has no column.
        if plan.opens or plan.visits
    ]
    if (answer := _unchanged(request, plans)) is not None:
        return answer
    access.access_agenda(actor=actor, day=question.day)
    names = patients.practitioner_cards(ids)

    def head(plan: Plan) -> Column:
        card = names.get(plan.practitioner_id)
        week = reverse("admin:appointments_appointment_week")
        query = agenda_question.Question(question.day, plan.practitioner_id, question.place).query()
        return Column(
            title=card.full_name if card else "—",
            note=card.specialty_label if card else "",
            href=f"{week}{query}",
            today=plan.day == clock.today(),
        )

    plans.sort(key=lambda plan: (names[plan.practitioner_id].full_name if plan.practitioner_id in names else "", ""))
    context = agenda_question.common(request, actor, question, "day") | {
        "previous": question.on(question.day - timedelta(days=1)),
        "next": question.on(question.day + timedelta(days=1)),
        "subtitle_day": question.day,
    }
    return _answer(request, actor, context, plans, [head(plan) for plan in plans], found)


@require_safe
@never_cache
def week_view(request: HttpRequest) -> HttpResponse:
    """One practitioner's week; the first one's who has a calendar, when none is named."""
    actor = agenda_question.actor_of(request)
    asked = agenda_question.asked(request)
    calendars = _calendars(actor, asked)
    chosen = asked.practitioner_id or _first(calendars)
    question = agenda_question.Question(asked.day, chosen, asked.place)
    monday = question.day - timedelta(days=question.day.weekday())
    days = [monday + timedelta(days=number) for number in range(7)]
    found: list[Appointment] = []
    if chosen is not None:
        rows = selectors.agenda(actor=actor, day=days[0], last=days[-1], practitioner_id=chosen, place=question.place)
        found = list(rows)
    plans = _plans([(chosen, day) for day in days], found, calendars) if chosen else []
    # A weekend that nobody works on only takes room.
    plans = [plan for plan in plans if plan.day.weekday() < 5 or plan.opens or plan.visits]
    if (answer := _unchanged(request, plans)) is not None:
        return answer
    access.access_agenda(actor=actor, day=days[0], last=days[-1])

    def head(plan: Plan) -> Column:
        return Column(
            title=formats.date_format(plan.day, "D j N"),
            note=pgettext("day of the agenda", "closed") if not plan.opens else "",
            href=reverse("admin:appointments_appointment_day") + question.on(plan.day),
            today=plan.day == clock.today(),
        )

    card = patients.practitioner_cards([chosen]).get(chosen) if chosen else None
    context = agenda_question.common(request, actor, question, "week") | {
        "previous": question.on(question.day - timedelta(days=7)),
        "next": question.on(question.day + timedelta(days=7)),
        "first": days[0],
        "last": days[-1],
        "whose": card.full_name if card else "",
    }
    return _answer(request, actor, context, plans, [head(plan) for plan in plans], found)


def _calendars(actor: User, question: agenda_question.Question) -> list[Calendar]:
    rows = Calendar.objects.filter(active=True)
    if not access.sees_all(actor):
        own = patients.practitioner_for_user(actor.id)
        rows = rows.filter(practitioner_id=own) if own else rows.none()
    if question.practitioner_id:
        rows = rows.filter(practitioner_id=question.practitioner_id)
    if question.place:
        rows = rows.filter(place=question.place)
    return list(rows)


def _first(calendars: Sequence[Calendar]) -> UUID | None:
    cards = patients.practitioner_cards({row.practitioner_id for row in calendars})
    return min(cards, key=lambda one: cards[one].full_name, default=None)


def _plans(
    columns: Sequence[tuple[UUID, date]], found: Sequence[Appointment], calendars: Sequence[Calendar]
) -> list[Plan]:
    """One query, for the leave, for any number of columns."""
    plans = {key: Plan(*key) for key in columns}
    if not plans:
        return []
    zone = ZoneInfo(settings.TIME_ZONE)
    days = {day for _who, day in columns}
    for row in calendars:
        opening = opening_of(row)
        for day in days:
            if (plan := plans.get((row.practitioner_id, day))) is not None:
                spans = rules.opening_spans(opening, day)
                plan.opens += _on(day, zone, [(span.start, span.end) for span in spans])
    begin, end = selectors.day_bounds(min(days))[0], selectors.day_bounds(max(days))[1]
    people = list({who for who, _day in columns})
    for leave in Leave.objects.filter(practitioner_id__in=people, start__lt=end, end__gt=begin).order_by("start"):
        for day in days:
            if (plan := plans.get((leave.practitioner_id, day))) is not None:
                plan.leaves += _on(day, zone, [(leave.start, leave.end)])
    for one in found:
        day = one.start.astimezone(zone).date()
        span = grid.minutes(one.start, one.end, day, zone)
        if span is not None and (plan := plans.get((one.practitioner_id, day))) is not None:
            plan.visits.append((span, one))
    return list(plans.values())


def _on(day: date, zone: ZoneInfo, spans: Sequence[tuple[datetime, datetime]]) -> list[grid.Range]:
    found = (grid.minutes(start, end, day, zone) for start, end in spans)
    return [span for span in found if span is not None]


def _mark(plans: Sequence[Plan]) -> str:
    """Differs when anything that is shown does: visits, hours, leave, and the steps that time alone allows."""
    now = clock.now()
    text = repr(
        [
            (
                plan.day,
                plan.opens,
                plan.leaves,
                [(one.id, one.version, one.start <= now, one.undoable) for _span, one in plan.visits],
                plan.free(clock.local(now, settings.TIME_ZONE))[:1],
            )
            for plan in sorted(plans, key=lambda plan: (plan.day, plan.practitioner_id))
        ]
    )
    return sha256(text.encode()).hexdigest()[:32]


def _unchanged(request: HttpRequest, plans: Sequence[Plan]) -> HttpResponse | None:
    """204 when the page has all of this already: nothing is disclosed, so nothing is written down either."""
    return HttpResponse(status=204) if request.GET.get("seen") == _mark(plans) else None


def _answer(
    request: HttpRequest,
    actor: User,
    context: dict[str, object],
    plans: list[Plan],
    columns: list[Column],
    found: list[Appointment],
) -> HttpResponse:
    rows = agenda_rows.rows(found, actor=actor)
    by_id = {row.appointment.id: row for row in rows}
    first, last = grid.hours(span for plan in plans for span in plan.ranges)
    window = (first * 60, last * 60)
    books = _Booking(actor, str(context["back"]))
    for plan, column in zip(plans, columns, strict=True):
        books.fill(plan, column)
        column.opens = [_box(span) for span in plan.opens]
        column.leaves = [_box(cut) for span in plan.leaves if (cut := _cut(span, window)) is not None]
        sides = grid.lanes([span for span, _one in plan.visits])
        column.visits = [
            _placed(span, lane, of, by_id[one.id]) for (span, one), (lane, of) in zip(plan.visits, sides, strict=True)
        ]
    context |= {
        "columns": columns,
        "counts": agenda_rows.counts(found),
        "hours": range(first, last),
        "first_hour": first,
        "hours_long": last - first,
        "zone": settings.TIME_ZONE,
        "mark": _mark(plans),
        "may_act": agenda_rows.may_act(actor),
    }
    name = "agenda_grid_part.html" if "seen" in request.GET else "agenda_grid.html"
    return TemplateResponse(request, f"admin/appointments/appointment/{name}", context)


class _Booking:
    """Fills in where a free time leads: the page that books it, with whom and when filled in, and the way back."""

    def __init__(self, actor: User, back: str) -> None:
        self._may = actor.has_perm(access.BOOK_FOR_OTHERS)
        self._now = clock.local(clock.now(), settings.TIME_ZONE)
        self._zone = ZoneInfo(settings.TIME_ZONE)
        self._base = f"{reverse('admin:appointments_appointment_book')}?{urlencode({'back': back})}"

    def fill(self, plan: Plan, column: Column) -> None:
        if not self._may or plan.day < self._now.date():
            return
        column.book = f"{self._base}&practitioner={plan.practitioner_id}&day={plan.day.isoformat()}"
        for span in plan.free(self._now):
            wall = time(span[0] // 60, span[0] % 60)
            instant = datetime.combine(plan.day, wall, self._zone)
            href = f"{column.book}&{urlencode({'at': instant.isoformat(timespec='minutes')})}"
            column.free.append(Free(_box(span), f"{wall:%H:%M}", href))


def _placed(span: grid.Range, lane: int, of: int, row: agenda_rows.Row) -> Placed:
    one = row.appointment
    # A seventh at the same time stands on the sixth; the list has them all.
    side = format_html(' data-lane="{}" data-of="{}"', min(lane, _MOST_LANES - 1), min(of, _MOST_LANES))
    return Placed(
        at=_box(span) + side,
        row=row,
        url=_address("change", str(one.id)),
        step_url=_address("step", str(one.id)),
        start=f"{row.start:%H:%M}",
        end=f"{row.end:%H:%M}",
    )


def _cut(span: grid.Range, window: grid.Range) -> grid.Range | None:
    start, end = max(span[0], window[0]), min(span[1], window[1])
    return (start, end) if start < end else None


def _box(span: grid.Range) -> SafeString:
    """It begins at `h` o'clock and `m` cells, and is `l` hours and `k` cells long."""
    start, end = span[0] // _CELL, -(-span[1] // _CELL)
    length = max(1, end - start)
    numbers = (start // 12, start % 12, length // 12, length % 12)
    return format_html('data-h="{}" data-m="{}" data-l="{}" data-k="{}"', *numbers)


def _address(name: str, appointment_id: str) -> str:
    return _pattern(name).replace(_SOME_ID, appointment_id)


@cache
def _pattern(name: str) -> str:
    """Looking an address up is slow beside writing an id into it, and a day has thousands of them."""
    return reverse(f"admin:appointments_appointment_{name}", args=[_SOME_ID])
