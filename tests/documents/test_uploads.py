"""Large files in parts: begun, gone on with, checked in quarantine, in the record or refused."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db.models import F
from django.test import Client
from django.utils import timezone

from documents import rules, services, tasks
from documents.models import Document, Upload
from documents.services import finishing
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import multipart, objects
from medisecure.kernel.errors import Invalid, NotFound, Refused, TooLarge
from medisecure.notifications.models import Notice
from patients.interface import PatientCard
from patients.models import CareRelation
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, put, stored_keys
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

#: Three parts of 5 MiB, the smallest that S3 takes, and a rest.
PART = 5 * 1024 * 1024
CONTENT = PDF + bytes(2 * PART) + b"%%EOF\n"
ENTRY = services.Entry("IRM", "imaging")


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "PART_BYTES", PART)


def _begin(actor: User, patient: PatientCard, content: bytes = CONTENT, **entry: Any) -> services.UploadLine:
    file = services.FileFacts("irm.pdf", len(content), 1_700_000_000_000, "application/pdf")
    given = services.Entry(**({"title": "IRM", "category": "imaging"} | entry))
    return services.begin_upload(actor=actor, patient_id=patient.id, entry=given, file=file)


def _send(actor: User, line: services.UploadLine, content: bytes, numbers: list[int] | None = None) -> None:
    wanted = numbers or list(range(1, line.parts + 1))
    for part in services.sign_parts(actor=actor, upload_id=line.id, numbers=wanted):
        assert put(part.url, content[part.start : part.start + part.size]) == 200


def _whole(actor: User, patient: PatientCard, content: bytes = CONTENT, **entry: Any) -> Upload:
    line = _begin(actor, patient, content, **entry)
    _send(actor, line, content)
    services.complete_upload(actor=actor, upload_id=line.id)
    return Upload.objects.get(id=line.id)


def _pass(time: timedelta) -> None:
    """So much time goes by for uploads; the clock of an S3 server cannot be changed."""
    for name in ("due_at", "expires_at", "ended_at"):
        Upload.objects.exclude(**{name: None}).update(**{name: F(name) - time - timedelta(seconds=1)})


def test_a_file_in_parts_becomes_a_document_with_its_bytes_and_their_hash(
    dr_bose: User, asha_in_care: PatientCard
) -> None:
    before = stored_keys()
    row = _whole(dr_bose, asha_in_care)
    assert row.state == Upload.State.RECEIVED
    assert not Document.objects.exists(), "nothing is in the record before a worker has looked at it"
    assert services.uploads_to_finish() == [row.id]
    assert tasks.finish_upload(str(row.id))
    document = Document.objects.get()
    assert (document.size, document.content_type) == (len(CONTENT), rules.PDF)
    assert document.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert b"".join(objects.Bucket(document.bucket).stream(document.key)) == CONTENT
    # One object more, and no parts: what waited in quarantine is gone.
    assert stored_keys() - before == {f"documents/{document.key}"}
    row.refresh_from_db()
    assert (row.state, row.document_id, row.title) == (Upload.State.DONE, document.id, "—")
    entry = AccessEntry.objects.get(resource_id=str(document.id))
    assert (entry.actor_id, entry.action) == (dr_bose.id, "create")
    assert not tasks.finish_upload(str(row.id)), "a second worker finds nothing to do"


def test_the_same_file_goes_on_where_the_line_broke(dr_bose: User, asha_in_care: PatientCard) -> None:
    first = _begin(dr_bose, asha_in_care)
    _send(dr_bose, first, CONTENT, [2])
    again = _begin(dr_bose, asha_in_care, title="IRM du genou")
    assert (again.id, again.arrived, again.title) == (first.id, [2], "IRM du genou")
    _send(dr_bose, again, CONTENT, [1, 3])
    services.complete_upload(actor=dr_bose, upload_id=first.id)
    tasks.finish_upload(str(first.id))
    assert Document.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()
    other = services.FileFacts("irm.pdf", len(CONTENT), 1)
    assert services.begin_upload(actor=dr_bose, patient_id=asha_in_care.id, entry=ENTRY, file=other).id != first.id


def test_parts_that_are_missing_are_named(dr_bose: User, asha_in_care: PatientCard) -> None:
    line = _begin(dr_bose, asha_in_care)
    _send(dr_bose, line, CONTENT, [1, 3])
    body = problem(api(dr_bose).post(f"/api/uploads/{line.id}/complete"), 409, "upload-incomplete")
    assert body["missing"] == [2]
    assert Upload.objects.get().state == Upload.State.OPEN


def test_an_address_takes_its_own_part_and_nothing_else(dr_bose: User, asha_in_care: PatientCard) -> None:
    line = _begin(dr_bose, asha_in_care)
    (part,) = services.sign_parts(actor=dr_bose, upload_id=line.id, numbers=[1])
    assert put(part.url, CONTENT[: part.size - 1]) in (400, 403)
    changed = part.url[:-1] + ("A" if part.url[-1] != "A" else "B")
    assert put(changed, CONTENT[: part.size]) == 403
    assert services.find_upload(actor=dr_bose, upload_id=line.id).arrived == []


@pytest.mark.skipif(settings.S3 is not None, reason="S3 has a clock of its own: tests/live")
def test_an_address_expires(dr_bose: User, asha_in_care: PatientCard) -> None:
    line = _begin(dr_bose, asha_in_care)
    (part,) = services.sign_parts(actor=dr_bose, upload_id=line.id, numbers=[1])
    with time_machine.travel(timezone.now() + timedelta(seconds=901), tick=False):
        assert put(part.url, CONTENT[: part.size]) == 403
    assert Client(enforce_csrf_checks=True).get(part.url.removeprefix(settings.PUBLIC_URL)).status_code == 405


def test_the_type_is_told_from_the_content(dr_bose: User, asha_in_care: PatientCard) -> None:
    content = b"<html><script>alert(1)</script></html>"
    line = _begin(dr_bose, asha_in_care, content)
    _send(dr_bose, line, content)
    with pytest.raises(Invalid) as caught:
        services.complete_upload(actor=dr_bose, upload_id=line.id)
    assert set(caught.value.errors) == {"file"}
    assert services.find_upload(actor=dr_bose, upload_id=line.id).reason == "type"
    assert not any("incoming" in key for key in stored_keys())


def test_dicom_is_read_when_it_has_arrived_and_a_damaged_one_is_refused(
    dr_bose: User, asha_in_care: PatientCard, ct: bytes
) -> None:
    tasks.finish_upload(str(_whole(dr_bose, asha_in_care, ct).id))
    document = Document.objects.get()
    assert document.bucket == objects.IMAGES
    assert document.dicom is not None
    assert document.dicom["modality"] == "CT"
    broken = bytes(128) + b"DICM" + b"\xff" * 300
    row = _whole(dr_bose, asha_in_care, broken)
    tasks.finish_upload(str(row.id))
    row.refresh_from_db()
    assert (row.state, row.reason) == (Upload.State.REFUSED, "damaged")
    assert Notice.objects.get(kind="upload-refused").user_id == dr_bose.id


def test_a_worker_that_dies_between_the_bytes_and_the_row_is_followed_by_another(
    dr_bose: User, asha_in_care: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _whole(dr_bose, asha_in_care)
    record = finishing._record

    class Killed(BaseException):
        """As SIGKILL: nothing is tidied up."""

    def die(*args: Any) -> None:
        raise Killed

    monkeypatch.setattr(finishing, "_record", die)
    with pytest.raises(Killed):
        services.finish_upload(row.id)
    assert not Document.objects.exists()
    assert services.uploads_to_finish() == [], "it is claimed until its worker must have died"
    monkeypatch.setattr(finishing, "_record", record)
    _pass(finishing.CLAIM)
    assert services.uploads_to_finish() == [row.id]
    before = stored_keys()
    assert services.finish_upload(row.id)
    assert Document.objects.get().id == row.id
    assert stored_keys() < before, "the same bytes over the same, and nothing left in quarantine"


def test_who_lost_access_meanwhile_adds_nothing(dr_bose: User, asha_in_care: PatientCard) -> None:
    row = _whole(dr_bose, asha_in_care)
    CareRelation.objects.update(active=False)
    services.finish_upload(row.id)
    row.refresh_from_db()
    assert (row.state, row.reason) == (Upload.State.REFUSED, "no-access")
    assert not Document.objects.exists()


def test_nobody_touches_anothers_upload(
    dr_bose: User, nurse_chen: User, dan: User, rita: User, asha_in_care: PatientCard
) -> None:
    line = _begin(dr_bose, asha_in_care)
    for who in (dan, nurse_chen):
        problem(api(who).get(f"/api/uploads/{line.id}"), 404, "not-found")
        problem(api(who).post(f"/api/uploads/{line.id}/parts", {"numbers": [1]}, format="json"), 404, "not-found")
        problem(api(who).post(f"/api/uploads/{line.id}/complete"), 404, "not-found")
        problem(api(who).delete(f"/api/uploads/{line.id}"), 404, "not-found")
    with pytest.raises(NotFound):
        _begin(dan, asha_in_care)
    with pytest.raises(Refused):
        _begin(rita, asha_in_care)


def test_a_size_beyond_the_setting_is_refused(dr_bose: User, asha_in_care: PatientCard, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = len(CONTENT) - 1
    with pytest.raises(TooLarge):
        _begin(dr_bose, asha_in_care)


def test_what_is_cancelled_or_expired_leaves_nothing(dr_bose: User, asha_in_care: PatientCard) -> None:
    given_up = _begin(dr_bose, asha_in_care)
    _send(dr_bose, given_up, CONTENT, [1])
    assert api(dr_bose).delete(f"/api/uploads/{given_up.id}").status_code == 204
    problem(api(dr_bose).post(f"/api/uploads/{given_up.id}/complete"), 409, "upload-over")
    forgotten = _begin(dr_bose, asha_in_care)
    _send(dr_bose, forgotten, CONTENT, [1])
    assert list(multipart.unfinished(objects.documents())) != []
    _pass(timedelta(hours=settings.UPLOAD_HOURS))
    problem(api(dr_bose).post(f"/api/uploads/{forgotten.id}/complete"), 409, "upload-over")
    assert services.expire_uploads().uploads == 1
    assert services.expire_uploads().uploads == 0
    assert [found for found in multipart.unfinished(objects.documents()) if str(forgotten.id) in found.key] == []
    states = Upload.objects.values_list("state", flat=True)
    assert sorted(states) == ["cancelled", "expired"]
    _pass(timedelta(days=30))
    assert services.expire_uploads().forgotten == 2


def test_the_api_says_how_to_send_a_file(asha: User, asha_in_care: PatientCard) -> None:
    """A patient's own app, from the first request to the document in the list."""
    client = api(asha)
    body = {"title": "Radio", "category": "imaging", "name": "radio.pdf", "size": len(PDF), "last_modified": 1}
    begun = client.post(f"/api/patients/{asha_in_care.id}/uploads", body, format="json")
    assert begun.status_code == 201, begun.content
    assert begun["Location"].endswith(f"/api/uploads/{begun.json()['id']}")
    url = f"/api/uploads/{begun.json()['id']}"
    (part,) = client.post(f"{url}/parts", {"numbers": [1]}, format="json").json()["parts"]
    assert (part["start"], part["size"]) == (0, len(PDF))
    assert put(part["url"], PDF) == 200
    assert client.post(f"{url}/complete").status_code == 202
    assert client.get(url).json()["state"] == "received"
    tasks.finish_upload(begun.json()["id"])
    found = client.get(url).json()
    assert found["state"] == "done"
    listed = client.get(f"/api/patients/{asha_in_care.id}/documents").json()["results"]
    assert [item["id"] for item in listed] == [found["document_id"]]
    refused = client.post(f"/api/patients/{asha_in_care.id}/uploads", body | {"category": "identity"}, format="json")
    problem(refused, 422, "invalid")
    problem(client.post(f"{url}/parts", {"numbers": [2]}, format="json"), 409, "upload-over")


