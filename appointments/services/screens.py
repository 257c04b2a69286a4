"""Public screens of waiting rooms: made with an address that is shown once, and revoked."""

from __future__ import annotations

import secrets
from uuid import UUID

from django.utils.translation import gettext as _

from appointments import waiting
from appointments.models import WaitingScreen
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid, NotFound, Refused

#: Screens go with the calendars: whoever says where people are received says where they are called.
MANAGE = "appointments.change_calendar"
LONGEST_LABEL = 120


def open_screen(*, actor: User, place: str, label: str) -> tuple[WaitingScreen, str]:
    """A new screen for a place, and the secret of its address, which is kept nowhere.

    Raises Refused, Invalid (place, label).
    """
    if not actor.has_perm(MANAGE):
        raise Refused
    label = " ".join(label.split())
    zone = waiting.zones().get(place)
    if zone is None:
        raise Invalid({"place": [_("No open calendar has this place.")]})
    if not label or len(label) > LONGEST_LABEL:
        raise Invalid({"label": [_("Say where the screen hangs, in %(count)d characters.") % {"count": LONGEST_LABEL}]})
    token = secrets.token_urlsafe(32)
    screen = WaitingScreen(place=place, zone=zone, label=label, token_hash=waiting.hashed(token), created_by=actor.id)
    _write_down(actor, screen, "create")
    screen.save(force_insert=True)
    return screen, token


def revoke_screen(*, actor: User, screen_id: UUID) -> WaitingScreen:
    """From now on its address shows nothing. Revoking twice changes nothing. Raises Refused, NotFound."""
    if not actor.has_perm(MANAGE):
        raise Refused
    screen = WaitingScreen.objects.filter(id=screen_id).first()
    if screen is None:
        raise NotFound
    _write_down(actor, screen, "revoke")
    WaitingScreen.objects.filter(id=screen_id, revoked_at=None).update(revoked_at=clock.now())
    screen.refresh_from_db()
    return screen


def _write_down(actor: User, screen: WaitingScreen, action: str) -> None:
    record_access(
        actor=actor,
        patient_id=None,
        action=action,
        resource="waiting-screen",
        resource_id=screen.id,
        purpose="operations",
        right="role",
    )
