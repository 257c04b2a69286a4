"""My appointments: what comes, what was, one of them, its calendar file, and cancelling it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments import interface as appointments
from medisecure.kernel.errors import DomainError, NotFound
from medisecure.portal.people import crumbs, for_patient, reader
from medisecure.portal.visits import Visit, visits

PAST_A_PAGE = 10
#: As many of a patient's visits as the pages reach back.
REACH = 1000


@require_safe
@for_patient
def listing(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    cards = appointments.my_appointments(reader(request), patient_id=patient_id, limit=REACH)
    coming = sorted((card for card in cards if card.upcoming), key=lambda card: card.start)
    page = Paginator([card for card in cards if not card.upcoming], PAST_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "crumbs": crumbs((_("My appointments"), "")),
        "area": "appointments",
        "coming": visits(coming),
        "page": page,
        "past": visits(list(page.object_list)),
    }
    return render(request, "portal/appointments.html", context)


def own(request: HttpRequest, patient_id: UUID, appointment_id: UUID) -> Visit:
    """The reader's own visit. Staff may see others' too, but in the admin: this is the patient's face."""
    card = appointments.appointment_for(actor=reader(request), appointment_id=appointment_id)
    if card.patient_id != patient_id:
        raise NotFound
    return visits([card])[0]


@require_safe
@for_patient
def detail(request: HttpRequest, patient_id: UUID, appointment_id: UUID) -> HttpResponse:
    context = {
        "crumbs": crumbs((_("My appointments"), reverse("appointments")), (_("Appointment"), "")),
        "area": "appointments",
        "visit": own(request, patient_id, appointment_id),
    }
    return render(request, "portal/appointment.html", context)


@require_POST
@for_patient
def confirm(request: HttpRequest, patient_id: UUID, appointment_id: UUID) -> HttpResponse:
    """The patient says they will come, to the visit as they were shown it."""
    own(request, patient_id, appointment_id)
    return _act(request, appointment_id, appointments.confirm, _("Thank you. We expect you."))


def _act(request: HttpRequest, appointment_id: UUID, act: Callable[..., object], done: str) -> HttpResponse:
    """Do something to the visit as the person was shown it, and back to its page, which says what came of it."""
    version = request.POST.get("version", "")
    try:
        act(
            actor=reader(request),
            appointment_id=appointment_id,
            version=int(version) if version.isdecimal() and len(version) < 10 else None,
        )
    except DomainError as error:
        messages.error(request, " ".join(error.lines()))
    else:
        messages.success(request, done)
    return redirect("appointment", appointment_id=appointment_id)


@require_safe
@for_patient
def calendar_file(request: HttpRequest, patient_id: UUID, appointment_id: UUID) -> HttpResponse:
    """The visit for the person's own calendar."""
    visit = own(request, patient_id, appointment_id)
    text = appointments.calendar_file(actor=reader(request), appointment_id=visit.card.id)
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{visit.start:%Y-%m-%d}.ics"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@for_patient
def cancel(request: HttpRequest, patient_id: UUID, appointment_id: UUID) -> HttpResponse:
    """Ask first; the POST cancels what the person was shown, and nothing that changed since."""
    visit = own(request, patient_id, appointment_id)
    if request.method == "POST":
        done = _("Your appointment is cancelled. A mail confirms it.")
        return _act(request, appointment_id, appointments.cancel, done)
    context = {
        "crumbs": crumbs(
            (_("My appointments"), reverse("appointments")),
            (_("Appointment"), reverse("appointment", args=[appointment_id])),
            (_("Cancel"), ""),
        ),
        "area": "appointments",
        "visit": visit,
    }
    return render(request, "portal/appointment_cancel.html", context)
