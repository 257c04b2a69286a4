"""Large files on the real servers: parts to S3, a worker that dies between the bytes and the row, the real scanner."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest
import urllib3

from deploy.stack.servers.clamav import EICAR
from medisecure.ops.main_job.client import App
from medisecure.ops.main_job.steps import until
from tests.live.conftest import Hospital

pytestmark = pytest.mark.live

#: As a worker that is killed after the bytes have their key and before the row is there.
_DIE = """
import os, signal
from uuid import UUID
from documents.models import Upload
from documents.services import finishing
from medisecure.kernel import clock
Upload.objects.filter(id=UUID({id!r})).update(due_at=clock.now())
finishing._record = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
finishing.finish_upload(UUID({id!r}))
"""
#: Its claim ends; nobody waits half an hour for it here.
_LATER = """
from uuid import UUID
from documents.models import Document, Upload
from medisecure.kernel import clock
assert not Document.objects.filter(id=UUID({id!r})).exists()
assert Upload.objects.filter(id=UUID({id!r}), state="received").update(due_at=clock.now()) == 1
"""


def _send(app: App, patient: str, content: bytes, title: str) -> str:
    body = {"title": title, "category": "other", "name": f"{title}.bin", "size": len(content)}
    upload: dict[str, Any] = app.post(f"/api/patients/{patient}/uploads", body).expect(201).json()
    numbers = [number for number in range(1, upload["parts"] + 1) if number not in upload["arrived"]]
    signed = app.post(f"/api/uploads/{upload['id']}/parts", {"numbers": numbers}).expect(200).json()["parts"]
    storage = urllib3.PoolManager(retries=False)
    for part in signed:
        answer = storage.request("PUT", part["url"], body=content[part["start"] : part["start"] + part["size"]])
        assert answer.status == 200
    app.post(f"/api/uploads/{upload['id']}/complete").expect(202)
    return str(upload["id"])


def _outsider(hospital: Hospital) -> tuple[App, str]:
    app = App.signed_in(hospital.http(), hospital.cast["outsider"]["email"], hospital.cast["outsider"]["password"])
    return app, app.get("/api/patients/me").expect(200).json()["id"]


def _ended(app: App, upload: str) -> Any:
    def look() -> Any:
        found = app.get(f"/api/uploads/{upload}").expect(200).json()
        return found if found["state"] in ("done", "refused") else None

    return until("the end of the upload", look)


def test_a_worker_that_is_killed_between_the_bytes_and_the_row_loses_and_doubles_nothing(hospital: Hospital) -> None:
    app, patient = _outsider(hospital)
    content = b"%PDF-1.7\n" + os.urandom(9 * 1024 * 1024)
    hospital.programs["worker"].signal(9, group=True)
    try:
        upload = _send(app, patient, content, "killed")
        assert app.get(f"/api/uploads/{upload}").json()["state"] == "received"
        died = hospital.manage("shell", "-c", _DIE.format(id=upload), check=False)
        assert died.returncode == -9, died.stderr
        hospital.manage("shell", "-c", _LATER.format(id=upload))
    finally:
        hospital.start_worker()
    found = _ended(app, upload)
    assert found["state"] == "done"
    listed = app.get(f"/api/patients/{patient}/documents").json()["results"]
    (mine,) = [row for row in listed if row["title"] == "killed"]
    assert mine["sha256"] == hashlib.sha256(content).hexdigest()
    address = app.get(f"/api/documents/{mine['id']}").expect(200).json()["url"]
    assert hospital.http().request("GET", address).expect(200).body == content
    hospital.manage("reconcile")


def test_the_real_scanner_keeps_malware_out(hospital: Hospital) -> None:
    if "CLAMAV_URL" not in hospital.environment:
        pytest.skip("CLAMAV_URL is not set (Debian package clamav-daemon, see bin/stack)")
    app, patient = _outsider(hospital)
    found = _ended(app, _send(app, patient, EICAR.encode(), "eicar"))
    assert (found["state"], found["reason"]) == ("refused", "infected")
    answer = app.upload(
        f"/api/patients/{patient}/documents", "a.txt", EICAR.encode(), "text/plain", title="eicar", category="other"
    ).expect(422)
    assert set(answer.json()["errors"]) == {"file"}
    clean = _ended(app, _send(app, patient, b"%PDF-1.7\nclean", "clean"))
    row = app.get(f"/api/documents/{clean['document_id']}").expect(200).json()
    assert row["scan_state"] == "clean"
    assert not [
        row for row in app.get(f"/api/patients/{patient}/documents").json()["results"] if row["title"] == "eicar"
    ]
    doctor = hospital.manage("doctor", check=False)
    assert "malware scanner" in doctor.stdout
