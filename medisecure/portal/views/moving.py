"""Move one's own appointment: the free times, one question, a POST. The new time is won before the old one is freed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from appointments import interface as appointments
from appointments.interface import MOST_DAYS
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError
from medisecure.portal.people import crumbs, for_patient, reader
from medisecure.portal.views.appointments import own
from medisecure.portal.visits import Visit, days, foreign, wall
from patients.interface import practitioner_cards

#: Days with free times on one page.
DAYS_SHOWN = 5


@require_http_methods(["GET", "HEAD", "POST"])
@for_patient
def move(request: HttpRequest, patient_id: UUID, appointment_id: UUID) -> HttpResponse:
    """`?day=2026-03-03` lists the free times from then on, `?start=<instant>&practitioner=<id>` keeps one and asks; the
    POST moves. With the same practitioner, or with anyone who offers the type: `?anyone=1`."""
    user, visit = reader(request), own(request, patient_id, appointment_id)
    values = request.POST if request.method == "POST" else request.GET
    wanted = _wanted(values.get("practitioner", ""), values.get("start", ""))
    if request.method == "POST" and wanted is not None:
        version = request.POST.get("version", "")
        try:
            appointments.move(
                actor=user,
                appointment_id=appointment_id,
                practitioner_id=wanted[0],
                start=wanted[1],
                version=int(version) if version.isdecimal() and len(version) < 10 else None,
            )
        except DomainError as error:
            return _times(request, user, visit, error=error)
        messages.success(request, _("Your appointment is moved. A mail confirms it."))
        return redirect("appointment", appointment_id=appointment_id)
    if wanted is None or not visit.card.changeable:
        appointments.release_hold(actor=user)
        return _times(request, user, visit)
    try:
        kept = appointments.hold(actor=user, practitioner_id=wanted[0], type_code=visit.card.type_code, start=wanted[1])
    except DomainError as error:
        return _times(request, user, visit, error=error)
    context = _frame(visit) | {
        "kept": kept,
        "person": practitioner_cards([kept.practitioner_id])[kept.practitioner_id],
        "start": wall(kept.start, kept.zone),
        "end": wall(kept.end, kept.zone),
        "instant": clock.local(kept.start, kept.zone).isoformat(),
        "zone": foreign(kept.zone),
        "until": wall(kept.expires, kept.zone),
    }
    return render(request, "portal/appointment_move_confirm.html", context)


def _wanted(practitioner: str, start: str) -> tuple[UUID, datetime] | None:
    try:
        instant, practitioner_id = datetime.fromisoformat(start), UUID(practitioner)
    except ValueError:
        return None
    return (practitioner_id, instant) if instant.tzinfo else None


def _frame(visit: Visit) -> dict[str, Any]:
    return {
        "crumbs": crumbs(
            (_("My appointments"), reverse("appointments")),
            (_("Appointment"), reverse("appointment", args=[visit.card.id])),
            (_("Move"), ""),
        ),
        "area": "appointments",
        "visit": visit,
    }


def _times(request: HttpRequest, user: User, visit: Visit, *, error: DomainError | None = None) -> HttpResponse:
    today = clock.today()
    try:
        first = max(date.fromisoformat(request.GET.get("day", "")), today)
    except ValueError:
        first = today
    anyone = bool(request.GET.get("anyone"))
    found = []
    if visit.card.changeable:
        try:
            found = days(
                appointments.free_slots(
                    actor=user,
                    type_code=visit.card.type_code,
                    first=first,
                    last=first + timedelta(days=MOST_DAYS - 1),
                    practitioner_ids=None if anyone else [visit.card.practitioner_id],
                )
            )
        except (DomainError, OverflowError):
            # The type or the practitioner is no longer offered: the page says that no time is free.
            found = []
    asked = {"anyone": "1"} if anyone else {}
    before = max(today, first - timedelta(days=7)).isoformat()
    later = found[DAYS_SHOWN].date.isoformat() if len(found) > DAYS_SHOWN else ""
    context = _frame(visit) | {
        "days": found[:DAYS_SHOWN],
        "anyone": anyone,
        "later": urlencode(asked | {"day": later}) if later else "",
        "earlier": urlencode(asked | {"day": before}) if first > today else "",
        "lines": error.lines() if error else [],
    }
    return render(request, "portal/appointment_move.html", context, status=error.status if error else 200)
