"""Numbers of a waiting room: one series for each place and day, so that a screen calls people without their names."""

from __future__ import annotations

from typing import Any, Final

from appointments.models import Appointment
from medisecure.kernel import clock

#: Tries to draw a number that nobody else drew at the same moment.
ATTEMPTS: Final = 20

#: What a visit without a number has.
NONE: Final[dict[str, Any]] = {"ticket": 0, "ticket_day": None, "arrived_at": None, "called_at": None, "door": ""}


def draw(appointment: Appointment) -> dict[str, Any]:
    """The fields of the next number of the visit's place today. Who writes it first has it: the unique index raises
    IntegrityError for everybody else."""
    now = clock.now()
    day = clock.local(now, appointment.zone).date()
    drawn = Appointment.objects.filter(place=appointment.place, ticket_day=day, ticket__gt=0)
    last = drawn.order_by("-ticket").values_list("ticket", flat=True).first() or 0
    return NONE | {"ticket": last + 1, "ticket_day": day, "arrived_at": now}
