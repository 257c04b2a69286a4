"""Making what was asked for: one worker each, by comparison, for a while that each step forward renews.

A worker that dies is followed by another one when its time is over; after a few tries the job has failed, says so, and
can be asked for again. So nothing is in the making for ever. Nothing here runs inside a transaction: the register must
not wait for an export.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import translation

from medisecure.accounts.interface import user_card
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import DomainError
from medisecure.kernel.transactions import atomic
from medisecure.notifications.interface import notify_user, queue_mail
from medisecure.reports import rules, store
from medisecure.reports.models import Job, JobFile
from medisecure.reports.naming import job_name
from medisecure.reports.store import Stored

log = logging.getLogger(__name__)

#: Between two notes of how far it is, unless it is done.
_PAUSE: Final = 1.0
#: Before one that waits in a queue is handed out once more.
_PATIENCE: Final = timedelta(minutes=10)
WORKER_LOST: Final = "worker-lost"
TOO_LONG: Final = "too-long"

Maker = Callable[["Run"], list[Stored]]


class Lost(Exception):
    """It was cancelled, or another worker has it."""


class Run:
    """One try at a job by one worker. `actor` is the asker, with the rights that they have now."""

    def __init__(self, job: Job, claim: Any) -> None:
        self.job, self.claim = job, claim
        self.actor = User.objects.get(id=job.requested_by_id)
        self._noted = time.monotonic()
        #: What is stored and must go if the job does not get as far as saying so.
        self.stored: list[Stored] = []

    def mine(self) -> QuerySet[Job]:
        return Job.objects.filter(id=self.job.id, status=Job.Status.RUNNING, claimed_until=self.claim)

    def step(self, percent: int, rows: int | None = None, *, now: bool = False) -> None:
        """Note how far it is, and keep the job. Raises `Lost`."""
        if not now and time.monotonic() - self._noted < _PAUSE:
            return
        self._noted = time.monotonic()
        claim = clock.now() + rules.LEASE
        values: dict[str, Any] = {"progress": min(percent, 99), "claimed_until": claim}
        if rows is not None:
            values["rows"] = rows
        if not self.mine().update(**values):
            raise Lost
        self.claim = claim

    def put(self, format_: str, file: Any) -> None:
        self.stored.append(store.put(self.job.id, format_, file))


def claimable() -> QuerySet[Job]:
    """Asked for, or left by a worker that died."""
    return Job.objects.filter(Q(status=Job.Status.ASKED) | Q(status=Job.Status.RUNNING, claimed_until__lte=clock.now()))


def hand_out(limit: int = 50) -> list[tuple[UUID, str]]:
    """Jobs that a worker is to be told of, with what each is, the oldest first. One that only waits for its turn is not
    handed out again at each look."""
    now = clock.now()
    waiting = Q(status=Job.Status.ASKED, claimed_until=None) | Q(claimed_until__lte=now)
    found = list(claimable().filter(waiting).order_by("id").values_list("id", "what")[:limit])
    ids = [job_id for job_id, _what in found]
    Job.objects.filter(id__in=ids, status=Job.Status.ASKED).update(claimed_until=now + _PATIENCE)
    return found


def run_job(job_id: UUID) -> bool:
    """Make one, unless another worker does. True when it is ready now."""
    now = clock.now()
    claim = now + rules.LEASE
    taken = claimable().filter(id=job_id)
    if not taken.update(
        status=Job.Status.RUNNING,
        claimed_until=claim,
        progress=0,
        rows=0,
        attempts=F("attempts") + 1,
        started_at=now,
    ):
        return False
    job = Job.objects.select_related("requested_by").get(id=job_id)
    run = Run(job, claim)
    if job.attempts > rules.MOST_ATTEMPTS:
        store.sweep(job.id)
        _fail(run, WORKER_LOST)
        return False
    try:
        with translation.override(job.language):
            if job.attempts > 1:
                store.sweep(job.id)
            _maker(job)(run)
            return _finish(run)
    except Lost:
        store.discard(run.stored)
    except SoftTimeLimitExceeded:
        store.discard(run.stored)
        _fail(run, TOO_LONG)
    except DomainError as error:
        store.discard(run.stored)
        _fail(run, error.code)
    except Exception as error:  # noqa: BLE001 - whatever it was, the row must say so; a second try may do better
        # The type only: the text of an error may quote what was being written.
        log.error("job %s failed: %s", job.id, type(error).__name__)
        store.discard(run.stored)
        if job.attempts >= rules.MOST_ATTEMPTS:
            _fail(run, type(error).__name__)
        else:
            run.mine().update(status=Job.Status.ASKED, claimed_until=None)
    return False


def _maker(job: Job) -> Callable[[Run], None]:
    from medisecure.reports import exporting, reporting

    return reporting.make if job.what == Job.What.REPORT else exporting.make


def _finish(run: Run) -> bool:
    job, now = run.job, clock.now()
    days = rules.REPORT_DAYS if job.what == Job.What.REPORT else rules.EXPORT_DAYS
    with atomic(DEFAULT):
        done = run.mine().update(
            status=Job.Status.READY,
            progress=100,
            claimed_until=None,
            finished_at=now,
            expires_at=now + timedelta(days=days),
            rows=job.rows,
            error="",
        )
        if done:
            JobFile.objects.bulk_create(
                JobFile(job=job, format=item.format, key=item.key, size=item.size, sha256=item.sha256)
                for item in run.stored
            )
            _tell(job, days)
    if not done:
        store.discard(run.stored)
    return bool(done)


def _fail(run: Run, error: str) -> None:
    job = run.job
    with atomic(DEFAULT):
        failed = run.mine().update(
            status=Job.Status.FAILED, claimed_until=None, finished_at=clock.now(), error=error[:80]
        )
        if failed:
            kind = "report-failed" if job.what == Job.What.REPORT else "list-export-failed"
            notify_user(dedupe_key=f"{job.id}:{kind}", user_id=job.requested_by_id, kind=kind, url=address(job.id))


def address(job_id: UUID) -> str:
    return reverse("admin:reports_job_detail", args=[job_id])


def _tell(job: Job, days: int) -> None:
    """A line in the inbox, and a mail that says what is ready and nothing of what is in it."""
    kind = "report-ready" if job.what == Job.What.REPORT else "list-export-ready"
    notify_user(dedupe_key=f"{job.id}:{kind}", user_id=job.requested_by_id, kind=kind, url=address(job.id))
    account = user_card(job.requested_by_id)
    if account is None or not account.active:
        return
    with translation.override(account.language):
        queue_mail(
            dedupe_key=f"{job.id}:{kind}",
            to_email=account.email,
            language=account.language,
            template="report_ready",
            context={"name": account.full_name, "what": job_name(job), "path": address(job.id), "days": days},
            user_id=account.id,
        )


def expire_jobs() -> int:
    """Delete the files of jobs whose time is over, and what was searched for with them. The files go first: a row that
    says "expired" has none. Of what failed or was cancelled so long ago, the same."""
    now = clock.now()
    long_ago = now - timedelta(days=rules.EXPORT_DAYS)
    over = Q(status=Job.Status.READY, expires_at__lte=now) | Q(
        status__in=(Job.Status.FAILED, Job.Status.CANCELLED), asked_at__lte=long_ago, expires_at=None
    )
    count = 0
    for job in Job.objects.filter(over).order_by("id")[:500]:
        store.sweep(job.id)
        after = Job.Status.EXPIRED if job.status == Job.Status.READY else job.status
        kept = {name: value for name, value in job.parameters.items() if name != "query"}
        with atomic(DEFAULT):
            JobFile.objects.filter(job=job).delete()
            rows = Job.objects.filter(id=job.id, status=job.status)
            count += rows.update(status=after, parameters=kept, expires_at=job.expires_at or now)
    return count
