"""Documents in the page: pixels and plain text, and nothing of the file itself."""

from __future__ import annotations

import io
import subprocess
from datetime import timedelta
from typing import Any

import pytest
import time_machine
import typst
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from documents import previews
from documents.models import Document
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients.interface import PatientCard
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, TEXT, AddDocument

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def _pages(count: int) -> bytes:
    return bytes(typst.compile("\n#pagebreak()\n".join(f"= Page {n + 1}" for n in range(count)).encode()))


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def _photo() -> bytes:
    """With a place in its metadata, and lying on its side."""
    image, buffer = Image.new("RGB", (60, 30), "red"), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "SECRET-CAMERA"
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_a_pdf_is_shown_as_pictures_a_few_pages_at_a_time(
    asha: User, dan: User, dan_card: PatientCard, add_document: AddDocument
) -> None:
    row = add_document(_pages(5))
    page = _signed_in(asha).get(f"/record/documents/{row.id}/view/")
    assert page.status_code == 200
    preview = page.context["preview"]
    assert (preview.pages, len(preview.images)) == (5, 4)
    assert AccessEntry.objects.filter(resource_id=str(row.id), actor_id=asha.id, action="view").count() == 1
    picture = _signed_in(asha).get(preview.images[3])
    assert (picture["Content-Type"], picture["Cache-Control"]) == ("image/jpeg", "private, no-store")
    with Image.open(io.BytesIO(picture.content)) as image:
        assert image.format == "JPEG"
        assert image.width > 1000
    last = _signed_in(asha).get(f"/record/documents/{row.id}/view/?page=2").context["preview"]
    assert (last.first, len(last.images)) == (5, 1)
    assert _signed_in(asha).get(last.images[0]).content != picture.content
    # For who opened it, and for as long as an address lives.
    assert _signed_in(dan).get(preview.images[0]).status_code == 403
    assert Client().get(preview.images[0]).status_code == 302
    with time_machine.travel(timezone.now() + timedelta(seconds=301), tick=False):
        assert _signed_in(asha).get(preview.images[0]).status_code in (302, 403)


def test_a_photo_is_drawn_anew_without_what_it_says_of_its_camera(dr_bose: User, add_document: AddDocument) -> None:
    row = add_document(_photo())
    page = _signed_in(dr_bose).get(reverse("admin:documents_document_change", args=[row.id]))
    (address,) = page.context["preview"].images
    content = _signed_in(dr_bose).get(address).content
    assert b"SECRET" not in content
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (30, 60), "upright"
        assert not image.getexif()


def test_a_text_is_shown_as_text(asha: User, add_document: AddDocument) -> None:
    row = add_document(TEXT + b"1 < 2 & 3 > 2\n")
    body = _signed_in(asha).get(f"/record/documents/{row.id}/view/").content.decode()
    assert "tension élevée" in body
    assert "1 &lt; 2 &amp; 3 &gt; 2" in body


@pytest.mark.parametrize("content", [PDF, b"%PDF-1.7\n" + b"\xff" * 2000], ids=["empty", "broken"])
def test_what_cannot_be_drawn_says_so(content: bytes, asha: User, add_document: AddDocument) -> None:
    page = _signed_in(asha).get(f"/record/documents/{add_document(content).id}/view/")
    assert page.status_code == 200
    assert page.context["preview"].empty


def test_what_reads_the_file_has_no_secret_and_ends(
    asha: User, add_document: AddDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = add_document(_pages(1))
    seen: dict[str, Any] = {}
    run = subprocess.run

    def look(command: list[str], **options: Any) -> Any:
        seen.update(options, command=command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", look)
    assert not previews.preview_of(row, asha).empty
    assert seen["env"] == {"LANG": "C.UTF-8"}
    assert "-I" in seen["command"]
    assert seen["timeout"] <= 60
    seen.clear()
    assert not previews.preview_of(row, asha).empty
    assert not seen, "kept for a while"


def test_nothing_of_a_file_in_quarantine_is_shown(asha: User, add_document: AddDocument) -> None:
    row = add_document(_pages(1))
    preview = previews.preview_of(row, asha)
    Document.objects.filter(id=row.id).update(scan_state="quarantine")
    assert _signed_in(asha).get(preview.images[0]).status_code == 404
    assert _signed_in(asha).get(f"/record/documents/{row.id}/view/").context["preview"].empty
