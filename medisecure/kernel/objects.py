"""Object storage: two private buckets, an S3 server or a local folder behind the same few calls.

A download goes by a signed address that expires. On S3 the server checks the signature; embedded, our own view at
`/files/` does. Nobody reads an object without a signature, and access is checked before one is given.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from django.conf import settings
from django.core import signing
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.urls import reverse

DOCUMENTS = "documents"
IMAGES = "images"
SIGNED_SECONDS = 300
SALT = "medisecure.objects"
#: So much of an object is in memory at a time.
PIECE = 256 * 1024

#: Types that a browser may show in the page. Anything else is downloaded: HTML or SVG from an upload could run scripts.
INLINE_TYPES = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp", "text/plain"})


def disposition(filename: str, content_type: str, *, inline: bool = True) -> str:
    """The Content-Disposition header for a stored object (RFC 6266, with the UTF-8 form of RFC 8187). What is not of
    `INLINE_TYPES` is an attachment whatever is asked for."""
    kind = "inline" if inline and content_type.partition(";")[0].strip() in INLINE_TYPES else "attachment"
    ascii_name = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in filename) or "file"
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(filename)}"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One object as the storage lists it. `modified`: when it was written."""

    key: str
    size: int
    modified: datetime


class Bucket:
    """One bucket. Keys are paths with `/`; content is bytes."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def storage(self) -> Storage:
        return storages[self.name]

    def save(self, key: str, content: IO[bytes], content_type: str = "application/octet-stream") -> str:
        """Store `content` under `key` and return the key it got: another one when `key` was taken."""
        file = File(content, name=key)
        file.content_type = content_type  # type: ignore[attr-defined]  # django-storages reads it for the S3 header
        stored = str(self.storage.save(key, file))
        if isinstance(self.storage, FileSystemStorage):
            settle(Path(self.storage.location), stored)
        return stored

    def open(self, key: str) -> IO[bytes]:
        """Raises FileNotFoundError when there is no such object."""
        return self.storage.open(key, "rb")

    def exists(self, key: str) -> bool:
        return bool(self.storage.exists(key))

    def keys(self, folder: str) -> Iterator[str]:
        """The keys below a folder, in order."""
        try:
            folders, files = self.storage.listdir(folder)
        except FileNotFoundError:
            return
        for name in sorted(files):
            yield f"{folder}/{name}"
        for name in sorted(folders):
            yield from self.keys(f"{folder}/{name}")

    def size(self, key: str) -> int:
        """Bytes."""
        return int(self.storage.size(key))

    def delete(self, key: str) -> None:
        self.storage.delete(key)

    # --- Large objects, in pieces ------------------------------------------------------------------------------------

    def stream(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes, or `length` of them from `start` on, in pieces. Raises FileNotFoundError, at the first piece."""
        if folder := self.folder:
            with (folder / key).open("rb") as file:
                file.seek(start)
                yield from pieces(file, length)
            return
        if length is not None and length <= 0:
            return
        end = "" if length is None else start + length - 1
        try:
            found = self.client.get_object(Bucket=self.server_name, Key=key, Range=f"bytes={start}-{end}")
        except self.client.exceptions.ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 416:
                return  # nothing there: an empty object has no range
            if status == 404:
                raise FileNotFoundError(key) from None
            raise
        yield from found["Body"].iter_chunks(PIECE)

    def copy(self, key: str, target: Bucket, target_key: str, content_type: str) -> None:
        """The same bytes under another key too, without passing through this process. What was there is replaced.
        Raises FileNotFoundError."""
        if folder := self.folder:
            place = Path(str(target.folder)) / target_key
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            try:
                os.link(folder / key, place)
            except OSError:
                if not (folder / key).exists():
                    raise FileNotFoundError(key) from None
                # The two folders are on different disks.
                shutil.copyfile(folder / key, place)
                place.chmod(0o600)
            settle(Path(str(target.folder)), target_key)
            return
        try:
            self.client.copy_object(
                Bucket=target.server_name,
                Key=target_key,
                CopySource={"Bucket": self.server_name, "Key": key},
                MetadataDirective="REPLACE",
                ContentType=content_type,
                **target.put_parameters,
            )
        except self.client.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise FileNotFoundError(key) from None
            raise

    def walk(self) -> Iterator[StoredKey]:
        """Every object, in no order that all storages share; a thousand of them, or one folder, in memory."""
        if folder := self.folder:
            yield from _walk_folder(folder, "")
            return
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.server_name):
            for item in page.get("Contents", ()):
                yield StoredKey(item["Key"], item["Size"], item["LastModified"])

    @property
    def folder(self) -> Path | None:
        """Where the bytes are on this machine; None on a server."""
        return Path(self.storage.location) if isinstance(self.storage, FileSystemStorage) else None

    @property
    def client(self) -> Any:
        """The server's client."""
        return self.storage.connection.meta.client  # type: ignore[attr-defined]

    @property
    def server_name(self) -> str:
        return settings.BUCKETS[self.name]

    @property
    def put_parameters(self) -> dict[str, str]:
        """What is asked for with each object that is written: encryption by the server."""
        return dict(settings.STORAGES[self.name]["OPTIONS"].get("object_parameters", {}))

    # --- Signed addresses --------------------------------------------------------------------------------------------

    def signed_url(
        self,
        key: str,
        *,
        seconds: int = SIGNED_SECONDS,
        filename: str,
        content_type: str = "application/octet-stream",
        inline: bool = True,
    ) -> str:
        """An absolute address that serves the object's bytes for so many seconds, under this name and type; to be
        saved and not shown when not `inline`."""
        header = disposition(filename, content_type, inline=inline)
        if settings.S3 is None:
            token = signing.dumps(
                {"b": self.name, "k": key, "s": seconds, "d": header, "t": content_type}, salt=SALT, compress=True
            )
            return f"{settings.PUBLIC_URL}{reverse('signed-file', args=[token])}"
        url: str = signer().generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.server_name,
                "Key": key,
                "ResponseContentDisposition": header,
                "ResponseContentType": content_type,
            },
            ExpiresIn=seconds,
        )
        return url


