"""For whom I act, and what I allow."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from medisecure.kernel.errors import DomainError, NotFound, Refused
from medisecure.portal.people import acting, choose_subject, crumbs, for_patient, reader, subject_of
from patients.interface import (
    ChoiceLine,
    access_identity,
    choices_of,
    make_choice,
    patient_side,
    practitioners,
    representation_words,
    take_back_choice,
)


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the page "For whom"."""

    id: UUID
    name: str
    words: str
    current: bool


@require_http_methods(["GET", "HEAD", "POST"])
def for_whom(request: HttpRequest) -> HttpResponse:
    """Myself and those I stand for; the POST changes whom all pages are about."""
    user = reader(request)
    sides = patient_side(user)
    if request.method == "POST":
        stand = next((one for one in sides.values() if str(one.patient_id) == request.POST.get("patient_id")), None)
        if stand is None:
            raise NotFound
        card = access_identity(actor=user, patient_id=stand.patient_id, purpose=stand.purpose)
        choose_subject(request, stand)
        messages.success(request, _("These pages are now about %(name)s.") % {"name": card.full_name})
        return redirect("home")
    try:
        current = subject_of(request)
    except NotFound:
        current = None
    people = [
        Person(
            id=stand.patient_id,
            name=access_identity(actor=user, patient_id=stand.patient_id, purpose=stand.purpose).full_name,
            words="" if stand.is_self else representation_words(stand),
            current=current is not None and current.id == stand.patient_id,
        )
        for stand in sides.values()
    ]
    context = {"crumbs": crumbs((_("For whom"), "")), "area": "for-whom", "people": people}
    return render(request, "portal/for_whom.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_patient
def choices(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """What the patient allows and refuses: mails, research, and who does not open the record."""
    if not acting(request).record:
        raise Refused
    user = reader(request)
    lines: list[str] = []
    if request.method == "POST":
        try:
            _change(request, patient_id)
        except NotFound:
            raise
        except DomainError as error:
            lines = error.lines()
        else:
            messages.success(request, _("Your choice is kept and holds at once."))
            return redirect("choices")
    found: list[ChoiceLine] = choices_of(actor=user, patient_id=patient_id)
    context = {
        "crumbs": crumbs((_("My choices"), "")),
        "area": "record",
        "general": [line for line in found if not line.whom],
        "named": [line for line in found if line.whom],
        "practitioners": practitioners(),
        "lines": lines,
    }
    return render(request, "portal/choices.html", context, status=422 if lines else 200)


def _change(request: HttpRequest, patient_id: UUID) -> None:
    user, posted = reader(request), request.POST
    if posted.get("do") == "withdraw":
        take_back_choice(actor=user, patient_id=patient_id, choice_id=_uuid(posted.get("choice", "")) or patient_id)
        return
    make_choice(
        actor=user,
        patient_id=patient_id,
        category=posted.get("category", ""),
        provision=posted.get("provision", ""),
        practitioner_id=_uuid(posted.get("practitioner", "")),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
