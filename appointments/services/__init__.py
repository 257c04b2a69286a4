"""Use cases of appointments: each is one transaction, one access entry, its history and its events.

Order, everywhere: what the actor may do is checked, the access entry is written on the default database, and only then
the transaction on this one runs. See `access.write_down`.
"""

from __future__ import annotations

from appointments.services.booking import book, cancel, move
from appointments.services.course import arrive, call_in, complete, confirm, no_show, start, undo
from appointments.services.holds import forget_expired, hold, release_hold
from appointments.services.screens import open_screen, revoke_screen
from appointments.services.setup import add_leave, create_calendar, create_resource, create_type, seed_appointment

__all__ = [
    "add_leave",
    "arrive",
    "book",
    "call_in",
    "cancel",
    "complete",
    "confirm",
    "create_calendar",
    "create_resource",
    "create_type",
    "forget_expired",
    "hold",
    "move",
    "no_show",
    "open_screen",
    "release_hold",
    "revoke_screen",
    "seed_appointment",
    "start",
    "undo",
]
