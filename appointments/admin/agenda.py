"""The day's agenda: who comes when, who is here, and a button for the next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from appointments import access, rules, selectors, services
from appointments.models import Appointment
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError, Refused
from patients import interface as patients
from patients.interface import PatientCard

_EARLIEST, _LATEST = date(1990, 1, 1), date(2200, 1, 1)

_STEPS: dict[str, tuple[rules.Status, str | Promise, Any]] = {
    "arrive": (rules.Status.ARRIVED, gettext_lazy("Arrived"), services.arrive),
    "start": (rules.Status.IN_PROGRESS, gettext_lazy("Start"), services.start),
    "complete": (rules.Status.COMPLETED, gettext_lazy("Complete"), services.complete),
    "no-show": (rules.Status.NO_SHOW, gettext_lazy("Did not come"), services.no_show),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the agenda, ready to be shown."""

    appointment: Appointment
    start: datetime
    end: datetime
    patient: PatientCard | None
    practitioner: str
    kind: str
    #: (code, label) of each step that may follow
    steps: list[tuple[str, str | Promise]]


@require_safe
def agenda(request: HttpRequest) -> HttpResponse:
    """`?day=2026-03-03&practitioner=<id>`; today and everyone the user sees when they are not given."""
    actor = cast(User, request.user)
    if not actor.has_perm(access.VIEW):
        raise Refused
    today = clock.today()
    day = _day(request, today)
    practitioner_id = _uuid(request.GET.get("practitioner", ""))
    access.access_agenda(actor=actor, day=day)
    found = list(selectors.agenda(actor=actor, day=day, practitioner_id=practitioner_id))
    rows = _rows(found, may_act=actor.has_perm(access.MANAGE_COURSE))
    context = {
        **admin.site.each_context(request),
        "title": _("Agenda"),
        "opts": Appointment._meta,
        "rows": rows,
        "day": day,
        "today": today,
        "previous": _query(day - timedelta(days=1), practitioner_id),
        "next": _query(day + timedelta(days=1), practitioner_id),
        "now": _query(today, practitioner_id),
        "practitioner_id": practitioner_id,
        "practitioners": patients.practitioners() if access.sees_all(actor) else [],
        "counts": _counts(found),
        # Ordered, because the list without any question leads back here.
        "list_url": reverse("admin:appointments_appointment_changelist") + "?o=-1",
    }
    return TemplateResponse(request, "admin/appointments/appointment/agenda.html", context)


@require_POST
def step(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """One step of one visit, then back to the day it was asked from."""
    name = request.POST.get("step", "")
    version = request.POST.get("version", "")
    if name not in _STEPS or not version.isdecimal() or len(version) > 9:
        messages.error(request, _("This form was not complete. Please try again."))
    else:
        _status, label, service = _STEPS[name]
        try:
            service(actor=cast(User, request.user), appointment_id=appointment_id, version=int(version))
        except DomainError as error:
            for line in error.lines():
                messages.error(request, line)
        else:
            messages.success(request, _("Noted: %(step)s.") % {"step": label})
    day, practitioner_id = _parse(request.POST.get("day", "")), _uuid(request.POST.get("practitioner", ""))
    url = reverse("admin:appointments_appointment_agenda")
    return redirect(f"{url}{_query(day or clock.today(), practitioner_id)}#visit-{appointment_id}")


def _rows(found: list[Appointment], *, may_act: bool) -> list[Row]:
    people = patients.patient_cards({one.patient_id for one in found})
    names = patients.practitioner_cards({one.practitioner_id for one in found})
    labels = selectors.type_labels() if found else {}
    now = clock.now()
    return [
        Row(
            appointment=one,
            start=clock.local(one.start, one.zone),
            end=clock.local(one.end, one.zone),
            patient=people.get(one.patient_id),
            practitioner=names[one.practitioner_id].full_name if one.practitioner_id in names else "—",
            kind=labels.get(one.type_code, one.type_code),
            steps=_steps(one, now) if may_act else [],
        )
        for one in found
    ]


def _steps(one: Appointment, now: datetime) -> list[tuple[str, str | Promise]]:
    status = rules.Status(one.status)
    return [
        (name, label)
        for name, (after, label, _service) in _STEPS.items()
        if rules.may_follow(status, after) and (after is not rules.Status.NO_SHOW or one.start <= now)
    ]


def _counts(found: list[Appointment]) -> list[tuple[str, str, int]]:
    """(status, label, how many) of each status that occurs, in the order of a visit's course."""
    return [
        (value, str(label), number)
        for value, label in Appointment.Status.choices
        if (number := sum(one.status == value for one in found))
    ]


def _parse(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _EARLIEST <= day <= _LATEST else None


def _day(request: HttpRequest, today: date) -> date:
    text = request.GET.get("day", "")
    day = _parse(text)
    if text and day is None:
        messages.error(request, _("This is not a day of the calendar; today is shown."))
    return day or today


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _query(day: date, practitioner_id: UUID | None) -> str:
    values = {"day": day.isoformat()} | ({"practitioner": str(practitioner_id)} if practitioner_id else {})
    return f"?{urlencode(values)}"
