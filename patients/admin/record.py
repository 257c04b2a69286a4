"""The tab of the medical record."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _

from patients.admin.common import actor_of
from patients.admin.workspace import WorkspacePages, open_workspace
from patients.record import medical_record
from patients.writing import may_write_record


class RecordPages(WorkspacePages):
    def get_urls(self) -> list[Any]:
        own = path(
            "<uuid:patient_id>/record/",
            self.admin_site.admin_view(self.record_view),
            name="patients_patient_record",
        )
        return [own, *super().get_urls()]

    def record_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="record", clinical="record")
        record, _kept = medical_record(actor=actor, patient_id=patient_id, purpose="care")
        return self.workspace_page(
            request,
            "admin/patients/patient/record.html",
            workspace,
            page_title=_("Medical record"),
            record=record,
            may_write=may_write_record(actor, patient_id),
        )
