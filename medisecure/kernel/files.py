"""The embedded stand-in for S3's signed downloads: `/files/<token>`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from medisecure.kernel.errors import Refused
from medisecure.kernel.objects import DOCUMENTS, IMAGES, SALT, Bucket

#: No signature is given for longer than a day; each token carries its own, shorter lifetime.
LONGEST_SECONDS = 24 * 3600


@login_not_required  # the signature is the right to read, as with S3
@require_safe
def signed_file(request: HttpRequest, token: str) -> FileResponse:
    """Serve the object that the token names while it is valid: 403 when it is forged or has expired, as S3 answers."""
    try:
        found: dict[str, Any] = signing.loads(token, salt=SALT, max_age=LONGEST_SECONDS)
        signing.loads(token, salt=SALT, max_age=found["s"])
    except signing.BadSignature:
        raise Refused from None
    if found["b"] not in (DOCUMENTS, IMAGES):
        raise Http404
    try:
        content = Bucket(found["b"]).open(found["k"])
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(content, content_type=found["t"])
    response["Content-Disposition"] = found["d"]
    response["Cache-Control"] = "private, no-store"
    return response
