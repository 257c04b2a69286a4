"""A de-identified copy: asked for with a reason, made by a worker, looked at by a person, downloaded."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from typing import Any

import pydicom
import pytest

from documents.imaging import copies, sandbox
from documents.models import ImagingCopy
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused
from medisecure.notifications.models import Notice
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import AddDocument, download, stored_keys
from tests.documents.imaging.files import image
from tests.documents.imaging.looking import looked_at
from tests.support import deliver_events

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

Status = ImagingCopy.Status


def _asked(actor: User, add_document: AddDocument, *contents: bytes, reason: str = "Cours") -> ImagingCopy:
    for content in contents:
        row = looked_at(add_document(content, category="imaging"))
    assert row.series is not None
    copy_id = copies.request_copy(
        actor=actor, patient_id=row.document.patient_id, study_id=row.series.study_id, reason=reason
    )
    return ImagingCopy.objects.get(id=copy_id)


def _made(actor: User, add_document: AddDocument, *contents: bytes) -> ImagingCopy:
    row = _asked(actor, add_document, *contents)
    copies.make_copy(row.id)
    row.refresh_from_db()
    return row


def _archive(url: str) -> list[pydicom.FileDataset]:
    with zipfile.ZipFile(io.BytesIO(download(url).content)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dcm")]
        assert names == [f"images/{number:05}.dcm" for number in range(1, len(names) + 1)]
        return [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in names]


def test_a_copy_names_nobody_and_its_images_belong_together(add_document: AddDocument, dr_bose: User) -> None:
    row = _made(dr_bose, add_document, image(InstanceNumber=1), image(InstanceNumber=2))
    assert (row.status, row.images, row.left_out, row.doubts) == (Status.READY, 2, 0, [])
    url = copies.copy_url(actor=dr_bose, copy_id=row.id)
    assert "RAO" not in url.upper()
    first, second = _archive(url)
    assert b"RAO" not in download(url).content
    assert first.StudyInstanceUID == second.StudyInstanceUID != "1.2.3.1"
    assert first.PatientIdentityRemoved == "YES"
    deliver_events()
    assert Notice.objects.get(kind="imaging-copy-ready").user_id == dr_bose.id
    again = _made(dr_bose, add_document, image())
    assert _archive(copies.copy_url(actor=dr_bose, copy_id=again.id))[0].StudyInstanceUID != first.StudyInstanceUID


def test_images_that_may_carry_text_wait_for_somebody_to_look(add_document: AddDocument, dr_bose: User) -> None:
    row = _made(dr_bose, add_document, image(), image(BurnedInAnnotation="YES"))
    assert row.status == Status.DOUBTFUL
    (doubt,) = row.doubts
    assert doubt["risks"] == ["says-so"]
    with pytest.raises(Conflict):
        copies.copy_url(actor=dr_bose, copy_id=row.id)
    copies.decide_copy(actor=dr_bose, copy_id=row.id, clean=True)
    assert len(_archive(copies.copy_url(actor=dr_bose, copy_id=row.id))) == 2
    with pytest.raises(Conflict):
        copies.decide_copy(actor=dr_bose, copy_id=row.id, clean=False)


def test_a_copy_that_names_somebody_is_thrown_away(
    add_document: AddDocument, dr_bose: User, django_capture_on_commit_callbacks: Any
) -> None:
    row = _made(dr_bose, add_document, image(ConversionType="WSD"))
    key = f"images/{row.key}"
    assert key in stored_keys()
    with django_capture_on_commit_callbacks(execute=True):
        copies.decide_copy(actor=dr_bose, copy_id=row.id, clean=False)
    assert key not in stored_keys()
    with pytest.raises(Conflict):
        copies.copy_url(actor=dr_bose, copy_id=row.id)


def test_every_step_is_in_the_access_log(add_document: AddDocument, dr_bose: User) -> None:
    row = _made(dr_bose, add_document, image())
    copies.open_copy(actor=dr_bose, copy_id=row.id)
    copies.copy_url(actor=dr_bose, copy_id=row.id)
    entries = AccessEntry.objects.filter(resource="imaging-copy", resource_id=str(row.id)).order_by("id")
    assert [entry.action for entry in entries] == ["export", "view", "download"]
    assert {entry.purpose for entry in entries} == {"secondary use"}


@pytest.mark.parametrize(
    ("who", "error"), [("nurse_chen", Refused), ("asha", Refused), ("rita", Refused), ("dan", NotFound)]
)
def test_doctors_in_care_ask_and_nobody_else(
    who: str, error: type[Exception], request: pytest.FixtureRequest, add_document: AddDocument
) -> None:
    with pytest.raises(error):
        _asked(request.getfixturevalue(who), add_document, image())
    assert not ImagingCopy.objects.exists()


def test_nobody_gets_what_another_one_asked_for(
    add_document: AddDocument, dr_bose: User, asha: User, dan: User
) -> None:
    row = _made(dr_bose, add_document, image())
    for other in (asha, dan):
        with pytest.raises(NotFound):
            copies.copy_url(actor=other, copy_id=row.id)
        with pytest.raises(NotFound):
            copies.decide_copy(actor=other, copy_id=row.id, clean=True)


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 201])
def test_a_reason_is_needed(reason: str, add_document: AddDocument, dr_bose: User) -> None:
    with pytest.raises(Invalid) as caught:
        _asked(dr_bose, add_document, image(), reason=reason)
    assert set(caught.value.errors) == {"reason"}


def test_what_cannot_be_cleaned_is_left_out_and_counted(
    add_document: AddDocument, dr_bose: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _asked(dr_bose, add_document, image(), image())
    run, calls = sandbox.run, []

    def fails_once(*args: Any) -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 1:
            raise sandbox.OutOfBounds
        return run(*args)

    monkeypatch.setattr(sandbox, "run", fails_once)
    copies.make_copy(row.id)
    row.refresh_from_db()
    assert (row.status, row.images, row.left_out) == (Status.READY, 1, 1)


def test_a_copy_that_cannot_be_made_says_so(
    add_document: AddDocument, dr_bose: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _asked(dr_bose, add_document, image())

    def fails(*args: Any) -> dict[str, Any]:
        raise sandbox.Failed("ValueError")

    monkeypatch.setattr(sandbox, "run", fails)
    copies.make_copy(row.id)
    row.refresh_from_db()
    assert row.status == Status.FAILED
    deliver_events()
    assert Notice.objects.filter(kind="imaging-copy-failed", user_id=dr_bose.id).exists()


def test_another_worker_finishes_what_a_dead_one_left_and_makes_one(add_document: AddDocument, dr_bose: User) -> None:
    row = _asked(dr_bose, add_document, image())
    ImagingCopy.objects.update(status=Status.RUNNING, attempts=1, due_at=clock.now() + copies.LEASE)
    assert copies.make_copy(row.id) is False
    ImagingCopy.objects.update(due_at=clock.now())
    assert copies.due_copies() == [row.id]
    assert copies.make_copy(row.id) is True
    assert copies.make_copy(row.id) is False


def test_copies_are_gone_after_a_week(add_document: AddDocument, dr_bose: User) -> None:
    row = _made(dr_bose, add_document, image())
    assert copies.expire_copies() == 0
    ImagingCopy.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(Conflict):
        copies.copy_url(actor=dr_bose, copy_id=row.id)
    assert copies.expire_copies() == 1
    assert f"images/{row.key}" not in stored_keys()
