"""Object storage: two private buckets, an S3 server or a local folder behind the same few calls.

A download goes by a signed address that expires. On S3 the server checks the signature; embedded, our own view at
`/files/` does. Nobody reads an object without a signature, and access is checked before one is given.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
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

#: Types that a browser may show in the page. Anything else is downloaded: HTML or SVG from an upload could run scripts.
INLINE_TYPES = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp", "text/plain"})


def disposition(filename: str, content_type: str) -> str:
    """The Content-Disposition header for a stored object (RFC 6266, with the UTF-8 form of RFC 8187)."""
    kind = "inline" if content_type.partition(";")[0].strip() in INLINE_TYPES else "attachment"
    ascii_name = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in filename) or "file"
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(filename)}"


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
            _settle(Path(self.storage.location), stored)
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

    def signed_url(
        self, key: str, *, seconds: int = SIGNED_SECONDS, filename: str, content_type: str = "application/octet-stream"
    ) -> str:
        """An absolute address that serves the object's bytes for so many seconds, under this name and type."""
        header = disposition(filename, content_type)
        if settings.S3 is None:
            token = signing.dumps(
                {"b": self.name, "k": key, "s": seconds, "d": header, "t": content_type}, salt=SALT, compress=True
            )
            return f"{settings.PUBLIC_URL}{reverse('signed-file', args=[token])}"
        url: str = _signer().generate_presigned_url(
            "get_object",
            Params={
                "Bucket": settings.BUCKETS[self.name],
                "Key": key,
                "ResponseContentDisposition": header,
                "ResponseContentType": content_type,
            },
            ExpiresIn=seconds,
        )
        return url


def _settle(location: Path, key: str) -> None:
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


@functools.cache
def _signer() -> Any:
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
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


def documents() -> Bucket:
    return Bucket(DOCUMENTS)


def images() -> Bucket:
    return Bucket(IMAGES)
