"""Asking for a copy of one's data: once, for oneself, made by one worker, told of, and gone after a week."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from documents.models import Document
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock, objects
from medisecure.kernel.errors import NotFound, Refused
from medisecure.notifications.interface import notices_for
from patients import exporting
from patients.exporting import jobs
from patients.exporting.requests import ExportUnderWay, export_url, exports_of, request_export
from patients.interface import PatientCard
from patients.models import Patient, RecordExport
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, AddDocument
from tests.support import send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def make(export_id: UUID) -> RecordExport:
    assert exporting.run_export(export_id)
    return RecordExport.objects.get(id=export_id)


def opened(row: RecordExport) -> zipfile.ZipFile:
    with objects.documents().open(row.key) as file:
        return zipfile.ZipFile(io.BytesIO(file.read()))


@pytest.fixture
def document(add_document: AddDocument) -> Document:
    return add_document(PDF, "ECG", "report")


def test_a_copy_is_made_told_of_and_opened_by_its_owner(asha: User, asha_card: PatientCard, document: Document) -> None:
    send_mails()
    row = make(request_export(actor=asha, patient_id=asha_card.id, language="fr"))
    assert (row.status, row.progress) == ("ready", 100)
    assert row.expires_at is not None
    assert row.expires_at - clock.now() > timedelta(days=6)
    with opened(row) as archive:
        assert "dossier.pdf" in archive.namelist()
    assert "/privacy/" in {line.url for line in notices_for(asha.id)}
    (mail,) = send_mails()
    assert mail["To"] == asha.email
    assert "ECG" not in mail.as_string()
    assert export_url(actor=asha, export_id=row.id).startswith("http")
    entries = AccessEntry.objects.filter(actor_id=asha.id).order_by("id").values_list("action", "resource")
    assert list(entries)[-2:] == [("export", "record"), ("download", "export")]


def test_two_clicks_are_one_copy(asha: User, asha_card: PatientCard) -> None:
    first = request_export(actor=asha, patient_id=asha_card.id, language="fr")
    with pytest.raises(ExportUnderWay):
        request_export(actor=asha, patient_id=asha_card.id, language="fr")
    make(first)
    request_export(actor=asha, patient_id=asha_card.id, language="fr")
    assert [line.status for line in exports_of(actor=asha, patient_id=asha_card.id)] == ["asked", "ready"]


def test_dan_gets_nothing(asha: User, dan: User, dan_card: PatientCard, asha_card: PatientCard) -> None:
    before = AccessEntry.objects.count()
    with pytest.raises(NotFound):
        request_export(actor=dan, patient_id=asha_card.id, language="fr")
    assert RecordExport.objects.count() == 0
    assert AccessEntry.objects.count() == before
    row = make(request_export(actor=asha, patient_id=asha_card.id, language="fr"))
    with pytest.raises(NotFound):
        export_url(actor=dan, export_id=row.id)
    assert exports_of(actor=dan, patient_id=asha_card.id) == []


def test_reception_may_not_copy_a_record(rita: User, asha_card: PatientCard) -> None:
    with pytest.raises(Refused):
        request_export(actor=rita, patient_id=asha_card.id, language="fr")


def test_a_right_that_has_ended_ends_the_copy(asha: User, asha_card: PatientCard) -> None:
    ready = make(request_export(actor=asha, patient_id=asha_card.id, language="fr"))
    waiting = request_export(actor=asha, patient_id=asha_card.id, language="fr")
    Patient.objects.filter(id=asha_card.id).update(user=None)
    with pytest.raises(NotFound):
        export_url(actor=asha, export_id=ready.id)
    assert not exporting.run_export(waiting)
    assert RecordExport.objects.get(id=waiting).status == "failed"


def test_only_one_worker_makes_it_and_a_dead_ones_is_taken_over(
    asha: User, asha_card: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = request_export(actor=asha, patient_id=asha_card.id, language="fr")

    class Killed(BaseException):
        pass

    def die(*args: Any, tick: Callable[[int], None], **kwargs: Any) -> None:
        tick(30)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "write_archive", die)
        with pytest.raises(Killed):
            exporting.run_export(export_id)
    assert RecordExport.objects.get(id=export_id).progress == 30
    assert exporting.pending_exports() == []
    assert not exporting.run_export(export_id)
    RecordExport.objects.filter(id=export_id).update(claimed_until=clock.now() - timedelta(seconds=1))
    assert exporting.pending_exports() == [export_id]
    assert make(export_id).status == "ready"


def test_who_was_overtaken_writes_nothing(asha: User, asha_card: PatientCard, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = request_export(actor=asha, patient_id=asha_card.id, language="fr")

    def overtaken(*args: Any, tick: Callable[[int], None], **kwargs: Any) -> None:
        RecordExport.objects.filter(id=export_id).update(claimed_until=clock.now() + timedelta(hours=1))
        tick(50)

    monkeypatch.setattr(jobs, "write_archive", overtaken)
    assert not exporting.run_export(export_id)
    row = RecordExport.objects.get(id=export_id)
    assert (row.status, row.progress, row.key) == ("running", 0, "")


def test_what_fails_is_tried_again_and_then_said(
    asha: User, asha_card: PatientCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = request_export(actor=asha, patient_id=asha_card.id, language="fr")

    def fail(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("the name of somebody")

    monkeypatch.setattr(jobs, "write_archive", fail)
    for _attempt in range(jobs.MOST_ATTEMPTS):
        with pytest.raises(ConnectionError):
            exporting.run_export(export_id)
    assert RecordExport.objects.get(id=export_id).status == "failed"
    assert exporting.pending_exports() == []
    assert len(notices_for(asha.id)) == 1


def test_a_copy_expires_with_its_file(asha: User, asha_card: PatientCard) -> None:
    row = make(request_export(actor=asha, patient_id=asha_card.id, language="fr"))
    assert exporting.expire_exports() == 0
    RecordExport.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        export_url(actor=asha, export_id=row.id)
    assert exporting.expire_exports() == 1
    assert not objects.documents().exists(row.key)
    assert RecordExport.objects.get(id=row.id).status == "expired"
    assert exporting.expire_exports() == 0
