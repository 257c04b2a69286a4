"""An export on RabbitMQ, PostgreSQL and S3: a worker that is killed in the middle, a download, a cancel."""

from __future__ import annotations

import hashlib
import re
import signal
from urllib.parse import urlsplit

import pytest

from medisecure.ops.main_job.client import Browser
from medisecure.ops.main_job.steps import text_of, until
from tests.live.conftest import Hospital

pytestmark = pytest.mark.live

ROWS = 40_000
HOME = "/admin/reports/job/"
#: The lease is over, as it is two minutes after a worker died: the servers' clock cannot be moved.
_TWO_MINUTES_LATER = """
from medisecure.kernel import clock
from medisecure.reports.models import Job
print("MOVED", Job.objects.filter(id="{0}", status="running").update(claimed_until=clock.now()))
"""
_LOOK = """
from medisecure.kernel import objects
from medisecure.reports.models import Job
row = Job.objects.get(id="{0}")
print("LOOK", row.status, row.attempts, len(list(objects.documents().keys("reports/{0}"))))
"""


def _shell(hospital: Hospital, code: str, job: str, word: str) -> list[str]:
    text = hospital.manage("shell", "--no-imports", "-c", code.format(job)).stdout
    return next(line.split()[1:] for line in text.splitlines() if line.startswith(word))


def _signed_in(hospital: Hospital, who: str) -> Browser:
    browser = Browser(hospital.http())
    browser.sign_in(hospital.cast[who]["email"], hospital.cast[who]["password"])
    return browser


def _ask(browser: Browser, format_: str) -> str:
    """The id of the job: the page one is sent to shows it in the address that cancels it."""
    form = {"query": "o=0", "format": format_, "columns": "record_number"}
    page = browser.submit(f"{HOME}list/patients/patient/", form).expect(200).body.decode()
    found = re.search(rf"{HOME}([0-9a-f-]{{36}})/cancel/", page)
    assert found, "it is ready before anybody could look"
    return found[1]


def _progress(browser: Browser, job: str) -> int | None:
    """Above nothing; None while it waits."""
    page = browser.get(f"{HOME}{job}/").expect(200).body.decode()
    found = re.search(r'<progress max="100" value="(\d+)"', page)
    return (int(found[1]) or None) if found else 100


def test_a_killed_worker_is_followed_and_the_file_is_whole(hospital: Hospital) -> None:
    hospital.manage("generate_patients", str(ROWS), "--seed", "6", "--verbosity", "0")
    clerk = _signed_in(hospital, "clerk")
    job = _ask(clerk, "csv")
    until("the first rows", lambda: _progress(clerk, job), 60)
    hospital.programs["worker"].signal(signal.SIGKILL, group=True)
    assert _shell(hospital, _LOOK, job, "LOOK") == ["running", "1", "0"]
    assert _shell(hospital, _TWO_MINUTES_LATER, job, "MOVED") == ["1"]
    hospital.start_worker()

    def ready() -> str | None:
        page = clerk.get(f"{HOME}{job}/").expect(200).body.decode()
        return page if f"{HOME}{job}/download/csv/" in page else None

    page = until("the export", ready, 150)
    assert _shell(hospital, _LOOK, job, "LOOK") == ["ready", "2", "1"]
    file = clerk.get(f"{HOME}{job}/download/csv/").expect(200)
    assert urlsplit(file.url).netloc != urlsplit(hospital.base).netloc, "not from the storage"
    assert hashlib.sha256(file.body).hexdigest() in page
    lines = file.body.decode("utf-8-sig").split("\r\n")
    assert len(lines) - 2 >= ROWS
    assert lines[1:-1] == sorted(set(lines[1:-1])), "in the order of the list, each once"
    # Whoever changes the address, or is somebody else, gets nothing.
    changed = file.url.replace("Signature=", "Signature=0")
    assert clerk.http.request("GET", changed).status == 403
    assert _signed_in(hospital, "doctor").get(f"{HOME}{job}/download/csv/").status == 404
    mails = [mail for mail in hospital.mailbox().to(hospital.cast["clerk"]["email"]) if job in text_of(mail)]
    assert len(mails) == 1


def test_a_cancelled_export_leaves_nothing(hospital: Hospital) -> None:
    clerk = _signed_in(hospital, "clerk")
    job = _ask(clerk, "xlsx")
    until("the first rows", lambda: _progress(clerk, job), 60)
    page = clerk.get(f"{HOME}{job}/").expect(200).body.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    clerk._follow("POST", f"{HOME}{job}/cancel/", {"csrfmiddlewaretoken": token[1]}).expect(200)
    look = until(
        "the end",
        lambda: found if (found := _shell(hospital, _LOOK, job, "LOOK"))[0] == "cancelled" else None,
        30,
    )
    assert look[2] == "0"
    assert clerk.get(f"{HOME}{job}/download/xlsx/").status == 404
