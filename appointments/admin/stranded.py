"""Visits that a change of calendar, leave or room has stranded: shown right after it, and as long as there are any."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from appointments import access, selectors, stranded
from appointments.models import Appointment, Calendar
from appointments.stranded import Why
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.errors import Refused
from medisecure.kernel.models import PinnedQuerySet
from patients import interface as patients
from patients.interface import PatientCard

#: Lines on the page. Who moves these sees the next ones.
SHOWN: Final = 200

_WHY: Final[dict[Why, str | Promise]] = {
    Why.CLOSED: gettext_lazy("Outside the opening hours"),
    Why.LEAVE: gettext_lazy("The practitioner is absent"),
    Why.RESOURCE: gettext_lazy("The room or equipment is out of service"),
}


@dataclass(frozen=True, slots=True)
class Row:
    appointment: Appointment
    start: datetime
    patient: PatientCard | None
    practitioner: str
    kind: str
    why: str | Promise


class TellsStranded:
    """For the admin of what visits depend on: after a change that strands some, leads to the page that lists them."""

    @abstractmethod
    def concerned(self, row: Any) -> PinnedQuerySet[Appointment]:
        """The visits that may depend on this row."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        plain: HttpResponse = super().response_add(request, obj, post_url_continue)  # type: ignore[misc]
        return self._lead(request, obj, plain)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        plain: HttpResponse = super().response_change(request, obj)  # type: ignore[misc]
        return self._lead(request, obj, plain)

    def _lead(self, request: HttpRequest, obj: Any, plain: HttpResponse) -> HttpResponse:
        found = stranded.find(self.concerned(obj), limit=SHOWN)
        if not found or not isinstance(plain, HttpResponseRedirect):
            return plain
        count = len(found)
        messages.warning(
            request,
            ngettext(
                "After this change %(count)d booked visit no longer fits. It is below.",
                "After this change %(count)d booked visits no longer fit. They are below.",
                count,
            )
            % {"count": count},
        )
        owner = getattr(obj, "practitioner_id", None)
        query = f"?{urlencode({'practitioner': str(owner)})}" if owner else ""
        return redirect(f"{reverse('admin:appointments_calendar_stranded')}{query}")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """`?practitioner=<id>`; everyone's that the user sees when it is not given."""
    actor = cast(User, request.user)
    if not actor.has_perm(access.VIEW):
        raise Refused
    visits = access.staff_visible(actor)
    practitioner_id = _uuid(request.GET.get("practitioner", ""))
    if practitioner_id:
        visits = visits.filter(practitioner_id=practitioner_id)
    found = stranded.find(visits, limit=SHOWN)
    record_access(
        actor=actor,
        patient_id=None,
        action="view",
        resource="appointments",
        resource_id="stranded",
        purpose="appointments",
        right="role" if access.sees_all(actor) else "practitioner",
    )
    context = {
        **admin.site.each_context(request),
        "title": _("Visits that no longer fit"),
        "opts": Calendar._meta,
        "rows": _rows(found, actor),
        "cut": len(found) == SHOWN,
        "practitioner_id": practitioner_id,
        "practitioners": patients.practitioners() if access.sees_all(actor) else [],
        "may_move": actor.has_perm(access.BOOK_FOR_OTHERS) or actor.has_perm(access.MANAGE_COURSE),
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/appointments/calendar/stranded.html", context)


def _rows(found: list[stranded.Stranded], actor: User) -> list[Row]:
    people = patients.shown_cards(actor, {one.appointment.patient_id for one in found})
    names = patients.practitioner_cards({one.appointment.practitioner_id for one in found})
    labels = selectors.type_labels() if found else {}
    return [
        Row(
            appointment=one.appointment,
            start=clock.local(one.appointment.start, one.appointment.zone).replace(tzinfo=None),
            patient=people.get(one.appointment.patient_id),
            practitioner=names[one.appointment.practitioner_id].full_name
            if one.appointment.practitioner_id in names
            else "—",
            kind=labels.get(one.appointment.type_code, one.appointment.type_code),
            why=_WHY[one.why],
        )
        for one in found
    ]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
