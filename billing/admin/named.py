"""Names for the rows of a list, which live in another database: looked up once for a page, not once for a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse


def with_cards(response: HttpResponse, cards_of: Callable[[list[Any]], Mapping[Any, Any]]) -> HttpResponse:
    """The page of a list, each row of which gets all cards of the page as `_cards`. Other answers stay as they are."""
    found = getattr(response, "context_data", None) or {}
    if "cl" in found:
        rows = list(found["cl"].result_list)
        cards = cards_of(rows)
        for row in rows:
            row._cards = cards
        found["cl"].result_list = rows
    return response
