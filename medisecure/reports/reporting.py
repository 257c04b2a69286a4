"""Making a report: figures once, then PDF and CSV of the same."""

from __future__ import annotations

import io

from medisecure.kernel import clock
from medisecure.kernel.errors import Refused
from medisecure.reports.access import kinds_for
from medisecure.reports.kinds import Asked, build
from medisecure.reports.models import JobFile
from medisecure.reports.paper import as_csv, as_pdf
from medisecure.reports.running import Run


def make(run: Run) -> None:
    """Raises `Refused` when the asker may not ask for it any more."""
    asked = Asked.read(run.job.subject, run.actor, run.job.parameters)
    if not run.actor.is_active or asked.kind not in kinds_for(run.actor):
        raise Refused
    run.step(5, now=True)
    report = build(asked, lambda percent: run.step(percent, now=True))
    run.job.rows = sum(len(table.rows) for table in report.tables)
    made_at = clock.now()
    run.step(70, now=True)
    pdf = as_pdf(report, made_at=made_at)
    run.step(85, now=True)
    run.put(JobFile.Format.PDF, io.BytesIO(pdf))
    run.put(JobFile.Format.CSV, io.BytesIO(as_csv(report, made_at=made_at)))
