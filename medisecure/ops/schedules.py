"""When jobs run: seeded from the release, changed by operations, read by the scheduler."""

from __future__ import annotations

from typing import Any, Final

from celery.schedules import ParseException, crontab, schedule
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, NotFound, Refused
from medisecure.kernel.transactions import transactional
from medisecure.ops.models import ScheduledJob
from medisecure.schedule import SCHEDULE

LONGEST: Final = 7 * 24 * 3600


def times_of(when: Any) -> dict[str, Any]:
    """A schedule as the columns of a job."""
    if isinstance(when, crontab):
        # What it was made of is not in its public face, but for how it is pickled.
        pickled: Any = when.__reduce__()
        minute, hour, weekday = pickled[1][:3]
        return {"every": None, "minute": str(minute), "hour": str(hour), "weekday": str(weekday)}
    return {"every": int(when), "minute": "", "hour": "", "weekday": ""}


def schedule_of(job: ScheduledJob) -> Any:
    """Raises ValueError for times that are none."""
    if job.every is not None:
        return schedule(float(job.every))
    try:
        return crontab(minute=job.minute, hour=job.hour, day_of_week=job.weekday)
    except ParseException as error:
        raise ValueError(str(error)) from None


@transactional(DEFAULT)
def seed() -> None:
    """Write the jobs of this release: new ones, those whose times it changed, and none that it no longer has. What
    operations have changed stays."""
    known = {job.name: job for job in ScheduledJob.objects.all()}
    for name, entry in SCHEDULE.items():
        times = times_of(entry["schedule"])
        job = known.pop(name, None)
        if job is None:
            ScheduledJob.objects.bulk_create([ScheduledJob(name=name, **times)], ignore_conflicts=True)
        elif not job.edited and any(getattr(job, key) != value for key, value in times.items()):
            ScheduledJob.objects.filter(id=job.id, edited=False).update(**times)
    ScheduledJob.objects.filter(name__in=list(known)).delete()


def change(*, actor: User, name: str, enabled: bool, **times: Any) -> None:
    """Run the job at other times, or not at all. Raises Refused, NotFound, Invalid by field."""
    if not actor.has_perm("ops.change_scheduledjob"):
        raise Refused
    job = ScheduledJob.objects.filter(name=name).first()
    if job is None:
        raise NotFound
    errors: dict[str, list[str]] = {}
    if job.every is not None:
        if not isinstance(times.get("every"), int) or not 1 <= times["every"] <= LONGEST:
            errors["every"] = [_("From 1 second to a week.")]
        wanted = {"every": times.get("every")}
    else:
        wanted = {key: str(times.get(key) or "*") for key in ("minute", "hour", "weekday")}
        for key in wanted:
            try:
                schedule_of(ScheduledJob(**{"minute": "0", "hour": "0", "weekday": "*"} | {key: wanted[key]}))
            except ValueError:
                errors[key] = [_("Numbers, ranges like 1-5, steps like */10, or * for all.")]
    if errors:
        raise Invalid(errors)
    _write(actor, job, {**wanted, "enabled": enabled, "edited": True})


def reset(*, actor: User, name: str) -> None:
    """Run the job when the release says. Raises Refused, NotFound."""
    if not actor.has_perm("ops.change_scheduledjob"):
        raise Refused
    job = ScheduledJob.objects.filter(name=name).first()
    if job is None or name not in SCHEDULE:
        raise NotFound
    _write(actor, job, {**times_of(SCHEDULE[name]["schedule"]), "enabled": True, "edited": False})


def _write(actor: User, job: ScheduledJob, values: dict[str, Any]) -> None:
    @transactional(DEFAULT)
    def write() -> None:
        record_access(
            actor=actor,
            patient_id=None,
            action="change",
            resource="scheduled_job",
            resource_id=job.name,
            purpose="operations",
            right="role",
        )
        ScheduledJob.objects.filter(id=job.id).update(**values)

    write()
