"""Visits as the agenda's pages show them: names instead of ids, and the steps that may follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST

from appointments import access, rules, selectors, services
from appointments.models import Appointment
from appointments.no_shows import no_shows, said
from appointments.rooms import rooms_of
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError
from patients import interface as patients
from patients.interface import PatientCard

Label = str | Promise
Condition = Callable[[Appointment, datetime], bool]


def _leads_to(after: rules.Status) -> Condition:
    return lambda one, now: rules.may_follow(rules.Status(one.status), after)


def _absent(one: Appointment, now: datetime) -> bool:
    return one.start <= now and rules.may_follow(rules.Status(one.status), rules.Status.NO_SHOW)


@dataclass(frozen=True, slots=True)
class Step:
    label: Label
    service: Any
    possible: Condition


#: In the order in which they are offered: the likeliest first.
STEPS: Final[dict[str, Step]] = {
    "arrive": Step(gettext_lazy("Arrived"), services.arrive, _leads_to(rules.Status.ARRIVED)),
    "call": Step(
        gettext_lazy("Call in"),
        services.call_in,
        lambda one, now: one.status == rules.Status.ARRIVED and one.called_at is None,
    ),
    "start": Step(gettext_lazy("Start"), services.start, _leads_to(rules.Status.IN_PROGRESS)),
    "complete": Step(gettext_lazy("Complete"), services.complete, _leads_to(rules.Status.COMPLETED)),
    "confirm": Step(gettext_lazy("Confirmed"), services.confirm, lambda one, now: one.awaits_confirmation),
    "no-show": Step(gettext_lazy("Did not come"), services.no_show, _absent),
    "undo": Step(pgettext_lazy("a step", "Undo"), services.undo, lambda one, now: one.undoable),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One visit, ready to be shown."""

    appointment: Appointment
    start: datetime
    end: datetime
    #: None for who is not to be named here.
    patient: PatientCard | None
    practitioner: str
    kind: str
    #: (code, label) of each step that may be taken now
    steps: list[tuple[str, str]]
    state: str
    #: Rooms and devices that it takes.
    rooms: str
    #: "2 visits missed in 12 months", or nothing
    missed: str


def rows(found: Sequence[Appointment], *, actor: User) -> list[Row]:
    """The same number of queries for any number of visits. Who is locked away for the reader has a visit without a
    name: the time is taken, and that is all there is to know."""
    people = patients.shown_cards(actor, {one.patient_id for one in found})
    acts = may_act(actor)
    rooms = rooms_of([one.id for one in found]) if found else {}
    names = patients.practitioner_cards({one.practitioner_id for one in found})
    labels = selectors.type_labels() if found else {}
    missed = no_shows(set(people))
    now = clock.now()
    # Said once and not once a visit: a day of a large house has thousands of these words.
    words = {name: str(step.label) for name, step in STEPS.items()}
    states = {value: str(label) for value, label in Appointment.Status.choices}
    return [
        Row(
            appointment=one,
            start=clock.local(one.start, one.zone),
            end=clock.local(one.end, one.zone),
            patient=people.get(one.patient_id),
            practitioner=names[one.practitioner_id].full_name if one.practitioner_id in names else "—",
            kind=labels.get(one.type_code, one.type_code),
            steps=[(name, words[name]) for name in steps(one, now)] if acts else [],
            state=states[one.status],
            rooms=", ".join(rooms.get(one.id, ())),
            missed=said(missed[one.patient_id]) if one.patient_id in missed else "",
        )
        for one in found
    ]


def steps(one: Appointment, now: datetime) -> list[str]:
    """The codes of the steps that may be taken now, the likeliest first."""
    return [name for name, step in STEPS.items() if step.possible(one, now)]


def counts(found: Sequence[Appointment]) -> list[tuple[str, str, int]]:
    """(status, label, how many) of each status that occurs, in the order of a visit's course."""
    return [
        (value, str(label), number)
        for value, label in Appointment.Status.choices
        if (number := sum(one.status == value for one in found))
    ]


@require_POST
def step(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """One step of one visit, then back to the page it was asked from."""
    name = request.POST.get("step", "")
    # One form may hold the buttons of many visits: each then sends the version it was made from in its own value.
    name, _dot, of_button = name.partition(".")
    version = of_button or request.POST.get("version", "")
    if name not in STEPS or not version.isdecimal() or len(version) > 9:
        messages.error(request, _("This form was not complete. Please try again."))
        return redirect(_back(request))
    found, extra = STEPS[name], {}
    if name == "call":
        extra["door"] = request.POST.get(f"door-{appointment_id}", "")
    try:
        done = found.service(
            actor=cast(User, request.user), appointment_id=appointment_id, version=int(version), **extra
        )
    except DomainError as error:
        for line in error.lines():
            messages.error(request, line)
    else:
        messages.success(request, _noted(name, done))
    return redirect(f"{_back(request)}#visit-{appointment_id}")


def _noted(name: str, done: Appointment) -> str:
    if name == "undo":
        return _("Taken back. The visit is “%(state)s” again.") % {"state": done.get_status_display()}
    if name == "arrive":
        return _("Arrived. The number in the waiting room is %(number)d.") % {"number": done.ticket}
    if name == "call":
        return _("Number %(number)d is being called.") % {"number": done.ticket}
    return _("Noted: %(step)s.") % {"step": STEPS[name].label}


def _back(request: HttpRequest) -> str:
    """The page of ours that the form names; the agenda when it names none."""
    asked = request.POST.get("back", "")
    if asked.startswith("/admin/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None):
        return asked
    return reverse("admin:appointments_appointment_agenda")


def may_act(actor: User) -> bool:
    return actor.has_perm(access.MANAGE_COURSE)
