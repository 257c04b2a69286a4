"""The waiting list: what is waited for, what is kept, and asking for an earlier time; for oneself or on behalf."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments import interface as appointments
from appointments.interface import OfferCard, WaitingCard
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError, NotFound
from medisecure.portal.people import crumbs, for_patient, reader
from medisecure.portal.views.booking import offer_of_calendars
from medisecure.portal.visits import Visit, foreign, label_of, visits, wall
from medisecure.portal.waiting_forms import EarlierForm, WhenForm, WishForm
from patients.interface import PractitionerCard, practitioner_cards, practitioners


@dataclass(frozen=True, slots=True)
class Offer:
    """A time that is kept, on the place's clock. `minutes` are left to answer."""

    card: OfferCard
    label: str
    practitioner: str
    start: datetime
    end: datetime
    instant: str
    zone: str
    until: datetime
    until_instant: str
    minutes: int


@dataclass(frozen=True, slots=True)
class Wish:
    """One line of the page. `present` is when the visit is now, on its place's clock."""

    card: WaitingCard
    label: str
    whom: str
    present: datetime | None
    windows: list[str]
    offer: Offer | None


def wishes(cards: Sequence[WaitingCard]) -> list[Wish]:
    """In the order given: one query for the practitioners, one for each type that occurs."""
    ids = {card.practitioner_id for card in cards if card.practitioner_id}
    people = practitioner_cards(ids | {card.offer.practitioner_id for card in cards if card.offer})
    labels = {code: label_of(code) for code in {card.type_code for card in cards}}
    names = {person.specialty: person.specialty_label for person in practitioners()} if cards else {}
    return [_wish(card, people, labels[card.type_code], names) for card in cards]


def _wish(card: WaitingCard, people: dict[UUID, PractitionerCard], label: str, names: dict[str, str]) -> Wish:
    person = people.get(card.practitioner_id) if card.practitioner_id else None
    return Wish(
        card=card,
        label=label,
        whom=person.full_name if person else names.get(card.specialty, card.specialty),
        present=wall(card.present, card.zone) if card.present else None,
        windows=[f"{WEEKDAYS[one.weekday].capitalize()}, {one.start}–{one.end}" for one in card.windows],
        offer=_offer(card.offer, label, people) if card.offer else None,
    )


def _offer(card: OfferCard, label: str, people: dict[UUID, PractitionerCard]) -> Offer:
    person = people.get(card.practitioner_id)
    return Offer(
        card=card,
        label=label,
        practitioner=person.full_name if person else "",
        start=wall(card.start, card.zone),
        end=wall(card.end, card.zone),
        instant=clock.local(card.start, card.zone).isoformat(),
        zone=foreign(card.zone),
        until=wall(card.expires, card.zone),
        until_instant=clock.local(card.expires, card.zone).isoformat(),
        # Rounded down: whoever reads "1 minute" has at least that long.
        minutes=max(0, int((card.expires - clock.now()).total_seconds() // 60)),
    )


@require_safe
@for_patient
def listing(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    found = wishes(appointments.my_wishes(reader(request), patient_id))
    context = {
        "crumbs": crumbs((_("My appointments"), reverse("appointments")), (_("Waiting list"), "")),
        "area": "appointments",
        "offered": [wish for wish in found if wish.offer],
        "waiting": [wish for wish in found if wish.card.live],
        "over": [wish for wish in found if not wish.card.live],
    }
    return render(request, "portal/waiting.html", context)


def _asked(request: HttpRequest, form: WhenForm, patient_id: UUID, what: Callable[[], dict[str, Any]]) -> bool:
    """Put the patient on the waiting list for `what`, when the form was posted; a refusal stands at its field."""
    if request.method != "POST" or not form.is_valid():
        return False
    try:
        appointments.ask_for_earlier(
            actor=reader(request),
            patient_id=patient_id,
            first=form.cleaned_data["first"],
            last=form.cleaned_data["last"],
            windows=form.windows(),
            **what(),
        )
    except DomainError as error:
        form.take(error)
        return False
    messages.success(request, _("You are on the waiting list. We write to you as soon as a time is free."))
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@for_patient
def earlier(request: HttpRequest, patient_id: UUID, appointment_id: UUID) -> HttpResponse:
    """Ask for an earlier time of a visit that is booked."""
    card = appointments.appointment_for(actor=reader(request), appointment_id=appointment_id)
    if card.patient_id != patient_id:
        raise NotFound
    visit: Visit = visits([card])[0]
    form = EarlierForm(request.POST if request.method == "POST" else None, last=visit.start.date())
    if _asked(request, form, patient_id, lambda: {"appointment_id": appointment_id}):
        return redirect("waiting")
    context = {
        "crumbs": crumbs(
            (_("My appointments"), reverse("appointments")),
            (_("Appointment"), reverse("appointment", args=[appointment_id])),
            (_("An earlier time"), ""),
        ),
        "area": "appointments",
        "visit": visit,
        "form": form,
        "possible": appointments.may_ask(card.status, card.start),
        "wish": appointments.wish_of_visit(reader(request), appointment_id),
    }
    return render(request, "portal/waiting_earlier.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@for_patient
def ask(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Wait for a first time with a practitioner or a specialty."""
    kinds, people = offer_of_calendars(reader(request))
    form = WishForm(
        request.POST if request.method == "POST" else None,
        types=kinds,
        people=people,
        initial={"type": request.GET.get("type", ""), "who": request.GET.get("who", "")},
    )
    if _asked(request, form, patient_id, form.wanted):
        return redirect("waiting")
    context = {
        "crumbs": crumbs(
            (_("My appointments"), reverse("appointments")),
            (_("Waiting list"), reverse("waiting")),
            (_("New wish"), ""),
        ),
        "area": "appointments",
        "form": form,
        "possible": bool(kinds and people),
    }
    return render(request, "portal/waiting_ask.html", context, status=422 if form.errors else 200)


@require_POST
@for_patient
def answer(request: HttpRequest, patient_id: UUID, offer_id: UUID) -> HttpResponse:
    """Yes or no to an offer."""
    actor = reader(request)
    appointments.check_wish(patient_id, offer_id=offer_id)
    try:
        if request.POST.get("do") == "accept":
            appointment_id = appointments.accept_offer(actor=actor, offer_id=offer_id)
            messages.success(request, _("The time is yours. A mail confirms it."))
            return redirect("appointment", appointment_id=appointment_id)
        if request.POST.get("do") == "decline":
            appointments.decline_offer(actor=actor, offer_id=offer_id)
            messages.success(request, _("The time goes to somebody else. You stay on the waiting list."))
        else:
            messages.error(request, _("This form was not complete. Please try again."))
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, " ".join(error.lines()))
    return redirect("waiting")


@require_POST
@for_patient
def change(request: HttpRequest, patient_id: UUID, entry_id: UUID) -> HttpResponse:
    """Take a wish back, or go on with one that was paused."""
    actor = reader(request)
    appointments.check_wish(patient_id, entry_id=entry_id)
    try:
        if request.POST.get("do") == "withdraw":
            appointments.withdraw_wish(actor=actor, entry_id=entry_id)
            messages.success(request, _("You are no longer on the waiting list for this."))
        elif request.POST.get("do") == "resume":
            appointments.resume_wish(actor=actor, entry_id=entry_id)
            messages.success(request, _("We go on looking for you."))
        else:
            messages.error(request, _("This form was not complete. Please try again."))
    except DomainError as error:
        messages.error(request, " ".join(error.lines()))
    return redirect("waiting")
