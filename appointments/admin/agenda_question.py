"""What the agenda's pages are asked, as it stands in their address: which day, whose visits, at which place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from appointments import access, selectors
from appointments.models import Appointment
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import Refused
from patients import interface as patients

_EARLIEST, _LATEST = date(1990, 1, 1), date(2200, 1, 1)
LONGEST_PLACE = 120


@dataclass(frozen=True, slots=True)
class Question:
    """`?day=2026-03-03&practitioner=<id>&place=<name>`; today, everyone the user sees and everywhere when not given."""

    day: date
    practitioner_id: UUID | None
    place: str

    def on(self, day: date) -> str:
        return replace(self, day=day).query()

    def query(self) -> str:
        values = {"day": self.day.isoformat()}
        if self.practitioner_id:
            values["practitioner"] = str(self.practitioner_id)
        if self.place:
            values["place"] = self.place
        return f"?{urlencode(values)}"


def actor_of(request: HttpRequest) -> User:
    """The user, who may see agendas. Raises Refused."""
    actor = cast(User, request.user)
    if not actor.has_perm(access.VIEW):
        raise Refused
    return actor


def asked(request: HttpRequest) -> Question:
    today = clock.today()
    text = request.GET.get("day", "")
    day = _parse(text)
    if text and day is None:
        messages.error(request, _("This is not a day of the calendar; today is shown."))
    place = request.GET.get("place", "").strip()[:LONGEST_PLACE]
    return Question(day or today, _uuid(request.GET.get("practitioner", "")), place)


def common(request: HttpRequest, actor: User, question: Question, view: str) -> dict[str, Any]:
    """What every page of the agenda shows around the visits."""
    return {
        **admin.site.each_context(request),
        "title": _("Agenda"),
        "opts": Appointment._meta,
        "question": question,
        "day": question.day,
        "today": clock.today(),
        "now": question.on(clock.today()),
        "practitioner_id": question.practitioner_id,
        "practitioners": patients.practitioners() if access.sees_all(actor) else [],
        "places": selectors.place_names() if access.sees_all(actor) else [],
        "book_url": _book_url(request, question) if actor.has_perm(access.BOOK_FOR_OTHERS) else "",
        "waiting_url": reverse("admin:appointments_appointment_waiting"),
        "tabs": [
            (name, label, reverse(f"admin:appointments_appointment_{url}") + question.query(), name == view, key)
            for name, label, url, key in (
                ("day", _("Day"), "day", "d"),
                ("week", _("Week"), "week", "w"),
                ("list", _("List"), "agenda", "l"),
            )
        ],
        # Ordered, because the list without any question leads back here.
        "list_url": reverse("admin:appointments_appointment_changelist") + "?o=-1",
        # Without what a refresh adds: a step must lead back to a whole page.
        "back": request.path + question.query(),
    }


def _book_url(request: HttpRequest, question: Question) -> str:
    """The page that books, from the day that is shown on and with whom it shows, and the way back."""
    values = {"back": request.path + question.query(), "day": max(question.day, clock.today()).isoformat()}
    if question.practitioner_id:
        values["practitioner"] = str(question.practitioner_id)
    return f"{reverse('admin:appointments_appointment_book')}?{urlencode(values)}"


def _parse(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _EARLIEST <= day <= _LATEST else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
