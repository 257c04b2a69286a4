"""Calendars that a calendar program reads by a secret address: one for each patient and each practitioner.

The address is the key. It is shown once, when it is made; what we keep is its hash. A new one closes the old one.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from appointments import ics
from appointments.models import Appointment, CalendarFeed
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Conflict, NotFound, Refused
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import transactional
from patients import interface as patients
from patients.interface import PatientCard, PractitionerCard

#: What a feed shows, from today; and no more than this, whatever a calendar holds.
BACK, AHEAD = timedelta(days=30), timedelta(days=180)
MOST: Final = 5000

_TOKEN_BYTES: Final = 32
_NOTED: Final = timedelta(hours=1)

PATIENT, PRACTITIONER = CalendarFeed.Owner.PATIENT, CalendarFeed.Owner.PRACTITIONER


@dataclass(frozen=True, slots=True)
class FeedText:
    """`changed` is the moment since when the text may be another one."""

    content: bytes
    etag: str
    changed: datetime


def _hash(token: str) -> str:
    # 256 random bits need no salt and no slow hash: there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()


def owner_of(actor: User, owner: str) -> UUID:
    """The actor as a patient or as a practitioner. Raises Refused for who is not one."""
    found = patients.patient_for_user(actor.id) if owner == PATIENT else patients.practitioner_for_user(actor.id)
    if found is None or owner not in CalendarFeed.Owner.values:
        raise Refused
    return found


def feed_of(actor: User, owner: str) -> CalendarFeed | None:
    """The actor's own feed, if it is open."""
    return CalendarFeed.objects.filter(open_key=f"{owner}:{owner_of(actor, owner)}").first()


def make_feed(*, actor: User, owner: str) -> tuple[CalendarFeed, str]:
    """Make the actor's own feed and its address, which is told this once. The one before it stops working.

    Raises Refused for who is no patient, or no practitioner; Conflict when two make one at the same moment.
    """
    owner_id = owner_of(actor, owner)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    row = CalendarFeed(
        id=new_id(),
        owner=owner,
        owner_id=owner_id,
        open_key=f"{owner}:{owner_id}",
        token_hash=_hash(token),
        language=get_language() or settings.LANGUAGE_CODE,
        created_by=actor.id,
    )
    _write_down(actor, row, "create", "self")

    @transactional(APPOINTMENTS)
    def exchange() -> None:
        for old in CalendarFeed.objects.filter(open_key=row.open_key):
            _close(old)
        row._state.adding = True
        row.save(force_insert=True)

    try:
        exchange()
    except IntegrityError:
        raise Conflict(_("Another address was made at this moment. Reload the page.")) from None
    return row, f"{settings.PUBLIC_URL}{reverse('calendar-file', args=[token])}"


def close_feed(*, actor: User, owner: str) -> None:
    """The actor's own address stops working at once. Closing what is closed is no mistake."""
    row = feed_of(actor, owner)
    if row:
        _write_down(actor, row, "cancel", "self")
        _close(row)


def close_any(*, actor: User, feed_id: UUID) -> None:
    """Administration: close the address of anybody, who lost a phone, for one. Raises Refused, NotFound."""
    if not actor.has_perm("appointments.change_calendar"):
        raise Refused
    row = CalendarFeed.objects.filter(id=feed_id).first()
    if row is None:
        raise NotFound
    _write_down(actor, row, "cancel", "role")
    _close(row)


def _close(row: CalendarFeed) -> None:
    CalendarFeed.objects.filter(id=row.id, revoked_at=None).update(open_key=str(row.id), revoked_at=clock.now())


def _write_down(actor: User | None, row: CalendarFeed, action: str, right: str) -> None:
    record_access(
        actor=actor,
        patient_id=row.owner_id if row.owner == PATIENT else None,
        action=action,
        resource="calendar-feed",
        resource_id=row.id,
        purpose="self" if row.owner == PATIENT and right != "role" else "appointments",
        right=right,
    )


def feed_of_token(token: str) -> CalendarFeed:
    """The open feed at this address. Raises NotFound, also when its owner is not here any more."""
    row = CalendarFeed.objects.filter(token_hash=_hash(token), revoked_at=None).first()
    if row is None:
        raise NotFound
    card: PatientCard | PractitionerCard | None = (
        patients.patient_cards([row.owner_id]).get(row.owner_id)
        if row.owner == PATIENT
        else patients.practitioner_cards([row.owner_id]).get(row.owner_id)
    )
    if card is None or not card.active:
        raise NotFound
    return row


def text_of(row: CalendarFeed) -> FeedText:
    """What the feed says now: time and place of each visit, cancelled ones as cancelled."""
    # The window moves once a day, so that a text stays the same for that long when nothing else changes.
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    key = "patient_id" if row.owner == PATIENT else "practitioner_id"
    rows = list(
        Appointment.objects.filter(**{key: row.owner_id}, start__gte=today - BACK, start__lt=today + AHEAD).order_by(
            "start", "id"
        )[:MOST]
    )
    with translation.override(row.language):
        summary = _("Appointment") if row.owner == PATIENT else _("Visit")
        content = ics.feed(rows, summary=summary).encode()
    return FeedText(
        content=content,
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        changed=max([today, row.created_at, *(one.changed_at for one in rows)]),
    )


def note_reading(row: CalendarFeed) -> None:
    """The access entry of one reading, before it is answered."""
    _write_down(None, row, "export", "feed")
    now = clock.now()
    if row.read_at is None or now - row.read_at > _NOTED:
        CalendarFeed.objects.filter(id=row.id).update(read_at=now)
