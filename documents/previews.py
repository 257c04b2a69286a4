"""A document in the page: pixels that we drew, or plain text. Nothing of the file itself reaches the browser."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.core.paginator import Page, Paginator
from django.urls import reverse

from documents import rules, selectors
from documents.models import Document
from documents.readers import is_served
from medisecure.accounts.models import User
from medisecure.kernel import objects
from medisecure.kernel.errors import NotFound, Refused

log = logging.getLogger(__name__)

#: Pages on one page of the preview.
PAGES: Final = 4
#: Larger files are saved and opened with a program of one's own.
MOST_BYTES: Final = 100 * 1024 * 1024
MOST_TEXT: Final = 64 * 1024
KEPT_SECONDS: Final = 600
_SALT: Final = "medisecure.previews"
_PROGRAM: Final = Path(__file__).with_name("rendering.py")
_SECONDS: Final = 30
_KINDS: Final = {rules.PDF: "pdf", "image/png": "image", "image/jpeg": "image", "image/tiff": "image"}

#: Type → the address of a page that shows it, for whom a picture of it is not enough (DICOM).
Viewer = Callable[[Document, User], str]
_viewers: dict[str, Viewer] = {}


def register_viewer(content_type: str, viewer: Viewer) -> None:
    """Lead from the preview of such documents to a page of their own. Called from AppConfig.ready()."""
    _viewers[content_type] = viewer


@dataclass(frozen=True, slots=True)
class Preview:
    """`images`: addresses of pages `first` to `first + len(images) - 1` of `pages`; or `text`; or a `viewer`. Nothing
    of it when there is no preview: the file is of another kind, too large, damaged, locked by a password."""

    pages: int = 0
    first: int = 1
    images: tuple[str, ...] = ()
    text: str = ""
    cut: bool = False
    viewer: str = ""

    @property
    def empty(self) -> bool:
        return not (self.images or self.text or self.viewer)


def open_preview(*, actor: User, document_id: UUID, purpose: str = "care", first: int = 1) -> tuple[Document, Preview]:
    """The document's row and what is shown of it, through the door. Raises `NotFound`, `Refused`."""
    row = selectors.open_document(actor=actor, document_id=document_id, purpose=purpose, action="view")
    return row, preview_of(row, actor, first)


def preview_of(row: Document, actor: User, first: int = 1) -> Preview:
    """For callers that have passed the door."""
    if not is_served(row.scan_state):
        return Preview()
    if row.content_type in _viewers:
        return Preview(viewer=_viewers[row.content_type](row, actor))
    if row.content_type == rules.TEXT:
        return _text(row)
    if row.content_type not in _KINDS or row.size > MOST_BYTES:
        return Preview()
    total, images = _pages(row, first)
    if first > total > 0:
        raise NotFound
    addresses = tuple(_address(row, actor, first + place) for place in range(len(images)))
    return Preview(pages=total, first=first, images=addresses)


def preview_pages(preview: Preview) -> Page[int]:
    """The pages of the preview itself, each of PAGES pages of the document, to go through them."""
    return Paginator(range(preview.pages), PAGES).get_page((preview.first - 1) // PAGES + 1)


def _text(row: Document) -> Preview:
    head = b"".join(objects.Bucket(row.bucket).stream(row.key, length=MOST_TEXT))
    return Preview(text=head.decode("utf-8-sig", "ignore"), cut=row.size > MOST_TEXT)


def _address(row: Document, actor: User, number: int) -> str:
    token = signing.dumps({"d": row.id.hex, "n": number, "u": str(actor.id)}, salt=_SALT)
    return reverse("document-page", args=[token])


def page_image(actor: User, token: str) -> bytes:
    """The picture of one page, for whom it was signed and while it is valid. Raises `Refused`, `NotFound`."""
    try:
        found = signing.loads(token, salt=_SALT, max_age=objects.SIGNED_SECONDS)
    except signing.BadSignature:
        raise Refused from None
    if found["u"] != str(actor.id):
        raise Refused
    row = Document.objects.filter(id=UUID(found["d"])).first()
    if row is None or not is_served(row.scan_state):
        raise NotFound
    number = int(found["n"])
    first = number - (number - 1) % PAGES
    _total, images = _pages(row, first)
    if number - first >= len(images):
        raise NotFound
    return images[number - first]


def _pages(row: Document, first: int) -> tuple[int, list[bytes]]:
    """How many there are, and pictures of PAGES of them; (0, []) when they cannot be drawn."""
    key = f"preview:{row.id}:{row.sha256[:16]}:{first}"
    kept: tuple[int, list[bytes]] | None = cache.get(key)
    if kept is None:
        kept = _draw(row, first)
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def _draw(row: Document, first: int) -> tuple[int, list[bytes]]:
    folder = settings.DATA_DIR / "tmp"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder) as local:
        for piece in objects.Bucket(row.bucket).stream(row.key):
            local.write(piece)
        local.flush()
        command = [sys.executable, "-I", str(_PROGRAM), local.name, _KINDS[row.content_type], str(first - 1)]
        try:
            done = subprocess.run(
                [*command, str(PAGES)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={"LANG": "C.UTF-8"},
            )
        except subprocess.TimeoutExpired:
            done = None
    if done is None or done.returncode:
        # What the program says may quote the file.
        log.warning("document %s has no preview: %s", row.id, "too slow" if done is None else done.returncode)
        return 0, []
    head, _newline, rest = done.stdout.partition(b"\n")
    facts = json.loads(head)
    images, start = [], 0
    for size in facts["sizes"]:
        images.append(rest[start : start + size])
        start += size
    return int(facts["pages"]), images
