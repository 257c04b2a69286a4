"""Messages to browsers: encrypted for the one browser (RFC 8291), signed by us (RFC 8292), given to its push service.

The push service sees addresses and lengths, and no word. The libraries that do this ask for far more than embedded
starts may install, or come without wheels; the two standards are short, and their own example is a test.
"""

from __future__ import annotations

import base64
import secrets
import struct
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import jwt
import urllib3
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CURVE: Final = ec.SECP256R1()
_RECORD: Final = 4096
_SIGNED_SECONDS: Final = 12 * 3600
_LOOPBACK: Final = ("127.0.0.1", "localhost")


class Gone(Exception):
    """The browser has taken its subscription back."""


class Refused(Exception):
    """The push service will not take this one; the text is its status."""


def text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def bytes_of(text: str) -> bytes:
    """Raises ValueError for what is not base64url."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def new_private_key() -> str:
    return text_of(ec.generate_private_key(_CURVE).private_numbers().private_value.to_bytes(32, "big"))


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """Raises ValueError when it is no key of the curve."""
    raw = bytes_of(text)
    if len(raw) != 32:
        raise ValueError("not 32 bytes")
    return ec.derive_private_key(int.from_bytes(raw, "big"), _CURVE)


def is_private_key(text: str) -> bool:
    try:
        private_key(text)
    except ValueError:
        return False
    return True


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    """The key that browsers are given, to know our signature by."""
    return text_of(_point(key))


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def allowed(endpoint: str, hosts: Sequence[str]) -> bool:
    """Whether the hospital's servers may be sent there: a push service that is on the list, and no other address. What
    a browser hands in would otherwise make them call anything inside the network."""
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    if parts.username or parts.password or not any(host == known or host.endswith(f".{known}") for known in hosts):
        return False
    return host in _LOOPBACK or (parts.scheme == "https" and port in (None, 443))


def encrypt(
    plain: bytes,
    *,
    p256dh: str,
    auth: str,
    salt: bytes | None = None,
    sender: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body for one browser (RFC 8291 §3, RFC 8188): `p256dh` and `auth` are its keys. Raises ValueError for keys
    that are none. `salt` and `sender` are new for every message; tests give those of the standard's example."""
    salt = salt or secrets.token_bytes(16)
    sender = sender or ec.generate_private_key(_CURVE)
    theirs = bytes_of(p256dh)
    shared = sender.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, theirs))
    ours = _point(sender)
    secret = _derive(shared, bytes_of(auth), b"WebPush: info\0" + theirs + ours, 32)
    key = _derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0", 12)
    sealed = AESGCM(key).encrypt(nonce, plain + b"\x02", None)
    return salt + struct.pack("!LB", _RECORD, len(ours)) + ours + sealed


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def signature(endpoint: str, key: ec.EllipticCurvePrivateKey, contact: str) -> str:
    """The Authorization header (RFC 8292 §3): who sends, for this push service, for twelve hours."""
    parts = urlsplit(endpoint)
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": int(time.time()) + _SIGNED_SECONDS, "sub": contact}
    return f"vapid t={jwt.encode(claims, key, algorithm='ES256')}, k={public_text(key)}"


_pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=3, read=5), retries=False)


def send(endpoint: str, body: bytes, *, key: ec.EllipticCurvePrivateKey, contact: str, seconds: int) -> None:
    """Hand it over. Raises `Gone`, `Refused`, and OSError for what may pass: no answer, too many, a fault there."""
    headers = {
        "Authorization": signature(endpoint, key, contact),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(seconds),
        "Urgency": "normal",
    }
    try:
        answer = _pool.request("POST", endpoint, body=body, headers=headers, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        raise OSError(type(error).__name__) from None
    if answer.status in (404, 410):
        raise Gone
    if answer.status == 429 or answer.status >= 500:
        raise OSError(f"status {answer.status}")
    if not 200 <= answer.status < 300:
        raise Refused(f"HTTP {answer.status}")
