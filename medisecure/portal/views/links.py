"""The pages behind links in mails. Nobody signs in: the signature is the right, and it opens as little as will do.

A GET or HEAD shows and changes nothing, because scanners and previews make those; only the buttons (POST) do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from appointments import interface as appointments
from medisecure.audit.interface import current_address
from medisecure.kernel.errors import DomainError, LinkOver
from medisecure.kernel.limits import limit
from medisecure.portal.people import Page
from medisecure.portal.visits import foreign, wall

#: Requests of one address within the time; a family behind one router stays far below.
MOST, SECONDS = 60, 300


def for_link(view: Page) -> Page:
    """A public page that asks for no sign-in, is counted by address, and is kept by no cache and no search engine."""

    @login_not_required  # the signature of the link is the right
    @require_http_methods(["GET", "HEAD", "POST"])
    @functools.wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        limit("mail-link", current_address.get(), most=MOST, seconds=SECONDS)
        try:
            response = view(request, *args, **kwargs)
        except LinkOver as error:
            response = render(request, "portal/link_over.html", {"lines": error.lines()}, status=error.status)
        add_never_cache_headers(response)
        response["X-Robots-Tag"] = "noindex"
        # The address is the secret.
        response["Referrer-Policy"] = "no-referrer"
        return response

    return page


def speak(request: HttpRequest, language: str) -> None:
    """The language of the mail, unless whoever reads has chosen one on a page of ours."""
    if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES and not request.user.is_authenticated:
        translation.activate(language)


def _act(request: HttpRequest, token: str, acts: dict[str, Callable[[str], None]]) -> tuple[list[str], int]:
    """Do what the button says. Returns what is wrong, in words, and the status; nothing and 200 when it was done."""
    act = acts.get(request.POST.get("do", ""))
    if act is None:
        return [_("This form was not complete. Please try again.")], 422
    try:
        act(token)
    except LinkOver:
        raise
    except DomainError as error:
        return error.lines(), error.status
    return [], 200


@for_link
def visit(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm or cancel the visit that a mail was about."""
    lines: list[str] = []
    status = 200
    if request.method == "POST":
        lines, status = _act(
            request, token, {"confirm": appointments.confirm_by_link, "cancel": appointments.cancel_by_link}
        )
        if not lines:
            return redirect("mail-visit", token=token)
    found = appointments.visit_of_link(token)
    speak(request, found.language)
    context = {
        "visit": found,
        "place": found.place,
        "start": wall(found.start, found.zone),
        "end": wall(found.end, found.zone),
        "zone": foreign(found.zone),
        "lines": lines,
    }
    return render(request, "portal/link_visit.html", context, status=status)


@for_link
def offer(request: HttpRequest, token: str) -> HttpResponse:
    """Accept or decline a time that the waiting list keeps."""
    lines: list[str] = []
    status = 200
    if request.method == "POST":
        lines, status = _act(
            request,
            token,
            {"accept": appointments.accept_offer_by_link, "decline": appointments.decline_offer_by_link},
        )
        if not lines:
            return redirect("mail-offer", token=token)
    found = appointments.offer_of_link(token)
    speak(request, found.language)
    context = {
        "offer": found,
        "place": found.place,
        "start": wall(found.start, found.zone),
        "end": wall(found.end, found.zone),
        "until": wall(found.expires, found.zone),
        "zone": foreign(found.zone),
        "lines": lines,
    }
    return render(request, "portal/link_offer.html", context, status=status)
