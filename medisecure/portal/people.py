"""Who is looking, and about whom: the signed-in user, and the patient that they are or stand for.

Whom a page is about is chosen on the page "For whom" and kept in the session. What stands in the session opens nothing:
each request asks anew whether the user may act for that patient, and what has ended is not found.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.kernel.errors import NotFound, WrongPatient
from patients.interface import Stand, patient_card, patient_side

Page = Callable[..., HttpResponse]

_CHOSEN: Final = "acting-for"


@dataclass(frozen=True, slots=True)
class Subject:
    """The patient that the pages are about. `others`: the user may act for somebody else too."""

    stand: Stand
    others: bool

    @property
    def id(self) -> UUID:
        return self.stand.patient_id

    @property
    def name(self) -> str:
        return patient_card(self.id).full_name


def reader(request: HttpRequest) -> User:
    """The signed-in user. Every page here asks for a sign-in, so there is one."""
    return cast(User, request.user)


def choose_subject(request: HttpRequest, stand: Stand) -> None:
    request.session[_CHOSEN] = str(stand.patient_id)


def subject_of(request: HttpRequest) -> Subject | None:
    """Whom the pages are about: who was chosen, else the user, else the first they stand for. None for who is no
    patient and stands for nobody. Raises `NotFound`, once, when what was chosen is over."""
    if not hasattr(request, "_subject"):
        sides = patient_side(reader(request))
        chosen = request.session.get(_CHOSEN)
        stand = sides.get(UUID(chosen)) if chosen else next(iter(sides.values()), None)
        if chosen and stand is None:
            # The next page is the user's own again.
            del request.session[_CHOSEN]
            raise NotFound
        request._subject = Subject(stand, others=len(sides) > 1) if stand else None  # type: ignore[attr-defined]
    found: Subject | None = request._subject  # type: ignore[attr-defined]
    return found


def for_patient(view: Page) -> Page:
    """Gives the page the id of the patient that it is about; without one, a page that says what to do about it.

    A form posts back for whom it was shown: a tab that was left open on somebody else is refused. Who acts for nobody
    else cannot mix two people up, so there the field may be missing.
    """

    @functools.wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        subject = subject_of(request)
        if subject is None:
            return render(request, "portal/unlinked.html", {"crumbs": crumbs((_("No patient record"), ""))})
        if request.method == "POST":
            posted = request.POST.get("patient_id")
            if posted != str(subject.id) and (posted is not None or subject.others):
                raise WrongPatient
        return view(request, subject.id, *args, **kwargs)

    return page


def acting(request: HttpRequest) -> Stand:
    """By what right the user acts on a page of `for_patient`."""
    subject = subject_of(request)
    if subject is None:
        raise NotFound
    return subject.stand


def crumbs(*steps: tuple[str, str]) -> list[tuple[str, str]]:
    """The way to this page, from home; the last step is the page itself and has no address."""
    return [(_("Home"), "/"), *steps]
