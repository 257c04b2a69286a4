"""What the viewer asks for. The page that shows it has passed the door and is in the access log; its token is good for
one person, one study and a few hours, and each answer asks anew whether they still may."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from documents.imaging import gate, selectors
from medisecure.accounts.models import User


def _opened(request: HttpRequest, token: str) -> gate.Opened:
    return gate.Opened(cast(User, request.user), token)


def _private(response: HttpResponse) -> HttpResponse:
    # Nothing of a patient stays on the disk of a shared computer; the page keeps frames in its memory.
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
def manifest(request: HttpRequest, token: str) -> HttpResponse:
    return _private(JsonResponse(selectors.manifest(_opened(request, token))))


@require_safe
def frame(request: HttpRequest, token: str, instance_id: UUID, number: int) -> HttpResponse:
    """Values as they are kept, packed with gzip, which every browser unpacks by itself."""
    content = selectors.frame_bytes(_opened(request, token), instance_id, number)
    response = HttpResponse(content, content_type="application/octet-stream")
    response["Content-Encoding"] = "gzip"
    return _private(response)


@require_safe
def preview(request: HttpRequest, token: str, instance_id: UUID) -> HttpResponse:
    content = selectors.preview_bytes(_opened(request, token), instance_id)
    return _private(HttpResponse(content, content_type="image/webp"))
