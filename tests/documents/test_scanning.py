"""Malware: refused when it is found, waited for when nobody can say. The real scanner: tests/live."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from documents import scanning, services, tasks
from documents.interface import document_url
from documents.models import Document, ScanState
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import outbox
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, NotFound, Quarantined
from medisecure.notifications.models import Notice
from patients.interface import PatientCard
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, AddDocument, put, stored_keys
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

BAD = PDF + b"X-MALWARE-FOR-THE-TEST-X"
Scanner = Callable[[str], None]


class FakeClamd:
    """clamd's INSTREAM as clamd(8) describes it. `mode`: well, or what goes wrong."""

    def __init__(self) -> None:
        self.mode = "well"
        self.line = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.line.getsockname()[:2]
        return str(host), int(port)

    def _serve(self) -> None:
        while True:
            try:
                caller, _from = self.line.accept()
            except OSError:
                return
            with caller, caller.makefile("rb") as asked:
                self._answer(caller, asked)

    def _answer(self, caller: socket.socket, asked: Any) -> None:
        if self.mode == "hangs up":
            return
        command = b""
        while not command.endswith(b"\0"):
            command += asked.read(1)
        if command == b"zVERSION\0":
            caller.sendall(b"ClamAV 1.4.3/27000/Sun\0")
            return
        if self.mode == "too large":
            caller.sendall(b"INSTREAM size limit exceeded. ERROR\0")
            return
        content = b""
        while size := struct.unpack("!L", asked.read(4))[0]:
            content += asked.read(size)
        caller.sendall(b"stream: Test.Bad FOUND\0" if b"X-MALWARE" in content else b"stream: OK\0")


@pytest.fixture
def clamd(settings: Any) -> Iterator[FakeClamd]:
    found = FakeClamd()
    settings.CLAMAV = found.address
    yield found
    found.line.close()


def test_what_is_clean_says_so(clamd: FakeClamd, add_document: AddDocument) -> None:
    row = add_document()
    assert (row.scan_state, row.scan_due_at) == (ScanState.CLEAN, None)
    assert scanning.version() == "1.4.3"


def test_what_is_infected_is_refused_and_reported(
    clamd: FakeClamd, add_document: AddDocument, dr_bose: User, asha_in_care: PatientCard
) -> None:
    before = stored_keys()
    with pytest.raises(Invalid) as caught:
        add_document(BAD)
    assert set(caught.value.errors) == {"file"}
    assert stored_keys() == before
    assert not Document.objects.exists()
    event = AccessEntry.objects.get(action="refuse-infected")
    assert (event.actor_id, event.patient_id) == (dr_bose.id, asha_in_care.id)


@pytest.mark.parametrize("fault", ["hangs up", "away"])
def test_a_scanner_that_does_not_answer_leaves_it_in_quarantine_and_is_asked_again(
    fault: str, clamd: FakeClamd, add_document: AddDocument, dr_bose: User, settings: Any
) -> None:
    clamd.mode = fault
    if fault == "away":
        settings.CLAMAV = ("127.0.0.1", 9)
    row = add_document()
    assert row.scan_state == ScanState.QUARANTINE
    assert not outbox.pending(DEFAULT).filter(name="document.added").exists()
    with pytest.raises(Quarantined):
        document_url(dr_bose, row.id)
    problem(api(dr_bose).get(f"/api/documents/{row.id}"), 409, "quarantined")
    assert services.documents_to_scan() == []
    with time_machine.travel(timezone.now() + timedelta(seconds=3), tick=False):
        assert services.documents_to_scan() == [row.id]
        assert not tasks.scan_document(str(row.id))
        assert services.documents_to_scan() == [], "after a pause, which grows"
        clamd.mode, settings.CLAMAV = "well", clamd.address
    with time_machine.travel(timezone.now() + timedelta(seconds=60), tick=False):
        assert services.documents_to_scan() == [row.id]
        assert tasks.scan_document(str(row.id))
    row.refresh_from_db()
    assert (row.scan_state, row.scan_tries) == (ScanState.CLEAN, 2)
    assert outbox.pending(DEFAULT).filter(name="document.added").count() == 1
    assert document_url(dr_bose, row.id)


def test_what_is_found_later_is_removed_and_its_sender_told(
    clamd: FakeClamd, add_document: AddDocument, dr_bose: User
) -> None:
    clamd.mode = "hangs up"
    row = add_document(BAD)
    clamd.mode = "well"
    assert services.scan_document(row.id)
    row.refresh_from_db()
    assert (row.scan_state, row.scan_finding) == (ScanState.INFECTED, "Test.Bad")
    assert f"documents/{row.key}" not in stored_keys()
    with pytest.raises(NotFound):
        document_url(dr_bose, row.id)
    assert Notice.objects.get(kind="document-infected").user_id == dr_bose.id
    assert AccessEntry.objects.filter(action="refuse-infected", resource_id=str(row.id)).count() == 1
    assert not outbox.pending(DEFAULT).exists()


def test_what_is_too_large_for_the_scanner_is_not_called_clean(clamd: FakeClamd, add_document: AddDocument) -> None:
    clamd.mode = "too large"
    assert add_document().scan_state == ScanState.NOT_SCANNED


def test_without_a_scanner_the_setting_decides(add_document: AddDocument, dr_bose: User, settings: Any) -> None:
    row = add_document()
    assert row.scan_state == ScanState.NOT_SCANNED
    assert document_url(dr_bose, row.id)
    settings.SERVE_UNSCANNED = False
    with pytest.raises(Quarantined):
        document_url(dr_bose, row.id)
    line = api(dr_bose).get(f"/api/patients/{row.patient_id}/documents").json()["results"][0]
    assert (line["scan_state"], line["served"]) == ("not_scanned", False)
    record = api(dr_bose).get(f"/api/patients/{row.patient_id}/medical-record").json()
    assert record["documents"][0]["url"] is None


def test_a_file_in_parts_is_refused_too_and_nothing_of_it_stays(
    clamd: FakeClamd, dr_bose: User, asha_in_care: PatientCard
) -> None:
    before = stored_keys()
    line = services.begin_upload(
        actor=dr_bose,
        patient_id=asha_in_care.id,
        entry=services.Entry("Lettre", "letter"),
        file=services.FileFacts("letter.pdf", len(BAD)),
    )
    (part,) = services.sign_parts(actor=dr_bose, upload_id=line.id, numbers=[1])
    assert put(part.url, BAD) == 200
    services.complete_upload(actor=dr_bose, upload_id=line.id)
    tasks.finish_upload(str(line.id))
    found = services.find_upload(actor=dr_bose, upload_id=line.id)
    assert (found.state, found.reason) == ("refused", "infected")
    assert stored_keys() == before
    assert not Document.objects.exists()
    assert Notice.objects.get(kind="document-infected").user_id == dr_bose.id
    assert AccessEntry.objects.filter(action="refuse-infected", actor_id=dr_bose.id).count() == 1
