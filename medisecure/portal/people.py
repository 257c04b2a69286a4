"""Who is looking: the signed-in user, and the patient that the account belongs to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from patients.interface import patient_for_user

Page = Callable[..., HttpResponse]


def reader(request: HttpRequest) -> User:
    """The signed-in user. Every page here asks for a sign-in, so there is one."""
    return cast(User, request.user)


def for_patient(view: Page) -> Page:
    """Gives the page the id of the reader's own patient; without one, a page that says what to do about it."""

    @functools.wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        patient_id = patient_for_user(reader(request).id)
        if patient_id is None:
            return render(request, "portal/unlinked.html", {"crumbs": crumbs((_("No patient record"), ""))})
        return view(request, patient_id, *args, **kwargs)

    return page


def crumbs(*steps: tuple[str, str]) -> list[tuple[str, str]]:
    """The way to this page, from home; the last step is the page itself and has no address."""
    return [(_("Home"), "/"), *steps]
