"""The waiting room of a place: who has arrived, since when, for whom, who is next, and a button that calls them in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from appointments import access, selectors, waiting
from appointments.admin import agenda_rows
from appointments.admin.agenda_question import LONGEST_PLACE, actor_of
from appointments.models import Appointment
from appointments.services.screens import MANAGE
from medisecure.accounts.models import User
from medisecure.kernel import clock


@dataclass(frozen=True, slots=True)
class Waiting:
    row: agenda_rows.Row
    arrived: datetime
    #: The same as ISO 8601, for the script that counts the minutes on.
    instant: str
    called: datetime | None
    #: Whole minutes since the arrival.
    minutes: int
    next: bool
    door: str


@require_safe
@never_cache
def waiting_room(request: HttpRequest) -> HttpResponse:
    """`?place=<name>`; without one the places to choose from. With `seen` only what changed since, or 204."""
    actor = actor_of(request)
    places = selectors.place_names()
    place = request.GET.get("place", "").strip()[:LONGEST_PLACE]
    if not place and len(places) == 1:
        place = places[0]
    context = {
        **admin.site.each_context(request),
        "title": _("Waiting room"),
        "opts": Appointment._meta,
        "place": place,
        "places": places,
        "zone": settings.TIME_ZONE,
        "may_manage_screens": actor.has_perm(MANAGE),
    }
    if place:
        found = waiting.waiting(actor=actor, place=place)
        mark = waiting.seen(found)
        if request.GET.get("seen") == mark:
            # Nothing new is disclosed, so nothing new is written down.
            return HttpResponse(status=204)
        access.access_waiting_room(actor=actor)
        context |= {
            "lines": _lines(found, actor),
            "mark": mark,
            "back": reverse("admin:appointments_appointment_waiting") + f"?{urlencode({'place': place})}",
        }
    part = "seen" in request.GET
    name = "waiting_part.html" if part else "waiting.html"
    return TemplateResponse(request, f"admin/appointments/appointment/{name}", context)


def _lines(found: list[Appointment], actor: User) -> list[Waiting]:
    now, following, doors = clock.now(), waiting.next_of_each(found), waiting.last_doors(found)
    lines = [
        Waiting(
            row=row,
            arrived=clock.local(one.arrived_at or now, one.zone),
            instant=(one.arrived_at or now).isoformat(),
            called=clock.local(one.called_at, one.zone) if one.called_at else None,
            minutes=max(0, int((now - (one.arrived_at or now)).total_seconds() // 60)),
            next=one.id in following,
            door=one.door or doors.get(one.practitioner_id, ""),
        )
        for row in agenda_rows.rows(found, actor=actor)
        for one in (row.appointment,)
    ]
    # Those who are being called first, then by their time.
    return sorted(lines, key=lambda line: (line.called is None, line.row.appointment.start))
