"""Celery entry points. An export may take long: its limit stays below the half hour after which RabbitMQ takes a
message back from a worker that has not confirmed it."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from medisecure.kernel.nudges import nudge
from medisecure.reports import running, scheduling
from medisecure.reports.models import Job

#: What was asked for → its queue.
QUEUES = {Job.What.REPORT.value: "reports", Job.What.EXPORT.value: "exports"}
_HARD, _SOFT = 1500, 1440


def nudge_job(job_id: UUID, what: str) -> None:
    """Ask a worker to make it now. When the broker is away the regular look does so later."""
    nudge(lambda: make_job.apply_async(args=(str(job_id),), queue=QUEUES[what], retry=False), f"job {job_id}")


@shared_task(name="reports.make", time_limit=_HARD, soft_time_limit=_SOFT)
def make_job(job_id: str) -> bool:
    return running.run_job(UUID(job_id))


@shared_task(name="reports.resume")
def resume_jobs() -> int:
    """Hand out what the nudges missed and what a dead worker left: one task each, so that a long one delays none."""
    found = running.hand_out()
    for job_id, what in found:
        make_job.apply_async(args=(str(job_id),), queue=QUEUES[what])
    return len(found)


@shared_task(name="reports.run_schedules")
def run_schedules() -> int:
    return scheduling.run_schedules()


@shared_task(name="reports.expire")
def expire_jobs() -> int:
    return running.expire_jobs()
