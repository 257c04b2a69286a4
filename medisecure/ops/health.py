"""Health for the balancer and metrics for Prometheus."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from medisecure.kernel.databases import ALIASES, DEFAULT

log = logging.getLogger(__name__)


@login_not_required
@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks no server: a database that is away is no reason to kill the web server."""
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 when this process can serve patients: the database of people and records answers. 503 when not.

    The other two are named and do not count: without MariaDB patients still book, without MongoDB they are still read
    about, and a balancer that took every web server out would close all of it. Nor do broker, cache and mail count.
    """
    states = {alias: _answers(alias) for alias in ALIASES}
    well = states[DEFAULT]
    status = "ok" if all(states.values()) else "degraded" if well else "unavailable"
    body: dict[str, Any] = {"status": status, "databases": states}
    return JsonResponse(body, status=200 if well else 503)


def _answers(alias: str) -> bool:
    try:
        ping(alias)
    except Exception as error:  # noqa: BLE001 - each driver has its own error classes; any of them means "no"
        log.error("database %s does not answer: %s", alias, type(error).__name__)
        return False
    return True


def ping(alias: str) -> None:
    """One round trip to the database; raises whatever its driver raises."""
    connection: Any = connections[alias]
    if connection.vendor == "mongodb":
        connection.ensure_connection()
        connection.database.command("ping")
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics for whoever holds METRICS_TOKEN (Authorization: Bearer …); without one, this machine only."""
    if settings.METRICS_TOKEN:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not constant_time_compare(token, settings.METRICS_TOKEN):
            return HttpResponse(status=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    elif request.META.get("REMOTE_ADDR") not in ("127.0.0.1", "::1") or "X-Forwarded-For" in request.headers:
        return HttpResponse(status=403)
    response: HttpResponse = ExportToDjangoView(request)
    return response
