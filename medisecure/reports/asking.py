"""Asking for reports and exports, taking them back, opening what was made: each with its entry in the log first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments.interface import places_open
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock, objects
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Text
from medisecure.kernel.transactions import atomic, on_commit
from medisecure.reports import naming, rules
from medisecure.reports.access import EXPORT, find, find_own, kinds_for
from medisecure.reports.lists import AdminList
from medisecure.reports.models import Job, JobFile
from medisecure.reports.rules import Kind, PeriodFault
from medisecure.reports.store import TYPES
from patients.interface import practitioner_cards, unit_choices

LINK_SECONDS: Final = 300


class TooManyJobs(Conflict):
    code = "too-many-jobs"
    title = gettext_lazy("You have several in the making already. Wait for one of them, or cancel it.")


def ask_report(
    *,
    actor: User,
    kind: str,
    first: date,
    last: date,
    place: str = "",
    unit_id: UUID | None = None,
    practitioner_id: UUID | None = None,
) -> Job:
    """Ask a worker for a report. The same one that the actor is waiting for already is not asked for twice.

    Raises `Refused` for a kind that the actor may not ask for, `Invalid` with kind, first, last, place, unit or
    practitioner, `TooManyJobs`.
    """
    found = read_kind(actor, kind)
    fault = rules.period_fault(found, first, last, clock.today())
    if fault is not None:
        raise Invalid(_period_error(found, fault))
    parameters = {"first": first.isoformat(), "last": last.isoformat()}
    parameters |= read_filters(actor, found, place=place, unit_id=unit_id, practitioner_id=practitioner_id)
    return _ask(actor, Job.What.REPORT, found.value, parameters)


def read_kind(actor: User, kind: str) -> Kind:
    if kind not in set(Kind):
        raise Invalid({"kind": [_("Choose a report.")]})
    if Kind(kind) not in kinds_for(actor):
        raise Refused
    return Kind(kind)


def _period_error(kind: Kind, fault: PeriodFault) -> dict[str, list[Text]]:
    match fault:
        case PeriodFault.ORDER:
            return {"last": [_("The last day is before the first.")]}
        case PeriodFault.EARLY:
            return {"first": [_("There is nothing before %(day)s.") % {"day": date_format(rules.EARLIEST)}]}
        case PeriodFault.LONG:
            return {"last": [_("A report spans %(count)d days at most.") % {"count": rules.LONGEST_DAYS}]}
    if kind in rules.LOOKS_AHEAD:
        return {"last": [_("This report looks at most %(count)d days ahead.") % {"count": rules.AHEAD_DAYS}]}
    return {"last": [_("This report is about days that are over, today at most.")]}


def read_filters(
    actor: User, kind: Kind, *, place: str, unit_id: UUID | None, practitioner_id: UUID | None
) -> dict[str, str]:
    """What a report is narrowed to, checked, as a job keeps it."""
    errors: dict[str, list[Text]] = {}
    if place and kind not in rules.BY_PLACE:
        errors["place"] = [_("This report cannot be narrowed to a place.")]
    elif place and place not in places_open():
        errors["place"] = [_("Nobody receives at this place.")]
    if unit_id is not None and kind not in rules.BY_UNIT:
        errors["unit"] = [_("This report cannot be narrowed to a unit.")]
    elif unit_id is not None and unit_id not in dict(unit_choices(actor)):
        errors["unit"] = [_("There is no such unit.")]
    if practitioner_id is not None and practitioner_id not in practitioner_cards([practitioner_id]):
        errors["practitioner"] = [_("There is no such practitioner.")]
    if errors:
        raise Invalid(errors)
    return {"place": place, "unit": str(unit_id or ""), "practitioner": str(practitioner_id or "")}


def ask_export(*, actor: User, label: str, query: str, columns: Sequence[str], format_: str) -> Job:
    """Ask a worker for a list of the admin, as the actor sees it.

    Raises `NotFound` for what is no list, `Refused`, `Invalid` with columns, format or query, `TooManyJobs`.
    """
    shown = open_list(actor, label, query)
    known = [column.name for column in shown.columns()]
    if not columns or not set(columns) <= set(known):
        raise Invalid({"columns": [_("Choose at least one column.")]})
    if format_ not in (JobFile.Format.CSV, JobFile.Format.XLSX):
        raise Invalid({"format": [_("Choose a format.")]})
    rows = shown.rows()
    if format_ == JobFile.Format.XLSX and rows.order_by()[: rules.SHEET_ROWS].count() >= rules.SHEET_ROWS:
        raise Invalid({"format": [sheet_limit()]})
    parameters = {
        "query": shown.query,
        # In the order of the list, whatever the order they were ticked in.
        "columns": [name for name in known if name in set(columns)],
        "format": format_,
    }
    return _ask(actor, Job.What.EXPORT, shown.label, parameters)


def sheet_limit() -> str:
    return _(
        "A sheet of Excel holds 1,048,576 rows, its heading included, and this list has more. Choose CSV, or filter "
        "the list."
    )


def open_list(actor: User, label: str, query: str) -> AdminList:
    """The list behind an export's form. Raises as `AdminList`, and `Refused` for who may not export."""
    if not actor.has_perm(EXPORT):
        raise Refused
    return AdminList(actor, label, query)


