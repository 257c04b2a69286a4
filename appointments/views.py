"""The public screen of a waiting room: numbers and doors, for whoever has its address. No name, no visit, no time."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from appointments import waiting


@login_not_required
@require_safe
@never_cache
def screen(request: HttpRequest, token: str) -> HttpResponse:
    return _board(request, token, "screen/page.html")


@login_not_required
@require_safe
@never_cache
def screen_now(request: HttpRequest, token: str) -> HttpResponse:
    """The part that changes; 204 while it has not, compared by the mark of what is shown."""
    return _board(request, token, "screen/board.html")


def _board(request: HttpRequest, token: str, template: str) -> HttpResponse:
    found = waiting.find_screen(token)
    if found is None:
        raise Http404
    board = waiting.board(found)
    if request.GET.get("seen") == board.mark:
        return HttpResponse(status=204)
    return render(request, template, {"board": board, "token": token, "zone": found.zone})
