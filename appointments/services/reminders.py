"""Reminders: found by a look at the visits that start in so many hours, each promised once.

The look may run twice at once, be killed, or be late. Each reminder is a unique row written together with its event;
what the event leads to is made once by the inbox and by the mail's own key. What a late look finds stale it leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Q

from appointments import reminder_rules, rules
from appointments.models import Appointment, AppointmentHistory, Reminder
from appointments.services.changes import tell
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.transactions import transactional

BATCH: Final = 500
#: Long after any window of reminders, and after the inbox has forgotten their events.
KEPT: Final = timedelta(days=90)

#: Steps that give a visit its time. At each of them the patient is told.
_SETTLING: Final = ("book", "import", "move")
_UPCOMING: Final = [status.value for status in rules.UPCOMING]


def remind_due() -> int:
    """Promise every reminder that is due now. Returns how many were promised by this call."""
    now = clock.now()
    # The shortest notice first: after an outage in which two became due, the later of the two says it all.
    return sum(
        _promise(appointment, hours) for hours in sorted(settings.REMINDER_HOURS) for appointment in _due(now, hours)
    )


def _due(now: datetime, hours: int) -> Iterator[Appointment]:
    after, until = reminder_rules.window(now, hours)
    rows = Appointment.objects.filter(start__gt=after, start__lte=until, status__in=_UPCOMING).order_by("start", "id")
    batch = list(rows[:BATCH])
    while batch:
        ids = [row.id for row in batch]
        done = set(
            Reminder.objects.filter(appointment_id__in=ids, hours__lte=hours).values_list("appointment_id", "sequence")
        )
        settled = _settled(ids)
        for row in batch:
            if (row.id, row.sequence) in done:
                continue
            if reminder_rules.is_due(row.start, now, hours, settled.get(row.id, row.created_at)):
                yield row
        last = batch[-1]
        batch = list(rows.filter(Q(start__gt=last.start) | Q(start=last.start, id__gt=last.id))[:BATCH])


def _settled(ids: list[UUID]) -> dict[UUID, datetime]:
    """When each visit got its present time."""
    found: dict[UUID, datetime] = {}
    steps = AppointmentHistory.objects.filter(appointment_id__in=ids, action__in=_SETTLING)
    for appointment_id, at in steps.values_list("appointment_id", "at"):
        found[appointment_id] = max(at, found.get(appointment_id, at))
    return found


def _promise(seen: Appointment, hours: int) -> bool:
    @transactional(APPOINTMENTS)
    def promise() -> bool:
        current = Appointment.objects.filter(id=seen.id, sequence=seen.sequence, status__in=_UPCOMING).first()
        if current is None:
            return False
        Reminder.objects.create(appointment_id=current.id, sequence=current.sequence, hours=hours)
        tell("appointment.reminder_due", current, hours=hours)
        return True

    try:
        return promise()
    except IntegrityError:
        # Another look was faster.
        return False


def forget_old() -> int:
    """Delete the marks of reminders of long ago. Returns how many."""
    return Reminder.objects.filter(created_at__lt=clock.now() - KEPT).delete()[0]
