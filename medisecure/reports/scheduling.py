"""Reports that come again: one for each week or month, however often one looks."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound
from medisecure.kernel.transactions import atomic
from medisecure.reports import rules
from medisecure.reports.access import kinds_for
from medisecure.reports.asking import make_job, read_filters, read_kind
from medisecure.reports.models import Job, Schedule
from medisecure.reports.rules import Every, Kind

log = logging.getLogger(__name__)

#: Of one person. More is a misunderstanding.
MOST_SCHEDULES = 20


def add_schedule(
    *,
    actor: User,
    kind: str,
    every: str,
    place: str = "",
    unit_id: UUID | None = None,
    practitioner_id: UUID | None = None,
) -> Schedule:
    """The first report is that of the week or month at hand, when it is over. Raises `Refused`, `Invalid` with kind,
    every, place, unit or practitioner, `Conflict` when there are many or the same already."""
    found = read_kind(actor, kind)
    if every not in set(Every):
        raise Invalid({"every": [_("Choose how often.")]})
    parameters = read_filters(actor, found, place=place, unit_id=unit_id, practitioner_id=practitioner_id)
    with atomic(DEFAULT):
        User.objects.select_for_update().get(id=actor.id)
        mine = list(Schedule.objects.filter(owner=actor, active=True))
        if any((row.kind, row.every, row.parameters) == (found.value, every, parameters) for row in mine):
            raise Conflict(_("You get this one already."))
        if len(mine) >= MOST_SCHEDULES:
            raise Conflict(_("You get %(count)d repeated reports already. End one of them.") % {"count": len(mine)})
        row = Schedule(owner=actor, kind=found.value, every=every, parameters=parameters)
        _audit(actor, row, "create")
        row.save(force_insert=True)
    return row


def end_schedule(*, actor: User, schedule_id: UUID) -> None:
    """Raises `NotFound` for another one's."""
    row = Schedule.objects.filter(id=schedule_id, owner=actor, active=True).first()
    if row is None:
        raise NotFound
    _audit(actor, row, "end")
    Schedule.objects.filter(id=row.id).update(active=False)


def schedules_of(actor: User) -> list[Schedule]:
    return list(Schedule.objects.filter(owner=actor, active=True))


def _audit(actor: User, row: Schedule, action: str) -> None:
    record_access(
        actor=actor,
        patient_id=None,
        action=action,
        resource="repeated-report",
        resource_id=f"{row.kind}:{row.id}",
        purpose="operations",
        right="role",
    )


def run_schedules() -> int:
    """Ask for each repeated report whose week or month is over and that was not asked for. Returns how many were.

    Who lost the right, or their account, gets none until they have it again. Of several weeks that were missed, the
    last one is made: the others can be asked for by hand.
    """
    today, count = clock.today(), 0
    for row in list(Schedule.objects.filter(active=True).select_related("owner").order_by("id")):
        span = rules.last_whole(Every(row.every), today)
        first = rules.present(Every(row.every), timezone.localdate(row.created_at))
        if span.first < first.first or not row.owner.is_active or Kind(row.kind) not in kinds_for(row.owner):
            continue
        if Job.objects.filter(schedule=row, period=span.key).exists():
            continue
        parameters = {"first": span.first.isoformat(), "last": span.last.isoformat(), **row.parameters}
        try:
            with atomic(DEFAULT):
                make_job(row.owner, Job.What.REPORT, row.kind, parameters, schedule=row, period=span.key)
        except IntegrityError:
            # Another look was faster: the unique index lets one through.
            continue
        count += 1
    return count
