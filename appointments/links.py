"""Signed links in mails. A link names one visit at one time, or one offer, and one purpose; it expires.

Programs follow links before people do: mail scanners, previews. So a link only opens a page, and that page's buttons
(POST) do what the person wants.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

from medisecure.kernel import clock
from medisecure.kernel.errors import LinkOver, NotFound

SALT: Final = "medisecure.appointments.links"


class Purpose(StrEnum):
    #: Confirm or cancel a visit.
    VISIT = "visit"
    #: Accept or decline an offer of the waiting list.
    OFFER = "offer"


@dataclass(frozen=True, slots=True)
class Link:
    purpose: Purpose
    id: UUID
    #: The visit's own: once it has moved, its old links are over. Zero for an offer.
    sequence: int
    expires: datetime


def address(link: Link) -> str:
    """The absolute address that a mail carries."""
    token = signing.dumps([link.purpose.value, link.id.hex, link.sequence, int(link.expires.timestamp())], salt=SALT)
    # Not the host of a request at hand: there is none in a worker.
    return f"{settings.PUBLIC_URL}{reverse(f'mail-{link.purpose.value}', args=[token])}"


def read(token: str, purpose: Purpose) -> Link:
    """Raises NotFound for what we did not sign for this purpose, LinkOver for what has expired."""
    try:
        named, hexadecimal, sequence, expires = signing.loads(token, salt=SALT)
        link = Link(Purpose(named), UUID(hexadecimal), int(sequence), datetime.fromtimestamp(expires, UTC))
    except (signing.BadSignature, ValueError, TypeError):
        raise NotFound from None
    if link.purpose is not purpose:
        raise NotFound
    if link.expires <= clock.now():
        raise LinkOver
    return link
