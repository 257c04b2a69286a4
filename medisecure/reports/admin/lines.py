"""Jobs as the pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from medisecure.accounts.models import User
from medisecure.reports.kinds import LABELS
from medisecure.reports.kinds.common import people
from medisecure.reports.models import Job, Schedule
from medisecure.reports.naming import job_name
from medisecure.reports.rules import Kind
from medisecure.reports.running import TOO_LONG, WORKER_LOST
from patients.interface import unit_choices

#: Why it failed → what to do. Anything else was a fault of ours.
_WHY: Final[dict[str, str | Promise]] = {
    "refused": gettext_lazy("You may not ask for this any more."),
    "not-found": gettext_lazy("This list has changed. Open it and ask again there."),
    "invalid": gettext_lazy("This list has changed. Open it and ask again there."),
    "too-many-rows": gettext_lazy("There are more rows than one sheet of Excel holds. Choose CSV, or filter the list."),
    TOO_LONG: gettext_lazy("It took too long. Ask for a shorter time, or filter the list."),
    WORKER_LOST: gettext_lazy(
        "It was interrupted several times. Ask again, and tell the administrators if it happens again."
    ),
}


@dataclass(frozen=True, slots=True)
class FileLine:
    format: str
    label: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class JobLine:
    id: UUID
    what: str
    what_label: str
    name: str
    status: str
    status_label: str
    pending: bool
    progress: int
    rows: int
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    files: Sequence[FileLine]
    why: str
    #: Asked for by somebody else; empty for one's own.
    whose: str
    again: bool
    repeated: bool


def job_line(job: Job, actor: User) -> JobLine:
    own = job.requested_by_id == actor.id
    ready = job.status == Job.Status.READY
    over = not job.pending
    return JobLine(
        id=job.id,
        what=job.what,
        what_label=str(job.get_what_display()),
        name=job_name(job),
        status=job.status,
        status_label=str(job.get_status_display()),
        pending=job.pending,
        progress=job.progress,
        rows=job.rows,
        asked_at=job.asked_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at if ready else None,
        files=[
            FileLine(file.format, str(file.get_format_display()), file.size, file.sha256)
            for file in (job.files.all() if ready else ())
        ],
        why=_why(job),
        whose="" if own else job.requested_by.full_name,
        again=own and over and (job.what == Job.What.REPORT or "query" in job.parameters),
        repeated=job.schedule_id is not None,
    )


def _why(job: Job) -> str:
    if job.status != Job.Status.FAILED:
        return ""
    return str(_WHY.get(job.error) or _("Something went wrong on our side. Ask again; nothing was lost."))


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    id: UUID
    name: str
    when: str
    #: place, unit, practitioner, as far as they are named
    narrowed: str
    since: datetime


def schedule_lines(rows: Sequence[Schedule], actor: User) -> list[ScheduleLine]:
    narrowed = narrowings([row.parameters for row in rows], actor)
    return [
        ScheduleLine(row.id, str(LABELS[Kind(row.kind)]), str(row.get_every_display()), words, row.created_at)
        for row, words in zip(rows, narrowed, strict=True)
    ]


def narrowings(asked: Sequence[Mapping[str, str]], actor: User) -> list[str]:
    """To what each was narrowed, in words: two queries for any number."""
    names = people({UUID(found["practitioner"]) for found in asked if found.get("practitioner")})
    units = dict(unit_choices(actor)) if any(found.get("unit") for found in asked) else {}
    return [
        " · ".join(
            part
            for part in (
                found.get("place", ""),
                units.get(UUID(found["unit"]), "") if found.get("unit") else "",
                names[UUID(found["practitioner"])] if found.get("practitioner") else "",
            )
            if part
        )
        for found in asked
    ]
