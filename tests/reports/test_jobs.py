"""What was asked for is made once, by one worker, for who may have it; what dies, is cancelled or is over says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock, objects
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused
from medisecure.notifications.interface import notices_for
from medisecure.reports import asking, reporting, rules, running, scheduling
from medisecure.reports.models import Job, JobFile, Schedule
from medisecure.reports.running import run_job
from patients.interface import PractitionerCard
from tests.cast import ALL_DATABASES
from tests.reports.conftest import FIRST, LAST
from tests.support import send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def ask(actor: User, kind: str = "activity", **changes: Any) -> Job:
    values: dict[str, Any] = {"first": FIRST, "last": LAST}
    return asking.ask_report(actor=actor, kind=kind, **values | changes)


def folder(job: Job) -> list[str]:
    return list(objects.documents().keys(f"reports/{job.id}"))


@pytest.fixture
def ready(alice: User) -> Job:
    job = ask(alice)
    assert run_job(job.id)
    return Job.objects.get(id=job.id)


def test_a_report_is_made_told_and_downloaded(alice: User, ready: Job) -> None:
    assert (ready.status, ready.progress, ready.attempts) == ("ready", 100, 1)
    assert ready.started_at is not None
    assert ready.finished_at is not None
    assert [file.format for file in ready.files.all()] == ["pdf", "csv"]
    assert len(folder(ready)) == 2
    # In their language, with the way to it and no figure.
    notice = notices_for(alice.id)[0]
    assert notice.url == f"/admin/reports/job/{ready.id}/"
    mail = send_mails()[0]
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert mail["Subject"].strip() == "Prêt : Activité, du 2 mars 2026 au 8 mars 2026"
    assert notice.url in text
    assert "90 jours" in text
    url = asking.file_url(actor=alice, job_id=ready.id, format_="pdf")
    assert "/files/" in url or "X-Amz-Signature" in url
    actions = list(AccessEntry.objects.filter(resource="report").order_by("id").values_list("action", "resource_id"))
    assert actions == [("create", f"activity:{ready.id}"), ("download", f"activity:{ready.id}")]


def test_the_file_is_what_its_hash_says(ready: Job) -> None:
    import hashlib

    for file in ready.files.all():
        with objects.documents().open(file.key) as content:
            data = content.read()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (file.sha256, file.size)


def test_who_may_ask_for_what(alice: User, olga: User, carol: User, dan: User) -> None:
    assert ask(olga, "audit").subject == "audit"
    for actor, kind in ((olga, "activity"), (carol, "revenue"), (dan, "audit")):
        with pytest.raises(Refused):
            ask(actor, kind)
    with pytest.raises(Invalid) as error:
        ask(alice, "weather")
    assert set(error.value.errors) == {"kind"}


def test_what_is_wrong_is_said_by_field(alice: User, bose_card: PractitionerCard) -> None:
    from medisecure.kernel.ids import new_id

    for changes, field in (
        ({"last": FIRST - timedelta(days=1)}, "last"),
        ({"last": clock.today() + timedelta(days=200), "first": clock.today()}, "last"),
        ({"first": date(1999, 1, 1)}, "first"),
        ({"place": "Nowhere"}, "place"),
        ({"unit_id": new_id()}, "unit"),
        ({"practitioner_id": new_id()}, "practitioner"),
        ({"kind": "revenue", "place": "Building B, room 12"}, "place"),
    ):
        with pytest.raises(Invalid) as error:
            ask(alice, **changes)
        assert set(error.value.errors) == {field}, changes
    assert not Job.objects.exists()


def test_the_same_is_not_asked_for_twice_and_not_many_at_a_time(alice: User) -> None:
    first = ask(alice)
    assert ask(alice).id == first.id
    assert AccessEntry.objects.filter(resource="report").count() == 1
    for days in range(1, rules.MOST_OPEN):
        ask(alice, first=FIRST - timedelta(days=days))
    with pytest.raises(asking.TooManyJobs):
        ask(alice, first=FIRST - timedelta(days=30))


def test_reports_are_for_the_asker_and_those_who_may_ask_for_them(
    ready: Job, olga: User, carol: User, dan: User
) -> None:
    other = User.objects.create_user("anna@example.org", full_name="Anna", is_staff=True)
    from django.contrib.auth.models import Group

    other.groups.add(Group.objects.get(name="administrator"))
    assert asking.file_url(actor=other, job_id=ready.id, format_="csv")
    # Another administrator may read it and not take it back.
    with pytest.raises(NotFound):
        asking.cancel(actor=other, job_id=ready.id)
    for actor in (olga, carol, dan):
        with pytest.raises(NotFound):
            asking.file_url(actor=actor, job_id=ready.id, format_="pdf")


def test_who_lost_the_right_gets_neither_the_file_nor_a_new_one(alice: User, ready: Job) -> None:
    waiting = ask(alice, "occupancy")
    alice.groups.clear()
    alice = User.objects.get(id=alice.id)
    with pytest.raises(Refused):
        asking.file_url(actor=alice, job_id=ready.id, format_="pdf")
    assert not run_job(waiting.id)
    row = Job.objects.get(id=waiting.id)
    assert (row.status, row.error, folder(row)) == ("failed", "refused", [])
    assert notices_for(alice.id)[0].url == f"/admin/reports/job/{row.id}/"


# --- Workers ----------------------------------------------------------------------------------------------------------
def test_one_worker_makes_it_and_another_follows_one_that_died(alice: User) -> None:
    job = ask(alice)
    assert running.hand_out() == [(job.id, "report")]
    # It waits in a queue now: the next look leaves it there.
    assert running.hand_out() == []
    Job.objects.filter(id=job.id).update(status="running", claimed_until=clock.now() + rules.LEASE, attempts=1)
    assert not run_job(job.id)
    assert running.hand_out() == []
    Job.objects.filter(id=job.id).update(claimed_until=clock.now() - timedelta(seconds=1))
    assert running.hand_out() == [(job.id, "report")]
    assert run_job(job.id)
    assert not run_job(job.id)
    assert len(folder(job)) == 2
    assert len(send_mails()) == 1


def test_a_job_that_kills_every_worker_has_failed(alice: User) -> None:
    job = ask(alice)
    Job.objects.filter(id=job.id).update(
        status="running", claimed_until=clock.now() - timedelta(seconds=1), attempts=rules.MOST_ATTEMPTS
    )
    assert not run_job(job.id)
    row = Job.objects.get(id=job.id)
    assert (row.status, row.error) == ("failed", running.WORKER_LOST)
    again = asking.ask_again(actor=alice, job_id=job.id)
    assert again.id != job.id
    assert run_job(again.id)


def test_a_fault_is_tried_again_and_then_said(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run: Any) -> None:
        run.put("csv", __import__("io").BytesIO(b"half"))
        raise ValueError("Asha Rao")

    monkeypatch.setattr(reporting, "make", broken)
    job = ask(alice)
    for attempt in range(1, rules.MOST_ATTEMPTS + 1):
        assert not run_job(job.id)
        row = Job.objects.get(id=job.id)
        assert row.status == ("asked" if attempt < rules.MOST_ATTEMPTS else "failed")
        assert folder(row) == []
    assert row.error == "ValueError"
    monkeypatch.undo()
    assert run_job(asking.ask_again(actor=alice, job_id=job.id).id)


def test_what_is_cancelled_stops_and_leaves_nothing(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    job = ask(alice)
    original = running.Run.put

    def put(run: running.Run, format_: str, file: Any) -> None:
        original(run, format_, file)
        asking.cancel(actor=alice, job_id=job.id)
        monkeypatch.setattr(running.Run, "put", original)

    monkeypatch.setattr(running.Run, "put", put)
    assert not run_job(job.id)
    row = Job.objects.get(id=job.id)
    assert (row.status, folder(row), send_mails()) == ("cancelled", [], [])
    with pytest.raises(Conflict):
        asking.cancel(actor=alice, job_id=job.id)
    with pytest.raises(NotFound):
        asking.file_url(actor=alice, job_id=job.id, format_="pdf")


def test_a_worker_that_was_overtaken_writes_nothing(alice: User) -> None:
    job = ask(alice)
    claim = clock.now() + rules.LEASE
    Job.objects.filter(id=job.id).update(status="running", claimed_until=claim, attempts=1)
    slow = running.Run(Job.objects.get(id=job.id), claim)
    Job.objects.filter(id=job.id).update(claimed_until=claim + timedelta(seconds=1))
    with pytest.raises(running.Lost):
        slow.step(50, now=True)
    assert not running._finish(slow)
    assert not JobFile.objects.exists()


def test_what_is_over_is_deleted(alice: User, ready: Job) -> None:
    assert running.expire_jobs() == 0
    assert ready.expires_at == ready.finished_at + timedelta(days=rules.REPORT_DAYS)  # type: ignore[operator]
    # The storage signs with the clock, which is not to be moved.
    Job.objects.filter(id=ready.id).update(expires_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        asking.file_url(actor=alice, job_id=ready.id, format_="pdf")
    assert running.expire_jobs() == 1
    assert running.expire_jobs() == 0
    row = Job.objects.get(id=ready.id)
    assert (row.status, folder(row), row.files.count()) == ("expired", [], 0)


def test_what_a_dead_worker_stored_goes_with_the_next_try(alice: User) -> None:
    import io

    from medisecure.reports import store

    job = ask(alice)
    store.put(job.id, "pdf", io.BytesIO(b"half"))
    Job.objects.filter(id=job.id).update(status="running", claimed_until=clock.now() - timedelta(seconds=1), attempts=1)
    assert run_job(job.id)
    assert len(folder(job)) == 2


# --- What comes again -------------------------------------------------------------------------------------------------
@pytest.fixture
def monday() -> Iterator[None]:
    with time_machine.travel("2026-03-09T06:00:00+01:00", tick=False):
        yield


def test_a_repeated_report_comes_once_for_each_week(alice: User) -> None:
    with time_machine.travel("2026-03-04T10:00:00+01:00", tick=False):
        scheduling.add_schedule(actor=alice, kind="occupancy", every="week")
        # The week before was over when nobody had asked yet.
        assert scheduling.run_schedules() == 0
        with pytest.raises(Conflict):
            scheduling.add_schedule(actor=alice, kind="occupancy", every="week")
    with time_machine.travel("2026-03-09T00:10:00+01:00", tick=False):
        assert [scheduling.run_schedules() for _ in range(3)] == [1, 0, 0]
    job = Job.objects.get()
    assert (job.subject, job.period, job.parameters["first"]) == ("occupancy", "2026-03-02/2026-03-08", "2026-03-02")
    assert run_job(job.id)
    with time_machine.travel("2026-03-16T00:10:00+01:00", tick=False):
        assert scheduling.run_schedules() == 1


def test_two_looks_at_once_make_one(alice: User, monday: None, monkeypatch: pytest.MonkeyPatch) -> None:
    row = scheduling.add_schedule(actor=alice, kind="activity", every="month")
    Schedule.objects.filter(id=row.id).update(created_at=clock.now() - timedelta(days=40))
    assert scheduling.run_schedules() == 1
    # The other look did not see it yet: the index decides.
    original = Job.objects.filter

    class Blind:
        def exists(self) -> bool:
            return False

    monkeypatch.setattr(Job.objects, "filter", lambda **found: Blind() if "period" in found else original(**found))
    assert scheduling.run_schedules() == 0
    monkeypatch.undo()
    assert Job.objects.count() == 1
    assert Job.objects.get().period == "2026-02-01/2026-02-28"


def test_no_report_comes_for_who_lost_the_right_or_ended_it(alice: User, olga: User, monday: None) -> None:
    for actor, kind in ((alice, "activity"), (olga, "audit")):
        row = scheduling.add_schedule(actor=actor, kind=kind, every="week")
        Schedule.objects.filter(id=row.id).update(created_at=clock.now() - timedelta(days=10))
    olga.groups.clear()
    with pytest.raises(NotFound):
        scheduling.end_schedule(actor=olga, schedule_id=Schedule.objects.get(owner=alice).id)
    scheduling.end_schedule(actor=alice, schedule_id=Schedule.objects.get(owner=alice).id)
    assert scheduling.run_schedules() == 0
