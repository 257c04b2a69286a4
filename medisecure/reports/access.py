"""Who may ask for what, and who may have what was made."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from medisecure.accounts.models import User
from medisecure.kernel.errors import NotFound
from medisecure.reports.models import Job
from medisecure.reports.rules import Kind

ASK: Final = "reports.ask_report"
ASK_AUDIT: Final = "reports.ask_audit_report"
EXPORT: Final = "reports.export_list"


def kinds_for(actor: User) -> list[Kind]:
    """The reports that the actor may ask for, and have, whoever asked for them."""
    return [kind for kind in Kind if actor.has_perm(ASK_AUDIT if kind is Kind.AUDIT else ASK)]


def visible_jobs(actor: User) -> QuerySet[Job]:
    """One's own, and reports of the kinds one may ask for oneself. An export is its asker's alone: another one might
    see another list."""
    mine = Q(requested_by=actor)
    if kinds := kinds_for(actor):
        mine |= Q(what=Job.What.REPORT, subject__in=kinds)
    return Job.objects.filter(mine)


def find(actor: User, job_id: UUID) -> Job:
    """Raises `NotFound`."""
    job = visible_jobs(actor).select_related("requested_by").filter(id=job_id).first()
    if job is None:
        raise NotFound
    return job


def find_own(actor: User, job_id: UUID) -> Job:
    """Raises `NotFound` for another one's, which may be read and not cancelled."""
    job = find(actor, job_id)
    if job.requested_by_id != actor.id:
        raise NotFound
    return job
