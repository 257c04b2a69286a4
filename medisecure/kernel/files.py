"""The embedded stand-in for S3's signed addresses: `/files/<token>` to read, `/files/parts/<token>` to add a part."""

from __future__ import annotations

import os
import re
from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from medisecure.kernel import multipart
from medisecure.kernel.errors import Refused
from medisecure.kernel.objects import DOCUMENTS, IMAGES, SALT, Bucket

#: No signature is given for longer than a day; each token carries its own, shorter lifetime.
LONGEST_SECONDS = 24 * 3600
#: What was uploaded must not act in the hospital's name, whatever it is: no script, no origin, nothing loaded.
SANDBOX: Final = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


def _opened(token: str, salt: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = signing.loads(token, salt=salt, max_age=LONGEST_SECONDS)
        signing.loads(token, salt=salt, max_age=found["s"])
    except signing.BadSignature:
        raise Refused from None
    if found["b"] not in (DOCUMENTS, IMAGES):
        raise Http404
    return found


@login_not_required  # the signature is the right to read, as with S3
@require_safe
def signed_file(request: HttpRequest, token: str) -> HttpResponseBase:
    """Serve the object that the token names while it is valid, or the range of it that is asked for (RFC 9110 §14):
    403 when it is forged or has expired, as S3 answers."""
    found = _opened(token, SALT)
    bucket = Bucket(found["b"])
    folder = bucket.folder
    if folder is None:
        raise Http404  # an S3 server serves its own
    try:
        size = os.stat(folder / found["k"]).st_size  # noqa: PTH116 - the same file is opened below
    except FileNotFoundError:
        raise Http404 from None
    wanted = _range(request.headers.get("Range", ""), size)
    if wanted is None:
        response: HttpResponseBase = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    else:
        start, length = wanted
        response = StreamingHttpResponse(
            bucket.stream(found["k"], start=start, length=length) if request.method == "GET" else (),
            content_type=found["t"],
        )
        response["Content-Length"] = str(length)
        if request.headers.get("Range") and length < size:
            response.status_code = 206
            response["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
        response["Content-Disposition"] = found["d"]
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-store"
    response["Content-Security-Policy"] = SANDBOX
    return response


def _range(header: str, size: int) -> tuple[int, int] | None:
    """(start, length) of what to send; None when the range lies outside. What is no single range of bytes is passed
    over, as the standard allows: then it is the whole."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return 0, size
    first, last = found.groups()
    if not first:
        start = max(0, size - int(last))
        return (start, size - start) if int(last) and size else None
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return 0, size
    return (start, end - start + 1) if start < size else None


@csrf_exempt  # no cookie counts here: the signature is the right to write this one part
@login_not_required
@require_http_methods(["PUT"])
def signed_part(request: HttpRequest, token: str) -> HttpResponse:
    """Take one part of an upload, straight to disk: 403 for a forged or expired address, 404 when the upload is over,
    400 for another size than was signed for."""
    found = _opened(token, multipart.PART_SALT)
    if request.META.get("CONTENT_LENGTH") != str(found["l"]):
        return HttpResponse(status=400)
    try:
        multipart.write_part(
            Bucket(found["b"]), found["u"], number=found["n"], start=found["o"], size=found["l"], content=request
        )
    except multipart.NoSuchUpload:
        raise Http404 from None
    except multipart.PartRefused:
        return HttpResponse(status=400)
    return HttpResponse(status=200)
