"""Asking for a copy of one's data, and opening it: each through the door, with its entry in the log first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from medisecure.accounts.models import User
from medisecure.kernel import clock, objects
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, NotFound
from medisecure.kernel.transactions import atomic, on_commit
from patients.access import access_record
from patients.models import RecordExport

#: The download's address works for so long; the next click makes another one.
LINK_SECONDS = 300


class ExportUnderWay(Conflict):
    code = "export-under-way"
    title = _("A copy is being made already. You will be told when it is ready.")


@dataclass(frozen=True, slots=True)
class ExportLine:
    """One copy as its owner sees it. `size` in bytes."""

    id: UUID
    status: str
    status_label: str
    progress: int
    asked_at: datetime
    expires_at: datetime | None
    size: int
    sha256: str

    @property
    def pending(self) -> bool:
        return self.status in (RecordExport.Status.ASKED, RecordExport.Status.RUNNING)

    @property
    def downloadable(self) -> bool:
        return self.status == RecordExport.Status.READY


def request_export(*, actor: User, patient_id: UUID, language: str) -> UUID:
    """Ask for a copy of everything; a worker makes it. Raises `NotFound` and `Refused` as the door, `ExportUnderWay`
    while one is in the making."""
    with atomic(DEFAULT):
        access_record(actor=actor, patient_id=patient_id, purpose="self", action="export")
        try:
            with atomic(DEFAULT):
                row = RecordExport.objects.create(patient_id=patient_id, asked_by=actor, language=language)
        except IntegrityError:
            raise ExportUnderWay from None
        on_commit(DEFAULT, lambda: _nudge(row.id), robust=True)
    return row.id


def _nudge(export_id: UUID) -> None:
    from patients.tasks import nudge_export

    nudge_export(export_id)


def exports_of(*, actor: User, patient_id: UUID) -> list[ExportLine]:
    """The actor's own copies of this record, newest first; nobody sees what another one asked for. For callers that
    know the patient to be the actor's own."""
    rows = RecordExport.objects.filter(patient_id=patient_id, asked_by=actor)[:20]
    return [
        ExportLine(
            row.id,
            row.status,
            str(row.get_status_display()),
            row.progress,
            row.asked_at,
            row.expires_at,
            row.size,
            row.sha256,
        )
        for row in rows
    ]


def export_url(*, actor: User, export_id: UUID) -> str:
    """An address that serves the ZIP for a short time. The right is asked for anew: who may not read the record any
    more does not get the copy either. Raises `NotFound` for another person's copy and one that has expired."""
    row = RecordExport.objects.filter(id=export_id, asked_by=actor, status=RecordExport.Status.READY).first()
    if row is None or row.expires_at is None or row.expires_at <= clock.now():
        raise NotFound
    card = access_record(
        actor=actor,
        patient_id=row.patient_id,
        purpose="self",
        action="download",
        resource="export",
        resource_id=row.id,
    )
    return objects.documents().signed_url(
        row.key,
        seconds=LINK_SECONDS,
        filename=f"medisecure-{card.record_number}-{row.asked_at:%Y-%m-%d}.zip",
        content_type="application/zip",
    )
