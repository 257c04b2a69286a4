"""Staff book for a patient and move a visit: whom, what for, with whom, and the free times as buttons. No script.

The choice stands in the address (a GET form), so that going back and reloading do what people expect; only the button
of a time posts. What was typed beside it stays on the page when the booking is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from appointments import access, selectors, services
from appointments.models import Appointment
from appointments.places import MOST_DAYS, Slot
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError, Invalid, Refused
from patients import interface as patients
from patients.interface import PractitionerCard

#: Days with free times on one page.
DAYS_SHOWN: Final = 6
#: What the address keeps while the patient is looked for.
_KEPT: Final = ("practitioner", "day", "at", "back")
#: People whom a search on this page shows.
PEOPLE_SHOWN: Final = 10


class ChoiceForm(forms.Form):
    """What for, with whom, from which day on."""

    type = forms.ChoiceField(label=gettext_lazy("Reason for the visit"))
    practitioner = forms.ChoiceField(label=gettext_lazy("With"), required=False)
    day = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )

    def __init__(self, *args: Any, kinds: list[tuple[str, str]], people: list[PractitionerCard], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["type"]).choices = kinds
        cast(forms.ChoiceField, self.fields["practitioner"]).choices = [
            ("", _("Anyone")),
            *((str(card.id), card.full_name) for card in people),
        ]


class OverbookForm(forms.Form):
    """A time that no list offers, with the reason why."""

    at = forms.DateTimeField(
        label=gettext_lazy("Start, on the place's clock"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 300}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    reason = forms.CharField(label=gettext_lazy("Reason of the overbooking"), max_length=200)


@dataclass(frozen=True, slots=True)
class Desk:
    """The free times of one practitioner at one place on one day: (value of the button, time)."""

    practitioner: str
    place: str
    zone: str
    times: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    desks: list[Desk]


@require_http_methods(["GET", "HEAD", "POST"])
def book(request: HttpRequest) -> HttpResponse:
    """`?patient=<id>&type=<code>&practitioner=<id>&day=2026-03-03&at=2026-03-03T09:30+01:00`. All but `type` stay in
    the address until a patient is chosen; `at` is a free time of the agenda that somebody clicked on."""
    actor = _booker(request, access.BOOK_FOR_OTHERS)
    patient_id = _uuid(request.GET.get("patient", ""))
    kept = {name: value[:400] for name in _KEPT if (value := request.GET.get(name, ""))}
    clicked = _clicked(request.GET)
    context: dict[str, Any] = {
        "title": _("Book an appointment"),
        "whom": None,
        "kept": kept,
        "kept_query": urlencode(kept),
        "clicked": clicked,
    }
    if patient_id is None:
        return _page(request, context | _people(actor, request.GET.get("q", "")))
    # The door: who looks for a time for somebody has opened their file. Out of sight is 404.
    patients.access_identity(actor=actor, patient_id=patient_id, purpose="appointments")
    context |= {"whom": patients.patient_card(patient_id), "asked": {"patient": str(patient_id)}}
    if clicked:
        context["asked"]["at"] = clicked.value
    form = _form(actor, request.GET)
    note = request.POST.get("note", "")[:200]
    lines: list[str] = []
    overbook = _overbook(request, form)
    status = 200
    if request.method == "POST":
        try:
            wish = _wish(request, form, overbook)
            card = services.book(
                actor=actor, patient_id=patient_id, type_code=request.GET.get("type", ""), note=note, **wish
            )
        except DomainError as error:
            lines, status = error.lines(), error.status
        else:
            messages.success(request, _("Booked: %(when)s.") % {"when": _when(card)})
            return redirect(_after(request, card))
    context |= _times(actor, form, clicked) | {"form": form, "note": note, "overbook": overbook}
    if lines:
        context["lines"] = lines
    context["may_overbook"] = actor.has_perm(access.OVERBOOK)
    return _page(request, context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """The same for a visit that is booked. Type and patient are given; the new time is won before the old is freed."""
    actor = _booker(request, access.BOOK_FOR_OTHERS, access.MANAGE_COURSE)
    visit = access.access_appointment(actor=actor, appointment_id=appointment_id)
    day = max(clock.local(visit.start, visit.zone).date(), clock.today())
    asked = {"practitioner": str(visit.practitioner_id), "day": day.isoformat()} | request.GET.dict()
    form = _form(actor, asked | {"type": visit.type_code}, only=visit.type_code)
    lines: list[str] = []
    overbook = _overbook(request, form)
    status = 200
    if request.method == "POST":
        version = request.POST.get("version", "")
        try:
            wish = _wish(request, form, overbook)
            moved = services.move(
                actor=actor,
                appointment_id=appointment_id,
                version=int(version) if version.isdecimal() and len(version) < 10 else None,
                **wish,
            )
        except DomainError as error:
            lines, status = error.lines(), error.status
        else:
            messages.success(request, _("Moved to %(when)s. The patient is told.") % {"when": _when(moved)})
            return redirect(_after(request, moved))
    context: dict[str, Any] = {
        "title": _("Move an appointment"),
        "whom": patients.shown_cards(actor, [visit.patient_id]).get(visit.patient_id),
        "visit": visit,
        "was": _when(visit),
        "with": patients.practitioner_cards([visit.practitioner_id]).get(visit.practitioner_id),
        "asked": {},
        "form": form,
        "overbook": overbook,
        "may_overbook": actor.has_perm(access.OVERBOOK),
    }
    if lines:
        context["lines"] = lines
    return _page(request, _times(actor, form) | context, status=status)


@dataclass(frozen=True, slots=True)
class Clicked:
    """A free time of the agenda, on the clock of the practitioner's place."""

    instant: datetime
    value: str
    who: UUID
    practitioner: str
    wall: datetime


