"""Book in three steps, each an address of its own: what and with whom, day and time, confirm. No script is needed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments import interface as appointments
from appointments.interface import MOST_DAYS, TypeCard
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError
from medisecure.portal.forms import SearchForm
from medisecure.portal.people import crumbs, for_patient, reader
from medisecure.portal.visits import Visit, days, foreign, visits, wall
from patients.interface import practitioner_cards, practitioners

#: Days with free times on one page.
DAYS_SHOWN = 5


@require_safe
@for_patient
def choose(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Steps 1 and 2: the search, and below it the free times that it finds. Who comes back here has left step 3."""
    appointments.release_hold(actor=reader(request))
    return _search(request, reader(request), request.GET)


@require_http_methods(["GET", "HEAD", "POST"])
@for_patient
def confirm(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Step 3: who, where and when, then a POST that books. A time that is gone leads back to those that are left.

    Opening the page keeps the time for a few minutes. That is a change made by a GET, and a harmless one: it ends by
    itself, it is one's own, and asking again does not make it more.
    """
    user = reader(request)
    values = request.POST if request.method == "POST" else request.GET
    wanted = _wanted(values.get("type", ""), values.get("practitioner", ""), values.get("start", ""))
    if wanted is None:
        return redirect("book")
    type_code, practitioner_id, start = wanted
    back = {"type": type_code, "who": values.get("who") or f"person:{practitioner_id}", "day": start.date().isoformat()}
    if request.method == "POST":
        try:
            card = appointments.book(
                actor=user, practitioner_id=practitioner_id, type_code=type_code, start=start, patient_id=patient_id
            )
        except DomainError as error:
            return _search(request, user, back, error=error)
        return redirect("booked", appointment_id=card.id)
    try:
        slot = appointments.hold(actor=user, practitioner_id=practitioner_id, type_code=type_code, start=start)
    except DomainError:
        return _search(request, user, back, gone=True)
    person = practitioner_cards([practitioner_id])[practitioner_id]
    kind = appointments.appointment_type(type_code)
    context = {
        "crumbs": crumbs((_("Book an appointment"), f"{reverse('book')}?{urlencode(back)}"), (_("Confirm"), "")),
        "area": "book",
        "step": 3,
        "slot": slot,
        "label": kind.label if kind else type_code,
        "person": person,
        "start": wall(slot.start, slot.zone),
        "end": wall(slot.end, slot.zone),
        "instant": clock.local(slot.start, slot.zone).isoformat(),
        "zone": foreign(slot.zone),
        "until": wall(slot.expires, slot.zone),
        "who": back["who"],
        "back": f"{reverse('book')}?{urlencode(back)}",
    }
    return render(request, "portal/book_confirm.html", context)


@require_POST
@for_patient
def release(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Step 3 was left without booking: the browser says so when the page goes away."""
    appointments.release_hold(actor=reader(request))
    return HttpResponse(status=204)


@require_safe
@for_patient
def booked(request: HttpRequest, patient_id: UUID, appointment_id: UUID) -> HttpResponse:
    """The success page: an address of its own, so that reloading it books nothing."""
    card = appointments.appointment_for(actor=reader(request), appointment_id=appointment_id)
    visit: Visit = visits([card])[0]
    context = {"crumbs": crumbs((_("Appointment booked"), "")), "area": "book", "visit": visit}
    return render(request, "portal/booked.html", context)


def _wanted(type_code: str, practitioner: str, start: str) -> tuple[str, UUID, datetime] | None:
    try:
        instant = datetime.fromisoformat(start)
        practitioner_id = UUID(practitioner)
    except ValueError:
        return None
    return (type_code, practitioner_id, instant) if type_code and instant.tzinfo else None


def _search(
    request: HttpRequest, user: User, values: Any, *, error: DomainError | None = None, gone: bool = False
) -> HttpResponse:
    kinds, people = offer_of_calendars(user)
    asked = bool(values.get("type") or values.get("who"))
    form = SearchForm(values if asked else None, types=kinds, people=people, places=appointments.places_open())
    context: dict[str, Any] = {
        "crumbs": crumbs((_("Book an appointment"), "")),
        "area": "book",
        "step": 1,
        "form": form,
        "offer": bool(kinds and people),
        "lines": error.lines() if error else [],
        "gone": gone,
    }
    if asked and form.is_valid():
        context |= {"step": 2} | _times(user, form)
    return render(request, "portal/book.html", context, status=error.status if error else 409 if gone else 200)


def _times(user: User, form: SearchForm) -> dict[str, Any]:
    """The next days with free times, and the addresses of the days after them and before."""
    today = clock.today()
    first = max(form.cleaned_data["day"] or today, today)
    who = form.chosen() | {"type_code": form.cleaned_data["type"]}
    try:
        slots = appointments.free_slots(actor=user, first=first, last=first + timedelta(days=MOST_DAYS - 1), **who)
        soonest = None if slots else next(iter(appointments.next_free(actor=user, first=first, **who)), None)
    except DomainError as error:
        return {"lines": error.lines(), "searched": True}
    except OverflowError:
        slots, soonest = [], None
    found = days(slots)
    query = {"type": form.cleaned_data["type"], "who": form.cleaned_data["who"]}
    return {
        "searched": True,
        "days": found[:DAYS_SHOWN],
        # Nothing in the weeks of this page, but later: calendars may be open for longer than one page reaches.
        "soonest": wall(soonest.start, soonest.zone) if soonest else None,
        "query": urlencode(query),
        "later": urlencode(query | {"day": found[DAYS_SHOWN].date.isoformat()}) if len(found) > DAYS_SHOWN else "",
        "earlier": urlencode(query | {"day": _before(first, today).isoformat()}) if first > today else "",
    }


def _before(first: date, today: date) -> date:
    return max(today, first - timedelta(days=7))


def offer_of_calendars(user: User) -> tuple[list[TypeCard], list[Any]]:
    """What can be booked at all: types that some calendar offers, practitioners who have one."""
    open_to = appointments.offered()
    kinds = [
        kind for kind in appointments.appointment_types(user) if any(kind.code in codes for codes in open_to.values())
    ]
    codes = {kind.code for kind in kinds}
    return kinds, [person for person in practitioners() if not codes.isdisjoint(open_to.get(person.id, ()))]
