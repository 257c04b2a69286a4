"""The frame of a patient's pages for pages of other apps about one patient: a document, a visit, an invoice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from medisecure.accounts.models import User
from medisecure.kernel.errors import NotFound
from patients.merged import follow


def record_frame(
    *, actor: User, patient_id: UUID, tab: str, page_title: str, resource: str, item: UUID | None = None
) -> dict[str, Any]:
    """The frame around a page of another app that shows what is in the record, behind the record's door: one entry in
    the log, which names `resource` and `item`. Its template extends "admin/patients/patient/workspace.html" and fills
    the block `page`. Raises `NotFound`, `Refused`."""
    from patients.admin.workspace import open_workspace

    workspace = open_workspace(actor=actor, patient_id=patient_id, tab=tab, clinical=resource, item=item)
    return {
        "workspace": workspace,
        "workspace_base": "",
        "page_title": page_title,
        "title": workspace.banner.name,
        "subtitle": None,
    }


def staff_frame(*, actor: User, patient_id: UUID, page_title: str, tab: str = "") -> dict[str, Any]:
    """What a page of Django's admin needs to stand in the frame, for `extra_context`; its template extends
    "admin/patients/patient/workspace.html". `tab`: the key of the tab that the page is.

    Passes the door of the identity, and that of the allergies for whoever may read them. Who sees the page and not the
    patient (a nurse: the visit of somebody who is in nobody's care of hers) gets no frame, and nothing is said.
    """
    # The admin's own modules: this one is imported before Django has read them.
    from patients.admin.workspace import open_workspace

    frame = {"workspace_base": "admin/change_form.html", "page_title": page_title, "subtitle": None}
    try:
        workspace = open_workspace(actor=actor, patient_id=follow(patient_id), tab=tab)
    except NotFound:
        return frame
    return {**frame, "workspace": workspace, "title": workspace.banner.name}