def _clicked(values: Any) -> Clicked | None:
    """The time and the practitioner that the address names; None when it names none, or no time."""
    who, value = _uuid(values.get("practitioner", "")), values.get("at", "")
    card = patients.practitioner_cards([who]).get(who) if who and value else None
    try:
        instant = datetime.fromisoformat(value).astimezone(UTC) if card else None
    except (ValueError, OverflowError):
        return None
    if card is None or instant is None:
        return None
    wall = instant.astimezone(selectors.zone_of(card.id)).replace(tzinfo=None)
    return Clicked(instant, value, card.id, card.full_name, wall)


def _booker(request: HttpRequest, *rights: str) -> User:
    actor = cast(User, request.user)
    if not any(actor.has_perm(right) for right in rights):
        raise Refused
    return actor


def _page(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    everywhere = {**admin.site.each_context(request), "opts": Appointment._meta, "back": _back(request)}
    return TemplateResponse(request, "admin/appointments/appointment/book.html", everywhere | context, status=status)


def _people(actor: User, query: str) -> dict[str, Any]:
    """Those whom the search finds; written down before they are shown."""
    if not query.strip():
        return {"query": ""}
    try:
        found = list(patients.search_patients(actor, query)[:PEOPLE_SHOWN])
    except Invalid as error:
        return {"query": query, "lines": error.lines()}
    patients.audit_search(actor, found=len(found), purpose="appointments")
    people = patients.patient_cards({row.id for row in found})
    return {"query": query, "people": [people[row.id] for row in found if row.id in people], "most": PEOPLE_SHOWN}


def _form(actor: User, values: Any, *, only: str = "") -> ChoiceForm:
    offered = selectors.offered()
    kinds = [
        (kind.code, _("%(name)s (%(count)d min)") % {"name": kind.label, "count": kind.duration_minutes})
        for kind in selectors.types_for(actor)
        if kind.code == only or (not only and any(kind.code in codes for codes in offered.values()))
    ]
    who = _uuid(values.get("practitioner", ""))
    if who in offered and not values.get("type"):
        kinds = [kind for kind in kinds if kind[0] in offered[who]]
        if len(kinds) == 1:
            # There is nothing to choose.
            values = {**values.dict(), "type": kinds[0][0]}
    wanted = only or values.get("type", "")
    people = [
        card for card in patients.practitioners() if card.id in offered and (not wanted or wanted in offered[card.id])
    ]
    form = ChoiceForm(values if values.get("type") else None, kinds=kinds, people=people)
    if not values.get("type"):
        form.initial = {"day": values.get("day") or clock.today(), "practitioner": values.get("practitioner", "")}
    return form


def _times(actor: User, form: ChoiceForm, clicked: Clicked | None = None) -> dict[str, Any]:
    """The next days with free times from the day asked for on, and the address of the days after them. Of the time that
    was clicked on, the button that books it when this type can begin then."""
    if not form.is_bound or not form.is_valid():
        return {"searched": False}
    first = max(form.cleaned_data["day"] or clock.today(), clock.today())
    practitioner = form.cleaned_data["practitioner"]
    try:
        slots = selectors.free_slots(
            actor=actor,
            type_code=form.cleaned_data["type"],
            first=first,
            last=first + timedelta(days=MOST_DAYS - 1),
            practitioner_ids=[UUID(practitioner)] if practitioner else None,
        )
    except DomainError as error:
        return {"searched": True, "lines": error.lines()}
    except OverflowError:
        return {"searched": True, "days": []}
    days, later = _days(slots)
    wanted = ""
    if clicked:
        values = (value for day in days for desk in day.desks for value, _time in desk.times)
        wanted = next((value for value in values if _names(value, clicked)), "")
    return {"searched": True, "days": days, "later": later, "wanted": wanted}


def _names(value: str, clicked: Clicked) -> bool:
    """True for the button of the time that was clicked on."""
    who, _bar, start = value.partition("|")
    return who == str(clicked.who) and datetime.fromisoformat(start) == clicked.instant


def _days(slots: Any) -> tuple[list[Day], date | None]:
    by_day: dict[date, list[Slot]] = {}
    for slot in slots:
        day = clock.local(slot.start, slot.zone).date()
        if day not in by_day and len(by_day) == DAYS_SHOWN:
            return _desks(by_day), day
        by_day.setdefault(day, []).append(slot)
    return _desks(by_day), None


def _desks(by_day: dict[date, list[Slot]]) -> list[Day]:
    names = patients.practitioner_cards({slot.practitioner_id for slots in by_day.values() for slot in slots})
    found = []
    for day, slots in sorted(by_day.items()):
        desks: dict[tuple[UUID, str, str], list[tuple[str, str]]] = {}
        for slot in slots:
            local = clock.local(slot.start, slot.zone)
            times = desks.setdefault((slot.practitioner_id, slot.place, slot.zone), [])
            times.append((f"{slot.practitioner_id}|{local.isoformat()}", f"{local:%H:%M}"))
        found.append(
            Day(
                day,
                [
                    Desk(
                        names[who].full_name if who in names else "—",
                        place,
                        "" if zone == settings.TIME_ZONE else zone.replace("_", " "),
                        times,
                    )
                    for (who, place, zone), times in desks.items()
                ],
            )
        )
    return found


def _overbook(request: HttpRequest, form: ChoiceForm) -> OverbookForm:
    if "overbook" not in request.POST:
        clicked = _clicked(request.GET)
        return OverbookForm(initial={"at": clicked.wall} if clicked else None)
    practitioner = _uuid(form.cleaned_data["practitioner"]) if form.is_valid() else None
    # What is typed is a time on the place's clock, wherever the hospital's own clock is.
    with timezone.override(selectors.zone_of(practitioner) if practitioner else settings.TIME_ZONE):
        overbook = OverbookForm(request.POST)
        overbook.is_valid()
    return overbook


def _wish(request: HttpRequest, form: ChoiceForm, overbook: OverbookForm) -> dict[str, Any]:
    """The time of the button that was pressed, or the one typed to overbook."""
    if overbook.is_bound:
        practitioner = _uuid(form.cleaned_data["practitioner"]) if form.is_valid() else None
        if practitioner is None:
            raise Invalid({"practitioner_id": [_("To overbook, choose with whom.")]})
        if not overbook.is_valid():
            raise Invalid({}, _("Nothing was booked. Please look at the fields of the overbooking."))
        return {
            "practitioner_id": practitioner,
            "start": overbook.cleaned_data["at"],
            "overbook_reason": overbook.cleaned_data["reason"],
        }
    who, _bar, start = request.POST.get("slot", "").partition("|")
    practitioner = _uuid(who)
    try:
        instant = datetime.fromisoformat(start)
    except ValueError:
        instant = None
    if practitioner is None or instant is None:
        raise Invalid({"start": [_("Choose one of the free times.")]})
    return {"practitioner_id": practitioner, "start": instant}


def _when(row: Appointment) -> str:
    there = clock.local(row.start, row.zone)
    return _("%(date)s at %(time)s") % {"date": formats.date_format(there, "l j F Y"), "time": f"{there:%H:%M}"}


def _back(request: HttpRequest) -> str:
    """The page of ours that the address names, as the way back; else nothing."""
    asked = request.GET.get("back", "")
    return asked if asked.startswith("/admin/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None) else ""


def _after(request: HttpRequest, row: Appointment) -> str:
    day = clock.local(row.start, row.zone).date().isoformat()
    agenda = reverse("admin:appointments_appointment_agenda")
    return _back(request) or f"{agenda}?day={day}#visit-{row.id}"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
