"""What a worker makes of the images in the record, and whose they are."""

from __future__ import annotations

import gzip
import logging
import os
from collections.abc import Callable
from io import StringIO
from typing import Any

import numpy as np
import pydicom
import pytest
from django.core.management import call_command
from PIL import Image

from documents.erasing import HOLDER
from documents.imaging import gate, indexing, pixels, reviewing, selectors, storage, work
from documents.interface import collecting_objects, document_url, documents_for_patient, import_document
from documents.models import Document, ImagingInstance, ImagingSeries, ImagingStudy
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock, objects, outbox
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import NotFound, Refused, Stale, Unavailable
from medisecure.kernel.transactions import atomic
from medisecure.notifications.models import Notice
from patients.interface import PatientCard
from patients.services.merging import merge_patients
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import AddDocument, stored_keys
from tests.documents.imaging.files import image, own
from tests.documents.imaging.looking import image_of, looked_at
from tests.support import deliver_events

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

State, Review = ImagingInstance.State, ImagingInstance.Review


def _of_dan(dan_card: PatientCard, content: bytes) -> Document:
    with collecting_objects(), atomic(DEFAULT):
        import_document(
            patient_id=dan_card.id,
            source="dan",
            title="Scanner",
            category="imaging",
            content_type="application/dicom",
            content=content,
            created_at=None,
        )
    return Document.objects.get(source="dan")


# --- Indexed and drawn ----------------------------------------------------------------------------------------------


def test_a_ct_is_indexed_drawn_and_can_be_looked_at(add_document: AddDocument, dr_bose: User) -> None:
    row = looked_at(add_document(image(), category="imaging"))
    assert (row.state, row.review, row.reason) == (State.SHOWN, Review.CLEAR, "")
    assert (row.rows, row.columns, row.frames, row.format) == (128, 128, 1, "s16")
    assert row.series is not None
    assert (row.series.study.uid, row.series.uid, row.series.modality) == ("1.2.3.1", "1.2.3.1.1", "CT")
    assert row.edges == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    picture = Image.open(objects.images().open(row.preview_key))
    assert (picture.format, picture.size) == ("WEBP", (128, 128))
    token = gate.token(dr_bose, patient_id=row.document.patient_id, study_id=row.series.study_id)
    frame = gzip.decompress(selectors.frame_bytes(gate.Opened(dr_bose, token), row.id, 0))
    expected = pydicom.dcmread(own("CT_small.dcm")).pixel_array
    assert np.array_equal(np.frombuffer(frame, "<i2").reshape(128, 128), expected)


def test_the_same_event_twice_and_a_second_look_change_nothing(add_document: AddDocument) -> None:
    document = add_document(image(), category="imaging")
    row = looked_at(document)
    keys = stored_keys()
    outbox.outbox(DEFAULT).objects.filter(name="document.added").update(published_at=None)
    again = looked_at(document)
    assert again.preview_key == row.preview_key
    assert stored_keys() == keys
    assert work.process(document.id) is False


def test_images_of_one_examination_stand_together_in_their_order(add_document: AddDocument, dr_bose: User) -> None:
    for number, z in ((3, 20), (1, 0), (2, 10)):
        content = image(InstanceNumber=number, ImagePositionPatient=[0, 0, z], SeriesDescription="Thorax")
        row = looked_at(add_document(content, category="imaging"))
    assert row.series is not None
    assert (ImagingStudy.objects.count(), ImagingSeries.objects.count()) == (1, 1)
    token = gate.token(dr_bose, patient_id=row.document.patient_id, study_id=row.series.study_id)
    (series,) = selectors.manifest(gate.Opened(dr_bose, token))["series"]
    assert (series["title"], [one["number"] for one in series["images"]]) == ("Thorax", [1, 2, 3])
    assert len(series["presets"]) == 6


def test_what_cannot_be_shown_says_why_and_is_not_tried_again(add_document: AddDocument, dr_bose: User) -> None:
    for name, reason in (("MR_truncated.dcm", "damaged"), ("JPGExtended.dcm", "syntax"), ("test-SR.dcm", "no-pixels")):
        row = looked_at(add_document(image(name), category="imaging"))
        assert (row.state, row.reason, row.due_at, row.preview_key) == (State.NOT_SHOWN, reason, None, "")
    lines, count = selectors.others(dr_bose, row.document.patient_id)
    assert count == 3
    assert all(line.words for line in lines)


