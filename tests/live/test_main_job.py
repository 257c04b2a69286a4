"""The hospital's main job on PostgreSQL, MongoDB's protocol, MariaDB, S3, RabbitMQ and Redis, through HAProxy."""

from __future__ import annotations

import os
import re
import signal
import time
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from medisecure.ops.main_job.client import App
from medisecure.ops.main_job.steps import MainJob, text_of, until
from tests.live.conftest import ROOT, Hospital

pytestmark = pytest.mark.live

SAMPLES = Path(os.environ.get("FHIR_SAMPLES", ROOT.parent / "shared" / "fhir"))


def test_the_main_job_from_booking_to_payment(hospital: Hospital) -> None:
    well = MainJob(hospital.http(), hospital.mailbox(), hospital.cast).run()
    assert well, "the step that failed is printed above"


def test_every_part_is_well(hospital: Hospital) -> None:
    table = hospital.manage("doctor", "--wait", "40").stdout
    print(table)
    for kind in ("PostgreSQL", "MongoDB", "MariaDB", "S3", "Redis", "RabbitMQ", "SMTP"):
        assert kind in table


@pytest.mark.skipif(
    not SAMPLES.is_dir(), reason=f"no FHIR records in {SAMPLES.name}/ beside the project; set FHIR_SAMPLES"
)
def test_real_fhir_records_are_imported_once(hospital: Hospital) -> None:
    # A source of its own, so that a stack that is used again starts from nothing too.
    command = ("import_fhir", "--quiet", "--source", f"urn:uuid:{uuid4()}", str(SAMPLES))
    first = hospital.manage(*command)
    print(first.stdout)
    second = hospital.manage(*command)
    print(second.stdout)
    assert re.search(r"8 bundles, \d{4,} created", first.stdout)
    assert re.search(r"8 bundles, 0 created, 0 changed, \d{4,} unchanged", second.stdout)


def _slots(hospital: Hospital, app: App) -> list[str]:
    today = datetime.now().astimezone().date().isoformat()
    query = {
        "practitioner": hospital.cast["practitioner_id"],
        "type": hospital.cast["type"],
        "from": today,
        "to": today,
    }
    body = app.get("/api/slots", **query).expect(200).json()
    if len(body["results"]) < 20:
        from datetime import date, timedelta

        query["to"] = (date.fromisoformat(today) + timedelta(days=2)).isoformat()
        body = app.get("/api/slots", **query).expect(200).json()
    return [slot["start"] for slot in body["results"]]


def _book(hospital: Hospital, app: App, start: str) -> dict[str, Any]:
    body = {"practitioner_id": hospital.cast["practitioner_id"], "type": hospital.cast["type"], "start": start}
    found: dict[str, Any] = app.post("/api/appointments", body).expect(201).json()
    return found


def _mails_about(hospital: Hospital, appointment_id: str) -> int:
    address = hospital.cast["patient"]["email"]
    return sum(f"{appointment_id}@" in text_of(mail) for mail in hospital.mailbox().to(address))


def _app(hospital: Hospital) -> App:
    return App.signed_in(hospital.http(), hospital.cast["patient"]["email"], hospital.cast["patient"]["password"])


def test_bookings_go_on_without_the_broker_and_every_mail_goes_out_once_when_it_is_back(hospital: Hospital) -> None:
    app = _app(hospital)
    starts = _slots(hospital, app)[5:10]
    hospital.servers("stop", "rabbitmq")
    try:
        began = time.monotonic()
        booked = [_book(hospital, app, start)["id"] for start in starts]
        print(f"{len(booked)} bookings without a broker in {time.monotonic() - began:.1f} s")
    finally:
        hospital.servers("start", "rabbitmq")
    for appointment_id in booked:
        until("the mail", lambda found=appointment_id: _mails_about(hospital, found) or None, 150)  # type: ignore[misc]
    time.sleep(8)  # a sweep later nothing has come twice
    assert [_mails_about(hospital, appointment_id) for appointment_id in booked] == [1] * len(booked)


def test_a_worker_killed_at_work_loses_no_mail_and_sends_none_twice(hospital: Hospital) -> None:
    app = _app(hospital)
    starts = _slots(hospital, app)[5:15]
    booked = []
    for number, start in enumerate(starts):
        booked.append(_book(hospital, app, start)["id"])
        if number in (3, 6):
            hospital.programs["worker"].signal(signal.SIGKILL, group=True)
            hospital.start_worker()
    for appointment_id in booked:
        until("the mail", lambda found=appointment_id: _mails_about(hospital, found) or None, 150)  # type: ignore[misc]
    time.sleep(3)
    sent = [_mails_about(hospital, appointment_id) for appointment_id in booked]
    assert sent == [1] * len(booked), sent


def test_a_signed_link_to_s3_expires_and_needs_its_signature(hospital: Hospital) -> None:
    from medisecure.kernel.objects import documents

    key = documents().save(f"test/{uuid4()}", BytesIO(b"content"), "text/plain")
    url = documents().signed_url(key, seconds=1, filename="x.txt", content_type="text/plain")
    http = hospital.http()
    assert http.request("GET", url).expect(200).body == b"content"
    http.request("GET", url.split("?")[0]).expect(403)
    time.sleep(2)
    http.request("GET", url).expect(403)
    documents().delete(key)


def test_a_web_server_that_dies_is_not_noticed(hospital: Hospital) -> None:
    app = _app(hospital)
    program = hospital.programs["web1"]
    program.signal(signal.SIGKILL, group=True)
    answers = [app.get("/api/me").status for _ in range(40)]
    program.start(hospital.environment)
    assert answers == [200] * 40
