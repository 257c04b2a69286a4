"""What pages of portal and admin share: the pictures of a preview."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from documents.previews import page_image
from medisecure.accounts.models import User


@require_safe
def page(request: HttpRequest, token: str) -> HttpResponse:
    """One page of a document as a picture. The preview that names it has passed the door and stands in the log; the
    token is for who opened it, for five minutes."""
    content = page_image(cast(User, request.user), token)
    headers = {"Cache-Control": "private, no-store", "Content-Disposition": "inline"}
    return HttpResponse(content, content_type="image/jpeg", headers=headers)