def settle(location: Path, key: str) -> None:
    """Bytes and folders are on disk before the row that names them commits: a power cut must not take only one."""
    path = location / key
    for item in (path, *path.parents):
        handle = os.open(item, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if item == location:
            return


def pieces(file: IO[bytes], length: int | None = None) -> Iterator[bytes]:
    """What is left of the file, or `length` bytes of it, in pieces."""
    left = length
    while left is None or left > 0:
        piece = file.read(PIECE if left is None else min(PIECE, left))
        if not piece:
            return
        if left is not None:
            left -= len(piece)
        yield piece


def _walk_folder(folder: Path, prefix: str) -> Iterator[StoredKey]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk_folder(Path(entry.path), f"{prefix}{entry.name}/")
        else:
            facts = entry.stat()
            yield StoredKey(prefix + entry.name, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))


@functools.cache
def signer() -> Any:
    """Makes signed addresses."""
    # Signatures cover the host, so they are made for the address under which people reach the storage.
    from boto3.session import Session
    from botocore.config import Config

    s3: dict[str, str] = settings.S3 or {}
    return Session().client(
        "s3",
        endpoint_url=s3["public_endpoint"],
        aws_access_key_id=s3["access_key"],
        aws_secret_access_key=s3["secret_key"],
        region_name=s3["region"],
        # Browsers send the bytes and nothing else: a checksum that only this library computes must not be signed.
        config=Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, request_checksum_calculation="when_required"
        ),
    )


def documents() -> Bucket:
    return Bucket(DOCUMENTS)


def images() -> Bucket:
    return Bucket(IMAGES)