def _ask(actor: User, what: str, subject: str, parameters: dict[str, Any]) -> Job:
    with atomic(DEFAULT):
        # Two clicks at once wait for each other here, and the second one finds the first one's job.
        User.objects.select_for_update().get(id=actor.id)
        open_ = list(Job.objects.filter(requested_by=actor, status__in=(Job.Status.ASKED, Job.Status.RUNNING)))
        same = [job for job in open_ if (job.what, job.subject, job.parameters) == (what, subject, parameters)]
        if same:
            return same[0]
        if len(open_) >= rules.MOST_OPEN:
            raise TooManyJobs
        return make_job(actor, what, subject, parameters)


def make_job(actor: User, what: str, subject: str, parameters: dict[str, Any], **more: Any) -> Job:
    """The row and its entry in the log; a worker is told after the commit. Inside the caller's transaction."""
    job = Job(what=what, subject=subject, parameters=parameters, language=actor.language, requested_by=actor, **more)
    _audit(actor, job, "create" if what == Job.What.REPORT else "export")
    job.save(force_insert=True)
    on_commit(DEFAULT, lambda: _nudge(job), robust=True)
    return job


def _nudge(job: Job) -> None:
    from medisecure.reports.tasks import nudge_job

    nudge_job(job.id, job.what)


def _audit(actor: User, job: Job, action: str) -> None:
    record_access(
        actor=actor,
        patient_id=None,
        action=action,
        resource="report" if job.what == Job.What.REPORT else "list-export",
        # Which report or list: the row of the job says more, and for how long it is kept.
        resource_id=f"{job.subject.rpartition('.')[2][:27]}:{job.id}",
        purpose="operations",
        right="role",
    )


def cancel(*, actor: User, job_id: UUID) -> Job:
    """Take back what is not ready yet. The worker that has it notices at its next step. Raises `NotFound`, `Conflict`
    when it is over already."""
    job = find_own(actor, job_id)
    pending = Job.objects.filter(id=job.id, status__in=(Job.Status.ASKED, Job.Status.RUNNING))
    if not pending.update(status=Job.Status.CANCELLED, claimed_until=None, finished_at=clock.now()):
        raise Conflict(_("It is over already."))
    return job


def ask_again(*, actor: User, job_id: UUID) -> Job:
    """The same once more, of one's own that is over. Raises as asking does, and `Conflict` when what was asked for is
    no longer known."""
    job = find_own(actor, job_id)
    found = job.parameters
    if job.what == Job.What.EXPORT:
        if "query" not in found:
            raise Conflict(_("This is too long ago. Open the list and ask again there."))
        return ask_export(
            actor=actor, label=job.subject, query=found["query"], columns=found["columns"], format_=found["format"]
        )
    return ask_report(
        actor=actor,
        kind=job.subject,
        first=date.fromisoformat(found["first"]),
        last=date.fromisoformat(found["last"]),
        place=found.get("place", ""),
        unit_id=UUID(found["unit"]) if found.get("unit") else None,
        practitioner_id=UUID(found["practitioner"]) if found.get("practitioner") else None,
    )


def file_url(*, actor: User, job_id: UUID, format_: str) -> str:
    """An address that serves the file for a few minutes, after the check and the entry in the log. The right is asked
    for anew: who may not ask for it any more does not get it either. Raises `NotFound`, also for what has expired, and
    `Refused`."""
    job = find(actor, job_id)
    file = JobFile.objects.filter(job=job, format=format_).first()
    if file is None or job.status != Job.Status.READY or job.expires_at is None or job.expires_at <= clock.now():
        raise NotFound
    if job.what == Job.What.EXPORT:
        open_list(actor, job.subject, "")
    elif Kind(job.subject) not in kinds_for(actor):
        raise Refused
    _audit(actor, job, "download")
    return objects.documents().signed_url(
        file.key,
        seconds=LINK_SECONDS,
        filename=naming.filename(job, format_),
        content_type=TYPES[JobFile.Format(format_)],
    )
