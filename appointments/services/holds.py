"""Keep a time while somebody fills in the form."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError

from appointments import access, rules
from appointments.models import Appointment, BookingKey, Hold
from appointments.places import check_start, find_place
from appointments.services import cells
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import NotFound, Refused, SlotTaken
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import transactional
from patients import interface as patients

#: How long the key of a booking is remembered.
KEY_LASTS = timedelta(hours=24)


def hold(*, actor: User, practitioner_id: UUID, type_code: str, start: object) -> Hold:
    """Keep the time for the actor until `Hold.expires`. What they kept before is given back: one person fills in one
    form. Asked again for the same time, it lasts from now on again.

    Raises Invalid by field, SlotTaken, and Refused for who may book nothing.
    """
    if not patients.patient_side(actor) and not actor.has_perm(access.BOOK_FOR_OTHERS):
        raise Refused
    place = find_place(
        actor=actor, practitioner_id=practitioner_id, type_code=type_code, start=check_start(start), overbook=False
    )
    kept = Hold(
        id=new_id(),
        owner_id=actor.id,
        practitioner_id=practitioner_id,
        type_code=place.type_code,
        zone=place.calendar.zone,
        place=place.calendar.place,
        start=place.span.start,
        busy_start=place.busy.start,
        busy_end=place.busy.end,
        expires=clock.now() + timedelta(seconds=settings.HOLD_SECONDS),
    )

    @transactional(APPOINTMENTS)
    def keep() -> None:
        for before in Hold.objects.filter(owner_id=actor.id):
            cells.drop_hold(before)
        kept.resource_ids = [str(one) for one in cells.claim_hold(kept, place.needs)]
        kept._state.adding = True
        kept.save(force_insert=True)

    try:
        keep()
    except IntegrityError:
        raise SlotTaken from None
    return kept


def release_hold(*, actor: User, hold_id: UUID | None = None) -> None:
    """Give back what the actor keeps. Raises NotFound for a named one that is not theirs or not there."""
    rows = Hold.objects.filter(owner_id=actor.id)
    if hold_id is not None:
        rows = rows.filter(id=hold_id)
        if not rows.exists():
            raise NotFound

    @transactional(APPOINTMENTS)
    def give_back() -> None:
        for row in rows.all():
            cells.drop_hold(row)

    if rows.exists():
        give_back()


def use_holds(actor: User | None, appointment: Appointment, now: datetime) -> None:
    """In the booking's transaction: what the actor keeps for just this visit becomes the visit's, the rest is given
    back."""
    if actor is None:
        return
    for row in Hold.objects.filter(owner_id=actor.id):
        span = rules.Span(row.busy_start, row.busy_end)
        same = (row.practitioner_id, row.type_code, span) == (
            appointment.practitioner_id,
            appointment.type_code,
            rules.Span(appointment.busy_start, appointment.busy_end),
        )
        if same and row.expires > now:
            cells.adopt(row, appointment)
        else:
            cells.drop_hold(row)


def forget_expired() -> int:
    """Delete holds that are over and booking keys that are old; returns how many. Nothing waits for it: both end by
    themselves."""
    now = clock.now()
    over = list(Hold.objects.filter(expires__lte=now)[:1000])

    @transactional(APPOINTMENTS)
    def sweep() -> None:
        for row in over:
            cells.drop_hold(row)

    if over:
        sweep()
    old, _rows = BookingKey.objects.filter(created_at__lt=now - KEY_LASTS).delete()
    return len(over) + old
