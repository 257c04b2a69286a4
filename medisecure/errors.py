"""Domain errors at the edge: problem details in the API, pages of our own elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from medisecure.kernel.errors import DomainError, Merged

PROBLEM_JSON = "application/problem+json"


def problem(status: int, code: str, title: str, **extra: Any) -> Response:
    """A problem details response (RFC 9457 §3). `type` is a URN because there is no page to dereference."""
    body = {"type": f"urn:medisecure:problem:{code}", "title": title, "status": status, "code": code}
    body |= {key: value for key, value in extra.items() if value}
    return Response(body, status=status, content_type=PROBLEM_JSON)


def problem_details(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler. What is not a refusal is left to Django: it is a fault and answers 500."""
    set_rollback()
    if isinstance(error, DomainError):
        detail = str(error.detail) if error.detail else None
        errors = {field: [str(text) for text in texts] for field, texts in error.errors.items()}
        response = problem(error.status, error.code, str(error.title), detail=detail, errors=errors, **error.members())
        request = context.get("request")
        if isinstance(error, Merged) and request is not None and (place := _moved_to(request, error)):
            response.status_code = response.data["status"] = HTTPStatus.MOVED_PERMANENTLY
            response["Location"] = place
        if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
            response["Retry-After"] = "2"
        elif error.status == HTTPStatus.UNAUTHORIZED:
            response["WWW-Authenticate"] = 'Bearer realm="api"'
        return response
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    if isinstance(error, exceptions.ValidationError):
        return problem(422, "invalid", _("Some fields are not valid."), errors=_flatten(error.detail))
    code = str(error.default_code).replace("_", "-")
    # DRF's own texts, which say what was wrong with the request and quote no more than its media type or method.
    response = problem(error.status_code, code, str(error.detail))
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    if (wait := getattr(error, "wait", None)) is not None:
        response["Retry-After"] = str(int(wait) + 1)
    return response


def _moved_to(request: Any, error: Merged) -> str:
    """The same page of the patient that the one asked for was merged into; "" when it was no page to be read, or not
    the address that named the patient."""
    path = request.get_full_path()
    if request.method not in ("GET", "HEAD") or str(error.old) not in path:
        return ""
    return str(path.replace(str(error.old), str(error.into)))


def _flatten(detail: Any, path: str = "") -> dict[str, list[str]]:
    """DRF's nested errors as field path → texts: {"lines.0.price": ["…"]}. Errors of no field stand under "body"."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else str(key)
            found |= _flatten(value, ".".join(part for part in (path, name) if part))
        return found
    if isinstance(detail, list | tuple):
        if any(isinstance(item, Mapping) for item in detail):
            found = {}
            for index, item in enumerate(detail):
                found |= _flatten(item, ".".join(part for part in (path, str(index)) if part))
            return found
        return {path or "body": [str(item) for item in detail]}
    return {path or "body": [str(detail)]}


def is_away(error: BaseException | None) -> bool:
    """True when the error says that a server of ours does not answer, and not that the code is wrong."""
    if isinstance(error, OperationalError | InterfaceError | ConnectionError | TimeoutError):
        return True
    # Redis' clients have error classes of their own, which the embedded start does not load.
    return error is not None and type(error).__module__.startswith(("redis.", "django_redis."))


_TEMPLATES = {403: "403.html", 404: "404.html"}


class DomainErrorMiddleware:
    """A refusal that no view turned into a form error becomes a page with its status, never a 500."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DomainError):
            return None
        if isinstance(error, Merged) and (place := _moved_to(request, error)):
            messages.info(request, _("The file that you asked for was merged into this one."))
            return HttpResponseRedirect(place)
        template = _TEMPLATES.get(error.status, "refused.html")
        return render(request, template, {"error": error, "lines": error.lines()}, status=error.status)