def test_a_file_that_kills_its_decoder_is_given_up_at_once(
    add_document: AddDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "examine", lambda *args: os.abort())
    row = looked_at(add_document(image(), category="imaging"))
    assert (row.state, row.reason, row.due_at) == (State.NOT_SHOWN, "limits", None)
    assert row.uid  # what it says of itself is known all the same


def test_an_image_whose_workers_die_is_left_alone_after_three(
    add_document: AddDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = add_document(image(), category="imaging")
    deliver_events()

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(work, "_process", killed)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                work.process(document.id)
            assert work.due(10) == []  # its lease keeps others off
            ImagingInstance.objects.update(due_at=clock.now())
            assert work.due(10) == [document.id]
    assert looked_at(document).reason == "limits"
    assert work.due(10) == []


def test_a_storage_that_is_away_costs_no_try(add_document: AddDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    document = add_document(image(), category="imaging")
    deliver_events()

    def away(*args: Any) -> str:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(storage, "fetch", away)
        for _ in range(5):
            with pytest.raises(Unavailable):
                work.process(document.id)
            ImagingInstance.objects.update(due_at=clock.now())
    assert looked_at(document).state == State.SHOWN


def test_a_failure_between_the_bytes_and_the_row_leaves_no_object(
    add_document: AddDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = add_document(image(), category="imaging")
    deliver_events()
    before = stored_keys()

    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(indexing, "_record", fails)
        with pytest.raises(RuntimeError, match="planted"):
            work.process(document.id)
    assert stored_keys() == before


def test_index_images_takes_what_is_there_already(dan_card: PatientCard) -> None:
    document = _of_dan(dan_card, image(name="MOREAU^DAN", birth="19911130"))
    said = StringIO()
    call_command("index_images", stdout=said)
    assert "1 on the list, 1 can be shown, 0 cannot, 0 to be looked at" in said.getvalue()
    assert image_of(document).state == State.SHOWN
    call_command("index_images", stdout=said)
    assert "0 on the list" in said.getvalue()


def test_other_bytes_under_the_same_document_are_read_anew(dan_card: PatientCard) -> None:
    document = _of_dan(dan_card, image(name="MOREAU^DAN", birth="19911130"))
    call_command("index_images", stdout=StringIO())
    first = image_of(document)
    with collecting_objects(), atomic(DEFAULT):
        import_document(
            patient_id=dan_card.id,
            source="dan",
            title="Scanner",
            category="imaging",
            content_type="application/dicom",
            content=image("MR_small.dcm", name="MOREAU^DAN", birth="19911130"),
            created_at=None,
        )
    assert work.missing(10) == [document.id]
    call_command("index_images", stdout=StringIO())
    second = image_of(document)
    assert (first.rows, second.rows) == (128, 64)
    assert work.missing(10) == []


# --- Whose it is ----------------------------------------------------------------------------------------------------


def test_another_persons_name_holds_the_image_until_somebody_decides(
    add_document: AddDocument, dr_bose: User, asha: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    document = add_document(image(name="MARTIN^PAUL", birth="19500101"), category="imaging")
    row = looked_at(document)
    deliver_events()
    assert (row.review, row.concerns) == (Review.PENDING, ["name", "birth-date"])
    assert documents_for_patient(document.patient_id) == []
    for reader in (dr_bose, asha):
        with pytest.raises(NotFound):
            document_url(reader, document.id)
        assert not gate.visible(reader, document.patient_id).exists()
    notice = Notice.objects.get(kind="imaging-flagged")
    assert notice.user_id == dr_bose.id
    assert "MARTIN" not in caplog.text + str(outbox.outbox(DEFAULT).objects.values_list("payload", flat=True))
    assert not ImagingInstance.objects.filter(display__icontains="MARTIN").exists()


def test_whoever_decides_sees_both_and_the_image_is_shown(add_document: AddDocument, dr_bose: User) -> None:
    document = add_document(image(name="MARTIN^PAUL"), category="imaging")
    row = looked_at(document)
    doubt = reviewing.open_doubt(actor=dr_bose, instance_id=row.id)
    assert (doubt.name, doubt.birth) == ("MARTIN PAUL", "19800502")
    assert selectors.preview_bytes(gate.Opened(dr_bose, doubt.token), row.id)
    reviewing.decide(actor=dr_bose, instance_id=row.id, belongs=True)
    assert [line.id for line in documents_for_patient(document.patient_id)] == [document.id]
    entries = AccessEntry.objects.filter(resource="image").order_by("id").values_list("action", flat=True)
    assert list(entries) == ["compare", "review"]
    # The same once more changes nothing; the other way round is too late.
    reviewing.decide(actor=dr_bose, instance_id=row.id, belongs=True)
    with pytest.raises(Stale):
        reviewing.decide(actor=dr_bose, instance_id=row.id, belongs=False)


def test_a_foreign_image_stays_out_of_sight(add_document: AddDocument, dr_bose: User, asha: User) -> None:
    document = add_document(image(name="MARTIN^PAUL"), category="imaging")
    row = looked_at(document)
    reviewing.decide(actor=dr_bose, instance_id=row.id, belongs=False)
    with pytest.raises(NotFound):
        document_url(asha, document.id)
    # A decision of a person stands, whatever a later look says.
    call_command("index_images", "--again", stdout=StringIO())
    assert image_of(document).review == Review.FOREIGN


@pytest.mark.parametrize(
    ("who", "error"),
    [("nurse_chen", Refused), ("asha", Refused), ("rita", Refused), ("dan", NotFound)],
)
def test_only_doctors_in_care_decide(
    who: str, error: type[Exception], request: pytest.FixtureRequest, add_document: AddDocument
) -> None:
    row = looked_at(add_document(image(name="MARTIN^PAUL"), category="imaging"))
    actor = request.getfixturevalue(who)
    with pytest.raises(error):
        reviewing.open_doubt(actor=actor, instance_id=row.id)
    with pytest.raises(error):
        reviewing.decide(actor=actor, instance_id=row.id, belongs=True)


def test_the_same_image_in_another_record_is_held_in_both(
    add_document: AddDocument, dan_card: PatientCard, dan: User
) -> None:
    content = image(uid="1.2.3.4.5")
    document = add_document(content, category="imaging")
    assert looked_at(document).review == Review.CLEAR
    other = _of_dan(dan_card, content)
    call_command("index_images", stdout=StringIO())
    assert image_of(other).concerns == ["name", "birth-date", "instance"]
    assert (image_of(other).review, image_of(document).review) == (Review.PENDING, Review.PENDING)
    with pytest.raises(NotFound):
        document_url(dan, other.id)


def test_another_patients_record_number_or_examination_holds_the_image(
    add_document: AddDocument, dan_card: PatientCard
) -> None:
    _of_dan(dan_card, image(name="MOREAU^DAN", birth="19911130", study="1.2.3.77"))
    call_command("index_images", stdout=StringIO())
    row = looked_at(add_document(image(PatientID=dan_card.record_number), category="imaging"))
    assert row.concerns == ["number"]
    row = looked_at(add_document(image(study="1.2.3.77"), category="imaging"))
    assert row.concerns == ["study"]


def test_a_file_without_a_name_contradicts_nothing(add_document: AddDocument) -> None:
    row = looked_at(add_document(image(name="", birth="", PatientID=""), category="imaging"))
    assert row.review == Review.CLEAR


# --- What happens to a patient's files ------------------------------------------------------------------------------


def test_images_follow_their_documents_when_two_files_are_merged(
    add_document: AddDocument, asha_card: PatientCard, dan_card: PatientCard, dr_bose: User, rita: User
) -> None:
    mine = looked_at(add_document(image(), category="imaging"))
    other = _of_dan(dan_card, image(name="MOREAU^DAN", birth="19911130"))
    call_command("index_images", stdout=StringIO())
    ImagingInstance.objects.update(review=Review.BELONGS)
    merge_patients(actor=rita, survivor_id=asha_card.id, loser_id=dan_card.id, reason="Même personne")
    assert {row.id for row in gate.visible(dr_bose, asha_card.id)} == {mine.id, image_of(other).id}


def test_erasure_takes_previews_frames_and_empty_examinations(add_document: AddDocument, dan_card: PatientCard) -> None:
    before = stored_keys()
    row = looked_at(add_document(image(), category="imaging"))
    assert len(stored_keys() - before) >= 3
    HOLDER.erase(row.document.patient_id)
    assert stored_keys() == before
    assert not ImagingInstance.objects.exists()
    assert not ImagingStudy.objects.exists()
    assert not ImagingSeries.objects.exists()


def test_the_list_of_examinations_costs_the_same_for_few_and_many(
    add_document: AddDocument, dr_bose: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    def read() -> int:
        return len(selectors.lines(selectors.studies_of(dr_bose, document.patient_id)))

    document = add_document(image(), category="imaging")
    looked_at(document)
    with django_assert_num_queries(5):
        assert read() == 1
    for number in range(3):
        looked_at(add_document(image(study=f"1.2.3.{number + 5}"), category="imaging"))
    with django_assert_num_queries(5):
        assert read() == 4
