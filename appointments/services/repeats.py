"""`Idempotency-Key`: a booking that is asked for twice is one appointment."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from appointments import access
from appointments.models import Appointment, BookingKey
from appointments.services.holds import KEY_LASTS
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import Conflict, Invalid

_FIELD = "idempotency_key"


def key_of(actor: User, key: str, asked: tuple[object, ...]) -> BookingKey | None:
    """The key of this request, not saved yet; None without one. `asked` is all that makes the request what it is."""
    key = key.strip()
    if not key:
        return None
    if len(key) > 100 or not key.isprintable():
        raise Invalid({_FIELD: [_("From 1 to 100 printable characters.")]})
    digest = hashlib.sha256(json.dumps([_text(part) for part in asked]).encode()).hexdigest()
    return BookingKey(actor_id=actor.id, key=key, digest=digest)


def _text(part: object) -> str:
    # The same instant written with another offset is the same wish.
    if isinstance(part, datetime) and part.utcoffset() is not None:
        return part.astimezone(UTC).isoformat()
    return str(part)


def find(actor: User, key: BookingKey) -> Appointment | None:
    """The appointment that was booked with this key, through its door, as it is now. Raises Invalid when the key stands
    for another request."""
    row = BookingKey.objects.filter(actor_id=key.actor_id, key=key.key, created_at__gte=clock.now() - KEY_LASTS).first()
    if row is None:
        return None
    if row.digest != key.digest:
        raise Invalid({_FIELD: [_("This key belongs to another request. Use a new one for each booking.")]})
    found = access.access_appointment(actor=actor, appointment_id=row.appointment_id)
    found.repeated = True
    return found


def remember(key: BookingKey, appointment: Appointment) -> None:
    """In the booking's transaction. Raises Conflict when another one has used the key since it was looked up."""
    known = BookingKey.objects.filter(actor_id=key.actor_id, key=key.key)
    known.filter(created_at__lt=clock.now() - KEY_LASTS).delete()
    if known.exists():
        raise Conflict
    key.appointment_id = appointment.id
    key._state.adding = True
    key.save(force_insert=True)
