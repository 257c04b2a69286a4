"""Reminders and the waiting list on the real servers, with workers that die and people who answer at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from medisecure.ops.main_job.client import App
from medisecure.ops.main_job.steps import text_of, until
from tests.live.conftest import ROOT, Hospital

pytestmark = pytest.mark.live

VISITS = 12

#: Visits that were booked four days ago and start in 47 hours; the servers' clock cannot be moved.
_BOOKED_EARLIER = """
import json, sys
from datetime import timedelta
from uuid import UUID
from appointments.models import Appointment, AppointmentHistory, Calendar
from medisecure.kernel import clock
from medisecure.kernel.ids import new_id
calendar = Calendar.objects.get(practitioner_id=UUID({practitioner!r}))
now = clock.now().replace(second=0, microsecond=0)
made = []
for number in range({count}):
    start = now + timedelta(hours=46, minutes=5 * number)
    row = Appointment.objects.create(
        id=new_id(), patient_id=UUID({patient!r}), practitioner_id=calendar.practitioner_id, calendar_id=calendar.id,
        type_code={type!r}, start=start, end=start + timedelta(minutes=5), busy_start=start,
        busy_end=start + timedelta(minutes=5), zone=calendar.zone, place=calendar.place,
        created_at=now - timedelta(days=4),
    )
    AppointmentHistory.objects.create(
        appointment_id=row.id, action="book", to_status="booked", start=start, at=now - timedelta(days=4)
    )
    made.append(str(row.id))
print("MADE", json.dumps(made))
"""
_LOOK = "from appointments.tasks import remind; print('PROMISED', remind())"


def _app(hospital: Hospital) -> App:
    return App.signed_in(hospital.http(), hospital.cast["patient"]["email"], hospital.cast["patient"]["password"])


def _said(text: str, word: str) -> str:
    return next(line.removeprefix(word).strip() for line in text.splitlines() if line.startswith(word))


def test_reminders_go_out_once_though_looks_run_together_and_workers_die(hospital: Hospital) -> None:
    code = _BOOKED_EARLIER.format(
        practitioner=hospital.cast["practitioner_id"],
        patient=hospital.cast["patient"]["patient_id"],
        type=hospital.cast["type"],
        count=VISITS,
    )

    made: list[str] = json.loads(_said(hospital.manage("shell", "-c", code).stdout, "MADE"))
    address = hospital.cast["patient"]["email"]

    def reminders(appointment_id: str) -> int:
        return sum(f"{appointment_id}@" in text_of(mail) for mail in hospital.mailbox().to(address))

    # Three looks at once, beside the scheduler's own.
    looks = [
        subprocess.Popen(
            [sys.executable, "manage.py", "shell", "-c", _LOOK],
            cwd=ROOT,
            env=hospital.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for wanted in (1, VISITS // 2):
        until(
            "the first reminders",
            lambda wanted=wanted: (sum(map(reminders, made)) >= wanted) or None,  # type: ignore[misc]
            120,
        )
        hospital.programs["worker"].signal(signal.SIGKILL, group=True)
        hospital.start_worker()
    promised = [int(_said(look.communicate(timeout=120)[0], "PROMISED")) for look in looks]
    print(f"promised by each look: {promised}")
    assert sum(promised) <= VISITS
    for appointment_id in made:
        # A killed worker's message comes again when its claim has expired.
        until("the reminder", lambda found=appointment_id: reminders(found) or None, 240)  # type: ignore[misc]
    hospital.manage("shell", "-c", _LOOK)
    time.sleep(3)
    sent = [reminders(appointment_id) for appointment_id in made]
    assert sent == [1] * VISITS, sent


def test_one_of_two_answers_to_an_offer_counts(hospital: Hospital) -> None:
    app = _app(hospital)
    day = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
    asked = {
        "practitioner": hospital.cast["practitioner_id"],
        "type": hospital.cast["type"],
        "from": day,
        "to": day,
    }
    slots = app.get("/api/slots", **asked).expect(200).json()["results"]
    body = {"practitioner_id": asked["practitioner"], "type": asked["type"], "start": slots[-1]["start"]}
    visit: dict[str, Any] = app.post("/api/appointments", body).expect(201).json()
    wish = app.post("/api/waiting-list", {"appointment_id": visit["id"], "first": day, "last": day}).expect(201).json()

    def offered() -> dict[str, Any] | None:
        found: dict[str, Any] | None = app.get(f"/api/waiting-list/{wish['id']}").expect(200).json()["offer"]
        return found

    offer = until("an offer", offered, 90)
    assert offer["start"] < visit["start"]
    # What is kept is free for nobody else.
    taken = app.post("/api/appointments", body | {"start": offer["start"]})
    assert (taken.status, taken.json()["code"]) == (409, "slot-taken")
    mail = hospital.mailbox().wait(hospital.cast["patient"]["email"], "/offer/")
    assert "text/calendar" not in [part.get_content_type() for part in mail.walk()]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: app.post(f"/api/offers/{offer['id']}/accept"), range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    now = app.get(f"/api/appointments/{visit['id']}").expect(200).json()
    assert (now["start"], now["sequence"]) == (offer["start"], 1)
    assert app.get(f"/api/waiting-list/{wish['id']}").expect(200).json()["status"] == "fulfilled"
