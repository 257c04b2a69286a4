"""Stored smaller, without loss: at no moment is the original not there, and nothing is replaced that is not proved."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from django.db import OperationalError

from documents.imaging import packing, recompress, sandbox, storage, work
from documents.interface import document_url
from documents.models import Document, ImagingInstance
from medisecure.accounts.models import User
from medisecure.kernel import clock, objects
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import AddDocument, download, stored_keys
from tests.documents.imaging.files import as_bytes, big_ct, image, own
from tests.documents.imaging.looking import image_of, looked_at
from tests.support import deliver_events

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

Packing = ImagingInstance.Packing


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "examples_overlay.dcm", "examples_rgb_color.dcm", "SC_rgb_jpeg_dcmd.dcm"]
)
def test_what_was_written_smaller_is_proved_to_be_the_same(name: str, tmp_path: Path) -> None:
    target = tmp_path / "packed.dcm"
    assert recompress.attempt(own(name), target) == {"written": True}
    assert recompress.prove(own(name), target) == {"same": True}
    assert target.stat().st_size < own(name).stat().st_size
    old, new = pydicom.dcmread(own(name)), pydicom.dcmread(target)
    assert np.array_equal(old.pixel_array, new.pixel_array)
    assert new.SOPInstanceUID == old.SOPInstanceUID


@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "examples_palette.dcm", "rtdose.dcm", "MR_small.dcm"])
def test_what_gains_nothing_or_is_not_sure_is_left_alone(name: str, tmp_path: Path) -> None:
    assert recompress.attempt(own(name), tmp_path / "packed.dcm") == {"written": False}


def _one_pixel(found: pydicom.dataset.FileDataset) -> None:
    values = found.pixel_array.copy()
    values[5, 5] += 1
    found.PixelData = values.tobytes()


@pytest.mark.parametrize(
    "change",
    [
        _one_pixel,
        lambda found: setattr(found, "PatientWeight", "80"),
        lambda found: found.pop("KVP"),
        lambda found: (
            found.OtherPatientIDsSequence[0].__setattr__("PatientID", "X")
            if "OtherPatientIDsSequence" in found
            else setattr(found, "WindowCenter", 3)
        ),
    ],
    ids=["one pixel", "another value", "one attribute less", "one more"],
)
def test_the_proof_finds_any_difference(change: Callable[[Any], None], tmp_path: Path) -> None:
    other, target = tmp_path / "other.dcm", tmp_path / "packed.dcm"
    other.write_bytes(as_bytes_of(change))
    recompress.write(other, target)
    assert recompress.prove(other, target) == {"same": True}
    assert recompress.prove(own("CT_small.dcm"), target) == {"same": False}


def as_bytes_of(change: Callable[[Any], None]) -> bytes:
    found = pydicom.dcmread(own("CT_small.dcm"))
    change(found)
    return as_bytes(found)


def test_frames_of_a_loop_come_back_one_by_one(tmp_path: Path) -> None:
    source, target = tmp_path / "source.dcm", tmp_path / "packed.dcm"
    source.write_bytes(as_bytes(big_ct(64, frames=5)))
    recompress.write(source, target)
    assert recompress.prove(source, target) == {"same": True}
    assert pydicom.dcmread(target).pixel_array.shape == (5, 64, 64)


def test_the_document_is_smaller_and_the_original_stays_a_day(
    add_document: AddDocument, dr_bose: User, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    content = image()
    document = add_document(content, category="imaging")
    old = document.key
    row = looked_at(document)
    document.refresh_from_db()
    assert row.packing == Packing.DONE
    assert (row.original_sha256, row.original_size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (row.original_syntax, row.transfer_syntax) == ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80")
    assert document.size < len(content) * 0.9
    assert document.key != old
    answer = download(document_url(dr_bose, document.id))
    assert hashlib.sha256(answer.content).hexdigest() == document.sha256
    assert len(answer.content) == document.size
    given, taken = pydicom.dcmread(io.BytesIO(content)), pydicom.dcmread(io.BytesIO(answer.content))
    assert np.array_equal(given.pixel_array, taken.pixel_array)
    assert objects.images().exists(old)
    assert packing.discard_replaced() == 0
    ImagingInstance.objects.update(old_until=clock.now())
    assert packing.discard_replaced() == 1
    assert not objects.images().exists(old)
    # What was stored smaller is not looked at again, nor tried again.
    assert work.missing(10) == work.due(10) == []


def test_the_setting_switches_it_off(add_document: AddDocument, settings: Any) -> None:
    settings.IMAGES_RECOMPRESS = False
    document = add_document(image(), category="imaging")
    key = document.key
    row = looked_at(document)
    document.refresh_from_db()
    assert (document.key, row.packing, row.due_at) == (key, Packing.NONE, None)


def test_under_legal_hold_the_bytes_stay(add_document: AddDocument) -> None:
    document = add_document(image(), category="imaging")
    Document.objects.filter(id=document.id).update(hold_at=clock.now(), hold_reason="Procédure")
    assert looked_at(document).packing == Packing.KEPT
    assert Document.objects.get(id=document.id).sha256 == document.sha256


def _not_the_same(*args: Any) -> dict[str, Any]:
    return {"same": False}


def _dies(*args: Any) -> dict[str, Any]:
    raise sandbox.OutOfBounds


def _not_intact(*args: Any) -> bool:
    return False


@pytest.mark.parametrize(
    ("place", "name", "fails"),
    [(recompress, "prove", _not_the_same), (recompress, "write", _dies), (storage, "intact", _not_intact)],
    ids=["not the same", "the encoder dies", "the storage lies"],
)
def test_what_is_not_proved_changes_nothing(
    place: Any, name: str, fails: Any, add_document: AddDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = add_document(image(), category="imaging")
    before = stored_keys()
    monkeypatch.setattr(place, name, fails)
    row = looked_at(document)
    assert row.packing == Packing.KEPT
    kept = Document.objects.get(id=document.id)
    assert (kept.key, kept.sha256) == (document.key, document.sha256)
    assert stored_keys() - before == {f"images/{row.preview_key}", f"images/{row.frames_key}"}


@pytest.mark.parametrize("moment", ["_proved", "digest_of", "_switch", "keep"])
def test_a_worker_that_dies_at_any_moment_loses_nothing(
    moment: str, add_document: AddDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the proof, before storing, between storing and the switch: the original is what the row names, and
    the next worker does it."""
    content = image()
    document = add_document(content, category="imaging")
    deliver_events()

    def killed(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "keep":
            kept = storage.keep

            def after_storing(*args: Any, **kwargs: Any) -> str:
                key = kept(*args, **kwargs)
                if "dicom" in args[2]:
                    raise KeyboardInterrupt
                return key

            patch.setattr(storage, "keep", after_storing)
        elif moment == "digest_of":
            patch.setattr(storage, "intact", killed)
        else:
            patch.setattr(packing, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            work.process(document.id)
    row = Document.objects.get(id=document.id)
    with objects.images().open(row.key) as file:
        assert hashlib.sha256(file.read()).hexdigest() == row.sha256 == hashlib.sha256(content).hexdigest()
    ImagingInstance.objects.update(due_at=clock.now())
    work.process(document.id)
    assert image_of(document).packing == Packing.DONE


def test_a_commit_that_nobody_heard_of_keeps_both(add_document: AddDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection broke at the commit, which may have arrived: the new object must stay, the old one too."""
    document = add_document(image(), category="imaging")
    old = document.key
    switch = packing._switch

    def breaks(*args: Any) -> bool:
        switch(*args)
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(packing, "_switch", breaks)
    deliver_events()
    with pytest.raises(OperationalError):
        work.process(document.id)
    document.refresh_from_db()
    assert objects.images().exists(document.key)
    assert objects.images().exists(old)
