"""Object storage: the same promises from a local folder and from S3."""

from __future__ import annotations

import io
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import time_machine
from django.conf import settings
from django.core import signing
from django.test import Client
from django.utils import timezone

from medisecure.kernel import objects
from medisecure.kernel.ids import new_id
from tests.documents.fixtures import download

BOTH = pytest.mark.parametrize("bucket", [objects.documents(), objects.images()], ids=["documents", "images"])
local_only = pytest.mark.skipif(settings.S3 is not None, reason="S3 makes its own signatures")


def _key() -> str:
    return f"tests/{new_id()}"


@BOTH
def test_bytes_come_back(bucket: objects.Bucket) -> None:
    key = bucket.save(_key(), io.BytesIO(b"abc"), "text/plain")
    with bucket.open(key) as file:
        assert file.read() == b"abc"
    assert bucket.exists(key)
    assert bucket.size(key) == 3


def test_a_key_is_never_written_twice() -> None:
    key = _key()
    first = objects.documents().save(key, io.BytesIO(b"first"))
    second = objects.documents().save(key, io.BytesIO(b"second"))
    assert first != second
    assert objects.documents().open(first).read() == b"first"


def test_a_deleted_object_is_gone() -> None:
    key = objects.documents().save(_key(), io.BytesIO(b"abc"))
    objects.documents().delete(key)
    assert not objects.documents().exists(key)
    with pytest.raises(FileNotFoundError):
        objects.documents().open(key).read()


@BOTH
def test_a_signed_address_serves_the_bytes_under_its_name_and_type(bucket: objects.Bucket) -> None:
    key = bucket.save(_key(), io.BytesIO(b"%PDF-1.7"), "application/pdf")
    answer = download(bucket.signed_url(key, filename="a.pdf", content_type="application/pdf"))
    assert (answer.status, answer.content) == (200, b"%PDF-1.7")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == "inline; filename=\"a.pdf\"; filename*=UTF-8''a.pdf"


def test_a_signed_address_expires() -> None:
    key = objects.documents().save(_key(), io.BytesIO(b"abc"))
    url = objects.documents().signed_url(key, seconds=1, filename="a.txt")
    assert download(url).status == 200
    if settings.S3 is None:
        with time_machine.travel(timezone.now() + timedelta(seconds=3)):
            assert download(url).status == 403
    else:
        time.sleep(2.5)
        assert download(url).status == 403


def test_a_changed_address_is_refused() -> None:
    key = objects.documents().save(_key(), io.BytesIO(b"abc"))
    url = objects.documents().signed_url(key, filename="a.txt")
    changed = url[:-1] + ("A" if url[-1] != "A" else "B")
    assert download(changed).status == 403


@pytest.mark.parametrize(
    ("asked", "status", "content", "where"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
    ],
)
def test_a_range_is_served_and_one_outside_is_not(asked: str, status: int, content: bytes, where: str) -> None:
    key = objects.documents().save(_key(), io.BytesIO(b"0123456789"))
    answer = download(objects.documents().signed_url(key, filename="a.txt"), headers={"Range": asked})
    assert answer.status == status
    assert answer.headers.get("Content-Range") == where
    if content is not None:
        assert answer.content == content


@local_only
def test_what_is_no_single_range_is_the_whole_and_a_head_has_no_bytes() -> None:
    key = objects.documents().save(_key(), io.BytesIO(b"0123456789"))
    url = objects.documents().signed_url(key, filename="a.txt")
    for asked in ("bytes=1-2,4-5", "lines=1-2", "bytes=4-2", "bytes=-"):
        assert (download(url, headers={"Range": asked}).status, download(url).content) == (200, b"0123456789")
    head = Client().head(urlsplit(url).path)
    assert (head.status_code, head["Content-Length"], head.getvalue()) == (200, "10", b"")


@local_only
def test_what_is_served_may_run_nothing_and_is_taken_for_what_we_say() -> None:
    key = objects.documents().save(_key(), io.BytesIO(b"<script>alert(1)</script>"))
    headers = download(objects.documents().signed_url(key, filename="a.html", content_type="text/html")).headers
    assert headers["Content-Security-Policy"].startswith("sandbox;")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith("attachment;")


def test_a_copy_has_the_bytes_and_everything_is_listed() -> None:
    folder = _key()
    for name in ("b", "a/1", "a-1", "a.1"):
        objects.documents().save(f"{folder}/{name}", io.BytesIO(name.encode()))
    objects.documents().copy(f"{folder}/b", objects.images(), f"{folder}/c", "text/plain")
    assert b"".join(objects.images().stream(f"{folder}/c")) == b"b"
    with pytest.raises(FileNotFoundError):
        objects.documents().copy(f"{folder}/nothing", objects.images(), f"{folder}/d", "text/plain")
    ours = {item.key.removeprefix(f"{folder}/"): item.size for item in objects.documents().walk() if folder in item.key}
    assert ours == {"a-1": 3, "a.1": 3, "a/1": 3, "b": 1}
    with pytest.raises(FileNotFoundError):
        list(objects.documents().stream(f"{folder}/nothing"))


@local_only
def test_a_forged_token_is_refused() -> None:
    key = objects.documents().save(_key(), io.BytesIO(b"abc"))
    forged = signing.dumps({"b": "documents", "k": key, "s": 300, "d": "inline", "t": "text/html"}, salt="another")
    assert download(f"{settings.PUBLIC_URL}/files/{forged}").status == 403


@local_only
def test_a_valid_signature_on_an_object_that_is_gone_is_404() -> None:
    assert download(objects.documents().signed_url(_key(), filename="a.txt")).status == 404


@local_only
def test_stored_files_are_readable_by_their_owner_only() -> None:
    key = objects.documents().save(_key(), io.BytesIO(b"abc"))
    path = Path(objects.documents().storage.path(key))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/pdf", "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/dicom", "attachment"),
    ],
)
def test_only_types_that_cannot_run_are_shown_in_the_page(content_type: str, kind: str) -> None:
    assert objects.disposition("a", content_type).startswith(f"{kind};")


def test_a_name_cannot_break_out_of_its_header() -> None:
    header = objects.disposition('a"; evil\r\nX: é', "application/pdf")
    assert "\r" not in header
    assert header == "inline; filename=\"a__ evil__X_ _\"; filename*=UTF-8''a%22%3B%20evil%0D%0AX%3A%20%C3%A9"
