"""Error pages of our own. They must work when the database does not, so they ask it nothing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _


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
    # Without a request context: a context processor may be what failed.
    return _problem(request, 500, "fault", _("Something went wrong on our side.")) or HttpResponse(
        render_to_string("500.html"), status=500
    )
