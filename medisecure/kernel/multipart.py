"""One large object in parts: they arrive in any order, again after a broken line, and become the object at the end.

On S3 it is the server's own multipart upload; embedded, a file into which each part is written at its place. A part
goes from the browser straight to the storage, by an address that is signed for it, for its size, and for a short time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from django.conf import settings
from django.core import signing
from django.urls import reverse

from medisecure.kernel.ids import new_id
from medisecure.kernel.objects import PIECE, Bucket, settle, signer

PART_SALT: Final = "medisecure.parts"
#: The folder beside the buckets in which parts wait, embedded.
WAITING: Final = "unfinished"
_DATA, _KEY, _PARTS = "data", "key", "parts"


class NoSuchUpload(Exception):
    """It was completed or aborted, or never begun."""


class PartRefused(Exception):
    """The bytes are not as many as were signed for."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Unfinished:
    key: str
    id: str
    started: datetime


def begin(bucket: Bucket, key: str) -> str:
    """Returns the id by which the other functions know this upload."""
    if bucket.folder is None:
        made = bucket.client.create_multipart_upload(
            Bucket=bucket.server_name, Key=key, ContentType="application/octet-stream", **bucket.put_parameters
        )
        return str(made["UploadId"])
    found = new_id().hex
    place = _place(bucket, found)
    (place / _PARTS).mkdir(mode=0o700, parents=True)
    (place / _DATA).touch(mode=0o600)
    (place / _KEY).write_text(key, encoding="utf-8")
    return found


def part_url(bucket: Bucket, key: str, upload: str, *, number: int, start: int, size: int, seconds: int) -> str:
    """An absolute address to which one part, of exactly this size, is PUT within so many seconds. Parts count from 1;
    `start` is where its bytes stand in the whole."""
    if bucket.folder is None:
        url: str = signer().generate_presigned_url(
            "upload_part",
            Params={
                "Bucket": bucket.server_name,
                "Key": key,
                "UploadId": upload,
                "PartNumber": number,
                "ContentLength": size,
            },
            ExpiresIn=seconds,
        )
        return url
    token = signing.dumps(
        {"b": bucket.name, "u": upload, "n": number, "o": start, "l": size, "s": seconds}, salt=PART_SALT, compress=True
    )
    return f"{settings.PUBLIC_URL}{reverse('signed-part', args=[token])}"


def parts(bucket: Bucket, key: str, upload: str) -> dict[int, int]:
    """Number → size of each part that has arrived whole. Raises `NoSuchUpload`."""
    if bucket.folder is None:
        return {number: size for number, (size, _tag) in _server_parts(bucket, key, upload).items()}
    folder = _place(bucket, upload) / _PARTS
    try:
        return {int(entry.name): int(Path(entry.path).read_text(encoding="ascii")) for entry in os.scandir(folder)}
    except FileNotFoundError:
        raise NoSuchUpload from None


def write_part(bucket: Bucket, upload: str, *, number: int, start: int, size: int, content: Readable) -> None:
    """Embedded: put one part into its place, piece by piece. Raises `NoSuchUpload`, and `PartRefused` for fewer or more
    bytes than `size`, which leaves the part as not arrived."""
    place = _place(bucket, upload)
    mark = place / _PARTS / str(number)
    try:
        handle = os.open(place / _DATA, os.O_WRONLY)
    except FileNotFoundError:
        raise NoSuchUpload from None
    try:
        mark.unlink(missing_ok=True)
        written = 0
        while written < size and (piece := content.read(min(PIECE, size - written))):
            os.pwrite(handle, piece, start + written)
            written += len(piece)
        if written != size or content.read(1):
            raise PartRefused
        os.fsync(handle)
    finally:
        os.close(handle)
    draft = place / f"{number}.{os.getpid()}"
    try:
        draft.write_text(str(size), encoding="ascii")
        draft.rename(mark)
    except FileNotFoundError:
        raise NoSuchUpload from None  # aborted meanwhile


def complete(bucket: Bucket, key: str, upload: str, numbers: Sequence[int]) -> None:
    """Make the object of these parts. Raises `NoSuchUpload`: completed before, perhaps."""
    if bucket.folder is None:
        found = _server_parts(bucket, key, upload)
        listed = [{"PartNumber": number, "ETag": found[number][1]} for number in numbers]
        with _naming(bucket):
            bucket.client.complete_multipart_upload(
                Bucket=bucket.server_name, Key=key, UploadId=upload, MultipartUpload={"Parts": listed}
            )
        return
    place, target = _place(bucket, upload), bucket.folder / key
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        (place / _DATA).rename(target)
    except FileNotFoundError:
        raise NoSuchUpload from None
    settle(bucket.folder, key)
    shutil.rmtree(place, ignore_errors=True)


def abort(bucket: Bucket, key: str, upload: str) -> None:
    """Forget the parts. Nothing happens when there are none."""
    if bucket.folder is None:
        with contextlib.suppress(NoSuchUpload), _naming(bucket):
            bucket.client.abort_multipart_upload(Bucket=bucket.server_name, Key=key, UploadId=upload)
        return
    shutil.rmtree(_place(bucket, upload), ignore_errors=True)


def unfinished(bucket: Bucket) -> Iterator[Unfinished]:
    """Uploads that were begun and neither completed nor aborted."""
    if bucket.folder is None:
        for page in bucket.client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket.server_name):
            for item in page.get("Uploads", ()):
                yield Unfinished(item["Key"], item["UploadId"], item["Initiated"])
        return
    root = _place(bucket, "")
    for place in sorted(root.iterdir()) if root.exists() else ():
        try:
            key, facts = (place / _KEY).read_text(encoding="utf-8"), (place / _KEY).stat()
        except FileNotFoundError:
            continue  # completed or aborted meanwhile
        yield Unfinished(key, place.name, datetime.fromtimestamp(facts.st_mtime, UTC))


def _place(bucket: Bucket, upload: str) -> Path:
    if bucket.folder is None:
        raise RuntimeError("parts wait on the server")
    return bucket.folder.parent / WAITING / bucket.name / upload


def _server_parts(bucket: Bucket, key: str, upload: str) -> Mapping[int, tuple[int, str]]:
    found: dict[int, tuple[int, str]] = {}
    with _naming(bucket):
        pages = bucket.client.get_paginator("list_parts").paginate(Bucket=bucket.server_name, Key=key, UploadId=upload)
        for page in pages:
            found |= {item["PartNumber"]: (item["Size"], item["ETag"]) for item in page.get("Parts", ())}
    return found


@contextlib.contextmanager
def _naming(bucket: Bucket) -> Iterator[None]:
    errors: Any = bucket.client.exceptions
    try:
        yield
    except errors.ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchUpload", "404") or (
            error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
        ):
            raise NoSuchUpload from None
        raise
