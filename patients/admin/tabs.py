"""The tabs of a patient's workspace. A new page about a patient adds its line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from medisecure.accounts.models import User
from patients.access import may_read_record
from patients.admin.offers import sees_access
from patients.duplicates import MERGE

Shown = Callable[[User, UUID], bool]


def to_all(actor: User, patient_id: UUID) -> bool:
    """Whoever may open the workspace at all."""
    return True


def may_merge(actor: User, patient_id: UUID) -> bool:
    return actor.has_perm(MERGE)


@dataclass(frozen=True, slots=True)
class Tab:
    """`url_name` is an address of the admin that takes the patient's id. `shown` says to whom the tab is offered; the
    page's own door decides what is allowed."""

    key: str
    label: str | Promise
    url_name: str
    shown: Shown = to_all


TABS: Final = (
    Tab("identity", _("Identity"), "patients_patient_change"),
    Tab("access", _("Access and choices"), "patients_patient_access", sees_access),
    Tab("record", _("Medical record"), "patients_patient_record", may_read_record),
    Tab("vitals", _("Vital signs"), "patients_patient_vitals", may_read_record),
    Tab("notes", _("Notes"), "patients_patient_notes", may_read_record),
    Tab("documents", _("Documents"), "documents_document_patient", may_read_record),
    Tab("images", _("Images"), "documents_images", may_read_record),
    Tab("merge", _("Merge"), "patients_patient_merge", may_merge),
)


@dataclass(frozen=True, slots=True)
class TabLink:
    key: str
    label: str
    url: str
    current: bool


def links(actor: User, patient_id: UUID, current: str) -> list[TabLink]:
    # Several tabs ask the same question, which costs queries.
    answers = {shown: shown(actor, patient_id) for shown in {tab.shown for tab in TABS}}
    return [
        TabLink(tab.key, str(tab.label), reverse(f"admin:{tab.url_name}", args=[patient_id]), tab.key == current)
        for tab in TABS
        if answers[tab.shown]
    ]
