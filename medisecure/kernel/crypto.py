"""Short texts encrypted at rest, and a keyed index by which an exact value is found without decrypting anything.

Each secret of `settings.FIELD_KEYS` gives two keys by HKDF-SHA-256 (RFC 5869), one for encryption and one for the
index, so that neither tells anything about the other. A stored value is `v1.<key id>.<nonce and AES-256-GCM ciphertext,
base64url>`. The context (table, column and row) is authenticated with it: a ciphertext that was copied into another
row or column does not open. The index is HMAC-SHA-256 over the normalised value, with its domain before it: the same
digits as a telephone number and as an identity number have nothing in common.

While a key is being changed (`manage.py rotate_keys`) rows under the old and the new one stand side by side: the first
key writes, all of them read, and `indexes` has one value for each.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from medisecure.kernel.errors import DomainError

_VERSION: Final = "v1"
#: NIST SP 800-38D §8.3: with random nonces of 96 bits one key may encrypt 2^32 values.
_NONCE_BYTES: Final = 12


class Unreadable(DomainError):
    """A stored value does not open: its key is not in FIELD_KEYS, or it was altered or copied from elsewhere."""

    code = "unreadable"
    status = 503
    title = _("A protected value cannot be read. Please tell those who run this system.")


class _Key:
    def __init__(self, secret: bytes) -> None:
        self.id = _derive(secret, b"medisecure field key id", 4).hex()
        self._cipher = AESGCM(_derive(secret, b"medisecure field encryption", 32))
        self._index = _derive(secret, b"medisecure field index", 32)

    def seal(self, text: str, context: str) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), context.encode())
        return f"{_VERSION}.{self.id}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, payload: str, context: str) -> str:
        try:
            raw = base64.urlsafe_b64decode(payload)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unreadable from None

    def index(self, text: str, domain: str) -> str:
        return hmac.new(self._index, domain.encode() + b"\0" + text.encode(), hashlib.sha256).hexdigest()


class Keyring:
    """The keys of an installation. The first writes, all of them read."""

    def __init__(self, secrets_of_keys: Sequence[bytes]) -> None:
        keys = [_Key(secret) for secret in secrets_of_keys]
        self._keys = {key.id: key for key in keys}
        self._first = keys[0]

    @property
    def first_id(self) -> str:
        return self._first.id

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    @property
    def prefix(self) -> str:
        """What every value begins with that the first key has sealed."""
        return f"{_VERSION}.{self._first.id}."

    def seal(self, text: str, context: str) -> str:
        """The text encrypted for this context; an empty one stays empty, so that a column tells what is not there."""
        return self._first.seal(text, context) if text else ""

    def open(self, sealed: str, context: str) -> str:
        """The text again. Raises `Unreadable`."""
        if not sealed:
            return ""
        version, _dot, rest = sealed.partition(".")
        key_id, _dot, payload = rest.partition(".")
        key = self._keys.get(key_id)
        if version != _VERSION or key is None:
            raise Unreadable
        return key.open(payload, context)

    def index(self, text: str, domain: str) -> str:
        """64 hexadecimal digits, to be stored beside the sealed value; "" for an empty text."""
        return self._first.index(text, domain) if text else ""

    def indexes(self, text: str, domain: str) -> list[str]:
        """What rows may have been indexed with, the newest key's first: for `index__in`."""
        return [key.index(text, domain) for key in self._keys.values()] if text else []


def key_id_of(sealed: str) -> str:
    """The id of the key that sealed this value; "" for what is no sealed value."""
    parts = sealed.split(".")
    return parts[1] if len(parts) == 3 and parts[0] == _VERSION else ""


def _derive(secret: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=purpose).derive(secret)


@lru_cache(maxsize=4)
def _keyring(secrets_of_keys: tuple[bytes, ...]) -> Keyring:
    return Keyring(secrets_of_keys)


def keyring() -> Keyring:
    return _keyring(tuple(settings.FIELD_KEYS))
