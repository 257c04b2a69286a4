"""Error pages of our own. They must work when the database does not, so they ask it nothing."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from medisecure.errors import is_away
from medisecure.kernel.errors import Unavailable


def _problem(request: HttpRequest, status: int, code: str, title: str) -> HttpResponse | None:
    if not request.path.startswith("/api/"):
        return None
    body = {"type": f"urn:medisecure:problem:{code}", "title": title, "status": status, "code": code}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _problem(request, 403, "permission-denied", _("You are not allowed to do this.")) or render(
        request, "403.html", status=403
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _problem(request, 404, "not-found", _("Not found.")) or render(request, "404.html", status=404)


def fault(request: HttpRequest) -> HttpResponse:
    """500, or 503 when what failed is a server of ours that does not answer: then trying again may help."""
    if is_away(sys.exc_info()[1]):
        response = _problem(request, 503, Unavailable.code, str(Unavailable.title)) or HttpResponse(
            render_to_string("503.html"), status=503
        )
        response["Retry-After"] = "5"
        return response
    # Without a request context: a context processor may be what failed.
    return _problem(request, 500, "fault", _("Something went wrong on our side.")) or HttpResponse(
        render_to_string("500.html"), status=500
    )
