"""What ops may ask of reports."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Sum

from medisecure.reports.asking import ask_export
from medisecure.reports.models import Job
from medisecure.reports.running import run_job

__all__ = ["ask_export", "job_files", "run_job"]


def job_files(job_id: UUID) -> tuple[int, int]:
    """How many rows a job that is ready wrote, and how many bytes its files have."""
    found = Job.objects.filter(id=job_id).annotate(bytes=Sum("files__size")).values_list("rows", "bytes").get()
    return found[0], found[1] or 0
