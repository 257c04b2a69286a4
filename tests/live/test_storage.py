"""Files on a real S3 server, looked at by the real ClamAV: what is signed, what has expired, what is infected."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from django.conf import settings

from deploy.stack.servers.clamav import EICAR
from documents import rules, scanning
from documents.models import ScanState
from medisecure.kernel import multipart, objects
from medisecure.kernel.ids import new_id

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(settings.S3 is None, reason="S3_URL is not set (see bin/stack)"),
]
PART = 5 * 1024 * 1024


def _ask(method: str, url: str, content: bytes | None = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, data=content, method=method, headers=headers)  # noqa: S310 - the test storage
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def _changed(url: str, **values: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | values)))


@pytest.fixture
def stored() -> Iterator[str]:
    key = objects.documents().save(f"tests/{new_id()}", io.BytesIO(b"0123456789"), "text/plain")
    yield key
    objects.documents().delete(key)


def test_nothing_is_read_without_a_signature_with_a_wrong_one_or_after_its_time(stored: str) -> None:
    url = objects.documents().signed_url(stored, seconds=2, filename="a.txt", content_type="text/plain", inline=False)
    status, content, headers = _ask("GET", url)
    assert (status, content) == (200, b"0123456789")
    assert headers["Content-Disposition"].startswith("attachment;")
    bare = url.partition("?")[0]
    assert _ask("GET", bare)[0] == 403, "an address without a signature"
    assert _ask("GET", bare.rpartition("/tests/")[0])[0] == 403, "the list of the bucket"
    assert _ask("GET", _changed(url, **{"X-Amz-Signature": "0" * 64}))[0] == 403
    assert _ask("GET", _changed(url, **{"X-Amz-Expires": "3600"}))[0] == 403, "a longer time than was signed"
    assert _ask("GET", url.replace(stored, f"{stored}x"))[0] == 403, "another object"
    assert _ask("PUT", url, b"x")[0] == 403, "an address to read does not write"
    assert _ask("GET", url, Range="bytes=2-4")[:2] == (206, b"234")
    time.sleep(3)
    assert _ask("GET", url)[0] == 403, "after its time"


def test_each_object_is_encrypted_by_the_server(stored: str) -> None:
    bucket = objects.documents()
    copied = f"tests/{new_id()}"
    bucket.copy(stored, objects.images(), copied, "text/plain")
    for found, key in ((bucket, stored), (objects.images(), copied)):
        head = found.client.head_object(Bucket=found.server_name, Key=key)
        assert head["ServerSideEncryption"] == "AES256"
    assert b"".join(objects.images().stream(copied)) == b"0123456789"
    objects.images().delete(copied)


def test_a_part_goes_where_its_address_says_and_only_as_it_was_signed() -> None:
    bucket, key = objects.documents(), f"incoming/{new_id()}"
    content = os.urandom(PART + 10)
    upload = multipart.begin(bucket, key)
    first, second = (
        multipart.part_url(bucket, key, upload, number=number, start=start, size=size, seconds=seconds)
        for number, start, size, seconds in ((1, 0, PART, 60), (2, PART, 10, 2))
    )
    assert _ask("PUT", _changed(first, partNumber="3"), content[:PART])[0] == 403, "another part"
    assert _ask("PUT", _changed(first, **{"X-Amz-Signature": "0" * 64}), content[:PART])[0] == 403
    assert _ask("PUT", first, content[: PART - 1])[0] == 403, "another size"
    assert _ask("PUT", first, content[:PART])[0] == 200
    assert multipart.parts(bucket, key, upload) == {1: PART}
    time.sleep(3)
    assert _ask("PUT", second, content[PART:])[0] == 403, "after its time"
    again = multipart.part_url(bucket, key, upload, number=2, start=PART, size=10, seconds=60)
    assert _ask("PUT", again, content[PART:])[0] == 200
    multipart.complete(bucket, key, upload, [1, 2])
    assert hashlib.sha256(b"".join(bucket.stream(key))).digest() == hashlib.sha256(content).digest()
    head = bucket.client.head_object(Bucket=bucket.server_name, Key=key)
    assert head["ServerSideEncryption"] == "AES256"
    with pytest.raises(multipart.NoSuchUpload):
        multipart.parts(bucket, key, upload)
    bucket.delete(key)


def test_what_is_aborted_leaves_no_part() -> None:
    bucket, key = objects.documents(), f"incoming/{new_id()}"
    upload = multipart.begin(bucket, key)
    url = multipart.part_url(bucket, key, upload, number=1, start=0, size=PART, seconds=60)
    assert _ask("PUT", url, bytes(PART))[0] == 200
    assert (key, upload) in [(found.key, found.id) for found in multipart.unfinished(bucket)]
    multipart.abort(bucket, key, upload)
    assert (key, upload) not in [(found.key, found.id) for found in multipart.unfinished(bucket)]
    assert not bucket.exists(key)
    assert _ask("PUT", url, bytes(PART))[0] in (403, 404)


@pytest.fixture
def clamd(settings: Any) -> str:
    url = os.environ.get("MEDISECURE_TEST_CLAMAV_URL")
    if not url:
        pytest.skip("CLAMAV_URL is not set (Debian package clamav-daemon, see bin/stack)")
    host, _colon, port = url.removeprefix("tcp://").partition(":")
    settings.CLAMAV = (host, int(port))
    return url


def test_the_real_scanner_finds_eicar_and_nothing_else(clamd: str) -> None:
    assert scanning.version()[0].isdigit()
    eicar = EICAR.encode()
    found = scanning.scan([eicar[:30], eicar[30:]])
    assert (found.state, found.finding) == (ScanState.INFECTED, "Eicar-Test-Signature.UNOFFICIAL")
    assert scanning.scan([b"%PDF-1.7\n", bytes(10_000_000), eicar]).state in (ScanState.INFECTED, ScanState.CLEAN)
    assert scanning.scan([b"%PDF-1.7\n" + bytes(1000)]).state == ScanState.CLEAN
    # More than its configuration takes: nobody says "clean".
    assert scanning.scan(bytes(1024 * 1024) for _piece in range(70)).state == ScanState.NOT_SCANNED


def test_a_scanner_that_is_away_is_told_apart_from_one_that_found_nothing(clamd: str, settings: Any) -> None:
    settings.CLAMAV = ("127.0.0.1", 9)
    with pytest.raises(scanning.ScannerAway):
        scanning.scan([b"x"])


def test_a_writer_that_is_killed_leaves_no_half_of_an_object() -> None:
    """A process dies while it streams into the storage: what it wrote is not there, or there whole."""
    key = rules.incoming_key(new_id())
    code = (
        "import io, os, django; django.setup()\n"
        "from medisecure.kernel import objects\n"
        "class Endless(io.RawIOBase):\n"
        "    sent = 0\n"
        "    def readable(self): return True\n"
        "    def readinto(self, buffer):\n"
        "        Endless.sent += len(buffer)\n"
        "        if Endless.sent > 30_000_000: print('now', flush=True); os.read(0, 1)\n"
        "        return len(buffer)\n"
        "from boto3.s3.transfer import TransferConfig\n"
        "bucket = objects.documents()\n"
        f"bucket.client.upload_fileobj(Endless(), bucket.server_name, {key!r})\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(settings.BASE_DIR),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "medisecure.settings"},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"now\n"
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    child.stdout.close()
    assert not objects.documents().exists(key)
    for found in multipart.unfinished(objects.documents()):
        if found.key == key:
            multipart.abort(objects.documents(), found.key, found.id)
