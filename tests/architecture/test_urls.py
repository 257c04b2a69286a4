"""Every address asks for a sign-in, or is on the written list of those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import IsAuthenticated

PUBLIC = {
    line.split("#")[0].strip()
    for line in (Path(__file__).parent / "public_urls.txt").read_text(encoding="utf-8").splitlines()
    if line.split("#")[0].strip()
}


def walk(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for found in patterns:
        route = prefix + str(found.pattern)
        if isinstance(found, URLResolver):
            yield from walk(found.url_patterns, route)
        else:
            yield route, found


ALL = [*walk(get_resolver().url_patterns)]


def asks_for_sign_in(route: str, pattern: URLPattern) -> bool:
    view = pattern.callback
    api_view = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if route.startswith("api/") and api_view is not None and hasattr(api_view, "permission_classes"):
        # IsAuthenticated itself or a permission that builds on it.
        return any(isinstance(item, type) and issubclass(item, IsAuthenticated) for item in api_view.permission_classes)
    if route.startswith("admin/"):
        return route != "admin/login/"  # the admin site wraps each of its views
    return bool(getattr(view, "login_required", True))


def test_public_addresses_are_those_of_the_list() -> None:
    open_routes = {route for route, pattern in ALL if not asks_for_sign_in(route, pattern)}
    assert open_routes == PUBLIC


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted({route for route, _pattern in ALL} - PUBLIC))
def test_a_stranger_gets_nothing(client: Client, route: str) -> None:
    """From outside: whatever the view is, someone who has not signed in sees a sign-in page, 401, 403 or 404."""
    path = "/" + fill(route)
    response = client.get(path)
    if response.status_code in (301, 302):
        assert "/accounts/login/" in response["Location"] or "/admin/login/" in response["Location"], response[
            "Location"
        ]
    else:
        assert response.status_code in (401, 403, 404, 405), f"{path}: {response.status_code}"


def fill(route: str) -> str:
    """A concrete path for a route: any UUID, text or number where it has a parameter."""
    import re

    route = re.sub(r"<uuid:\w+>", "0190b6a0-0000-7000-8000-000000000000", route)
    route = re.sub(r"<int:\w+>", "1", route)
    route = re.sub(r"<[^>]+>", "x", route)
    return re.sub(r"\(\?P<\w+>[^)]*\)|[\^$?]|\\Z|\\", "", route).removesuffix("Z")