def test_a_page_asks_with_its_session_and_its_token_against_forged_requests(
    asha: User, asha_in_care: PatientCard
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(asha, backend="allauth.account.auth_backends.AuthenticationBackend")
    url = f"/api/patients/{asha_in_care.id}/uploads"
    body = {"title": "Radio", "category": "imaging", "name": "radio.pdf", "size": 5}
    assert client.post(url, body, content_type="application/json").status_code == 403
    page = client.get("/record/documents/new/")
    token = page.context["csrf_token"]
    answer = client.post(url, body, content_type="application/json", headers={"X-CSRFToken": str(token)})
    assert answer.status_code == 201


def test_staff_without_a_second_factor_get_no_further_by_this_door(
    dr_bose: User, asha_in_care: PatientCard, settings: Any
) -> None:
    line = _begin(dr_bose, asha_in_care)
    client = Client()
    client.force_login(dr_bose, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(f"/api/uploads/{line.id}").status_code == 200
    settings.STAFF_MFA_REQUIRED = True
    assert client.get(f"/api/uploads/{line.id}").status_code == 403


def test_a_part_does_not_pass_through_memory(tmp_path: Any) -> None:
    """What is read at a time stays small, whatever the part's size."""
    if objects.documents().folder is None:
        pytest.skip("the S3 server takes the parts itself")

    class Counting(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size > 0, "a read of everything"
            Counting.largest = max(Counting.largest, size)
            return super().read(size)

    upload = multipart.begin(objects.documents(), "incoming/x")
    multipart.write_part(objects.documents(), upload, number=1, start=0, size=PART, content=Counting(bytes(PART)))
    assert Counting.largest <= objects.PIECE
    assert multipart.parts(objects.documents(), "incoming/x", upload) == {1: PART}
    multipart.abort(objects.documents(), "incoming/x", upload)
