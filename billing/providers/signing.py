"""Signatures of callbacks: `t=<seconds>,v1=<HMAC-SHA-256 of "seconds.body">`, in hexadecimal.

The time is under the signature, so an old callback cannot be sent again with a new one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime
from typing import Final

from billing.providers import BadCallback

HEADER: Final = "X-Payment-Signature"
#: Seconds that a callback may be under way, and clocks may differ.
TOLERANCE: Final = 300
_FORM: Final = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def sign(secret: bytes, body: bytes, at: datetime) -> str:
    seconds = int(at.timestamp())
    return f"t={seconds},v1={_digest(secret, seconds, body)}"


def verify(secret: bytes, header: str, body: bytes, now: datetime) -> None:
    """Raises `BadCallback` unless `header` signs `body` and is of these minutes."""
    found = _FORM.fullmatch(header)
    if found is None:
        raise BadCallback("unsigned")
    if not hmac.compare_digest(_digest(secret, int(found[1]), body), found[2]):
        raise BadCallback("forged")
    # After the signature: nobody learns from the answer how clocks stand.
    if abs(now.timestamp() - int(found[1])) > TOLERANCE:
        raise BadCallback("too-old")


def _digest(secret: bytes, seconds: int, body: bytes) -> str:
    return hmac.new(secret, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
