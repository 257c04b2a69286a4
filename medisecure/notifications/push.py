"""Push: which devices somebody has, what is said to them, and how it gets there."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from email.utils import parseaddr
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from medisecure.accounts.interface import user_card
from medisecure.kernel import web_push
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, NotFound
from medisecure.kernel.transactions import transactional
from medisecure.notifications import phones
from medisecure.notifications.kinds import SENTENCES
from medisecure.notifications.models import Device

#: A push that could not reach its device for so long is of no use.
_TTL_SECONDS: Final = 24 * 3600
#: One person has a few devices; who hands in more than this is no person.
MOST_DEVICES: Final = 20
_TOKEN: Final = 4096


def public_key() -> str:
    """What a browser must know of us to subscribe; empty where this hospital has no key."""
    if not settings.VAPID_PRIVATE_KEY:
        return ""
    return web_push.public_text(_key(settings.VAPID_PRIVATE_KEY))


@functools.cache
def _key(text: str) -> ec.EllipticCurvePrivateKey:
    return web_push.private_key(text)


def register(*, user_id: UUID, platform: str, address: str, p256dh: str = "", auth: str = "") -> UUID:
    """Tell this person on this device from now on; returns its id. Known already, it is theirs alone from now on.

    Raises Invalid by field.
    """
    errors: dict[str, list[str]] = {}
    if platform not in Device.Platform.values:
        errors["platform"] = [_("Not a platform that we know.")]
    elif platform == Device.Platform.WEB:
        if len(address) > _TOKEN or not web_push.allowed(address, settings.PUSH_HOSTS):
            errors["address"] = [_("Not the address of a push service that we know.")]
        errors |= _key_errors(p256dh, auth)
    elif not 1 <= len(address) <= _TOKEN or not address.isascii() or not address.isprintable():
        errors["address"] = [_("Not the token of a device.")]
    if errors:
        raise Invalid(errors)
    fingerprint = hashlib.sha256(f"{platform}:{address}".encode()).hexdigest()
    keys = {"p256dh": p256dh, "auth": auth} if platform == Device.Platform.WEB else {}

    @transactional(DEFAULT)
    def write() -> UUID:
        row, _created = Device.objects.update_or_create(
            fingerprint=fingerprint, defaults={"user_id": user_id, "platform": platform, "address": address, **keys}
        )
        old = Device.objects.filter(user_id=user_id).exclude(id=row.id).order_by("-id")[MOST_DEVICES - 1 :]
        Device.objects.filter(id__in=[found.id for found in old]).delete()
        return row.id

    return write()


def _key_errors(p256dh: str, auth: str) -> dict[str, list[str]]:
    try:
        web_push.encrypt(b"", p256dh=p256dh, auth=auth)
        usable = len(web_push.bytes_of(auth)) == 16
    except ValueError:
        usable = False
    return {} if usable else {"keys": [_("Not the keys of a subscription.")]}


def unregister(*, user_id: UUID, device_id: UUID | None = None, address: str = "") -> None:
    """Tell nobody there any more. Raises NotFound for another person's device, as for none."""
    rows = Device.objects.filter(user_id=user_id)
    rows = rows.filter(id=device_id) if device_id else rows.filter(address=address)
    if not rows.delete()[0]:
        raise NotFound


def devices_of(user_id: UUID) -> list[Device]:
    return list(Device.objects.filter(user_id=user_id).order_by("-id"))


def payload(*, user_id: UUID, kind: str, url: str, words: str, tag: str) -> str:
    """What the device shows, in the person's language. No name and no clinical word: it lights up on a table."""
    card = user_card(user_id)
    with translation.override(card.language if card else settings.LANGUAGE_CODE):
        said: Mapping[str, str] = {
            "title": "MediSecure",
            "body": f"{SENTENCES[kind]} {words}".strip(),
            "url": url or "/notices/",
            "tag": tag,
        }
    return json.dumps(said)


def send(device: Device, text: str) -> None:
    """Raises `Gone`, `Refused`, OSError, as `web_push.send` says."""
    if device.platform != Device.Platform.WEB:
        gateway = phones.gateway()
        if gateway is None:
            raise web_push.Refused("no gateway")
        gateway.send(device.platform, device.address, text)
        return
    if not settings.VAPID_PRIVATE_KEY:
        raise web_push.Refused("no key")
    # The list of push services may have become shorter since.
    if not web_push.allowed(device.address, settings.PUSH_HOSTS):
        raise web_push.Refused("not on the list")
    body = web_push.encrypt(text.encode(), p256dh=device.p256dh, auth=device.auth)
    contact = f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"
    web_push.send(device.address, body, key=_key(settings.VAPID_PRIVATE_KEY), contact=contact, seconds=_TTL_SECONDS)
