"""Calendars that a calendar program reads by a secret address: one for each patient, one more for each person who
stands for them, and one for each practitioner.

The address is the key. It is shown once, when it is made; what we keep is its hash. A new one closes the old one, and
the right behind it is asked anew at each reading.
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

from appointments import access, ics
from appointments.models import Appointment, CalendarFeed
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Conflict, NotFound, Refused
from medisecure.kernel.ids import new_id
from medisecure.kernel.models import PinnedQuerySet
from medisecure.kernel.transactions import transactional
from patients import interface as patients

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


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose visits a feed shows, and as what its reader sees them. `stand` is None for a practitioner's own."""

    owner_id: UUID
    reader_id: UUID
    stand: patients.Stand | None

    @property
    def key(self) -> str:
        if self.stand is None:
            return f"{PRACTITIONER}:{self.owner_id}"
        return f"{PATIENT}:{self.owner_id}" if self.stand.is_self else f"behalf:{self.owner_id}:{self.reader_id}"

    @property
    def right(self) -> str:
        return self.stand.right if self.stand else "self"

    @property
    def visits(self) -> PinnedQuerySet[Appointment]:
        if self.stand is None:
            return Appointment.objects.filter(practitioner_id=self.owner_id)
        rows = Appointment.objects.filter(patient_id=self.owner_id)
        return rows.filter(booked_by=self.reader_id) if self.stand.restricted else rows


@dataclass(frozen=True, slots=True)
class OpenFeed:
    """A feed that may be read now."""

    row: CalendarFeed
    whose: Whose


def _hash(token: str) -> str:
    # 256 random bits need no salt and no slow hash: there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()


def _whose(actor: User, owner: str, patient_id: UUID | None) -> Whose:
    """Raises Refused for who is no patient, or no practitioner; NotFound for somebody they do not stand for."""
    if owner == PRACTITIONER:
        practitioner_id = patients.practitioner_for_user(actor.id)
        if practitioner_id is None:
            raise Refused
        return Whose(practitioner_id, actor.id, None)
    stand = access.stand(actor, patient_id) if owner == PATIENT else None
    if stand is None:
        raise Refused
    return Whose(stand.patient_id, actor.id, stand)


def feed_of(actor: User, owner: str, patient_id: UUID | None = None) -> CalendarFeed | None:
    """The actor's feed of themselves, or of `patient_id`, for whom they stand, if it is open."""
    return CalendarFeed.objects.filter(open_key=_whose(actor, owner, patient_id).key).first()


def make_feed(*, actor: User, owner: str, patient_id: UUID | None = None) -> tuple[CalendarFeed, str]:
    """Make the actor's feed and its address, which is told this once. The one before it stops working.

    Raises Refused for who is no patient, or no practitioner; NotFound for somebody they do not stand for; Conflict when
    two make one at the same moment.
    """
    whose = _whose(actor, owner, patient_id)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    row = CalendarFeed(
        id=new_id(),
        owner=owner,
        owner_id=whose.owner_id,
        open_key=whose.key,
        token_hash=_hash(token),
        language=get_language() or settings.LANGUAGE_CODE,
        created_by=actor.id,
    )
    _write_down(actor, row, "create", whose.right)

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


def close_feed(*, actor: User, owner: str, patient_id: UUID | None = None) -> None:
    """The actor's own address stops working at once. Closing what is closed is no mistake."""
    whose = _whose(actor, owner, patient_id)
    row = CalendarFeed.objects.filter(open_key=whose.key).first()
    if row:
        _write_down(actor, row, "cancel", whose.right)
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


def _write_down(actor: User | None, row: CalendarFeed, action: str, right: str, *, purpose: str = "") -> None:
    record_access(
        actor=actor,
        patient_id=row.owner_id if row.owner == PATIENT else None,
        action=action,
        resource="calendar-feed",
        resource_id=row.id,
        purpose=purpose or (access.purpose_of(right) if row.owner == PATIENT else "appointments"),
        right=right,
    )


def find(token: str) -> OpenFeed:
    """The open feed at this address. Raises NotFound, also when its owner is not here any more, and when its reader is
    no longer the patient's own account or no longer stands for them."""
    row = CalendarFeed.objects.filter(token_hash=_hash(token), revoked_at=None).first()
    if row is None:
        raise NotFound
    if row.owner == PRACTITIONER:
        card = patients.practitioner_cards([row.owner_id]).get(row.owner_id)
        if card is None or not card.active:
            raise NotFound
        return OpenFeed(row, Whose(row.owner_id, row.created_by, None))
    patient = patients.patient_cards([row.owner_id]).get(row.owner_id)
    reader = User.objects.filter(id=row.created_by, is_active=True).first()
    if patient is None or not patient.active or reader is None:
        raise NotFound
    # The id of a file that was merged leads to the one that has its visits now.
    return OpenFeed(row, Whose(patient.id, reader.id, access.stand(reader, patient.id)))


def text_of(feed: OpenFeed) -> FeedText:
    """What the feed says now: time and place of each visit, cancelled ones as cancelled."""
    # The window moves once a day, so that a text stays the same for that long when nothing else changes.
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    found = feed.whose.visits.filter(start__gte=today - BACK, start__lt=today + AHEAD).order_by("start", "id")
    rows = list(found[:MOST])
    with translation.override(feed.row.language):
        summary = _("Appointment") if feed.row.owner == PATIENT else _("Visit")
        content = ics.feed(rows, summary=summary).encode()
    return FeedText(
        content=content,
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        changed=max([today, feed.row.created_at, *(one.changed_at for one in rows)]),
    )


def note_reading(feed: OpenFeed) -> None:
    """The access entry of one reading, before it is answered."""
    row = feed.row
    _write_down(None, row, "export", "feed", purpose=access.purpose_of(feed.whose.right) if feed.whose.stand else "")
    now = clock.now()
    if row.read_at is None or now - row.read_at > _NOTED:
        CalendarFeed.objects.filter(id=row.id).update(read_at=now)
