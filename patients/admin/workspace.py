"""The frame of every staff page about one patient: who it is and their allergies on top, the tabs below."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound
from patients import rules
from patients.access import access_identity, access_record, may_read_record
from patients.admin.flags import Flag, flags_of
from patients.admin.tabs import TabLink, links
from patients.models import Allergy, Patient
from patients.models.people import IdentityStatus, Precision


@dataclass(frozen=True, slots=True)
class Banner:
    """What must be in sight whatever is done, so that two people are never mixed up. `allergies` is None for whoever
    may not read the record."""

    name: str
    birth_name: str
    birth: str
    age: str
    sex: str
    record_number: str
    identity: str
    verified: bool
    flags: tuple[Flag, ...]
    allergies: rules.AllergySummary | None


@dataclass(frozen=True, slots=True)
class Workspace:
    patient_id: UUID
    tab: str
    banner: Banner
    tabs: tuple[TabLink, ...]


def open_workspace(
    *,
    actor: User,
    patient_id: UUID,
    tab: str,
    clinical: str = "",
    item: UUID | None = None,
    action: str = "view",
    purpose: str = "identity",
) -> Workspace:
    """The frame of a page, after the door: that of the record when the page shows `clinical` matter (as the access log
    calls it: record, note …), else that of the identity.

    The banner shows allergies, so whoever may read the record opens that much of it on every page. Raises `NotFound`,
    and `Refused` for a clinical page.
    """
    reads = bool(clinical) or may_read_record(actor, patient_id)
    if not clinical:
        access_identity(actor=actor, patient_id=patient_id, purpose=purpose, action=action)
    if reads:
        access_record(
            actor=actor,
            patient_id=patient_id,
            purpose="care",
            action=action if clinical else "view",
            resource=clinical or "allergies",
            resource_id=item,
        )
    patient = Patient.objects.filter(id=patient_id).first()
    if patient is None:
        raise NotFound
    return Workspace(
        patient_id, tab, _banner(actor, patient, with_allergies=reads), tuple(links(actor, patient_id, tab))
    )


def _banner(actor: User, patient: Patient, *, with_allergies: bool) -> Banner:
    other_name = patient.used_name and patient.used_name != patient.family_name
    return Banner(
        name=patient.full_name,
        birth_name=patient.family_name if other_name else "",
        # The month in letters: 05/03 is a day in May to some readers and in March to others.
        birth=birth_day(patient, "j F Y"),
        age=age_in_words(patient),
        sex=patient.get_sex_display(),
        record_number=patient.record_number,
        identity=patient.get_identity_status_display(),
        verified=patient.identity_status == IdentityStatus.VERIFIED,
        flags=tuple(flags_of(actor, patient)),
        allergies=allergies_of(patient.id) if with_allergies else None,
    )


def allergies_of(patient_id: UUID) -> rules.AllergySummary:
    """One query; the door stands before it."""
    rows = Allergy.objects.filter(patient_id=patient_id).values(
        "code", "display", "status", "verification", "criticality", "reactions"
    )
    return rules.allergy_summary(
        rules.AllergyFact(
            code=row["code"],
            name=row["display"] or row["code"],
            status=row["status"],
            verification=row["verification"],
            criticality=row["criticality"],
            reactions=tuple(item["display"] for item in row["reactions"] if item.get("display")),
        )
        for row in rows
    )


def birth_day(patient: Patient, form: str = "SHORT_DATE_FORMAT") -> str:
    """As much of the date as is known: a year or a month alone is stored as its first day."""
    if patient.birth_date is None:
        return "—"
    if patient.birth_precision == Precision.YEAR:
        return str(patient.birth_date.year)
    exact = patient.birth_precision != Precision.MONTH
    return date_format(patient.birth_date, form if exact else "YEAR_MONTH_FORMAT")


def age_in_words(patient: Patient) -> str:
    """Today's age, or that at death; empty when the birth date is not known."""
    if patient.birth_date is None:
        return ""
    if patient.deceased and patient.deceased_at is None:
        return ""  # nobody said when
    on = patient.deceased_at.date() if patient.deceased_at else clock.today()
    number, unit = rules.age_parts(patient.birth_date, on)
    if number < 0:
        return ""
    if unit == "years":
        words = ngettext("%(count)d year", "%(count)d years", number)
    elif unit == "months":
        words = ngettext("%(count)d month", "%(count)d months", number)
    else:
        words = ngettext("%(count)d day", "%(count)d days", number)
    text = words % {"count": number}
    exact = patient.birth_precision in (Precision.DAY, Precision.INSTANT)
    return text if exact else _("about %(age)s") % {"age": text}


class WorkspacePages(admin.ModelAdmin[Patient]):
    """What the pages of the workspace share; each area of it is a class that derives from this one."""

    def workspace_page(
        self,
        request: HttpRequest,
        template: str,
        workspace: Workspace,
        *,
        page_title: str,
        status: int = HTTPStatus.OK,
        **context: Any,
    ) -> TemplateResponse:
        """A page in the frame, with `workspace` and `page_title` for its template."""
        frame = {
            **self.admin_site.each_context(request),
            "title": workspace.banner.name,
            "subtitle": None,
            "opts": self.opts,
            "workspace": workspace,
            "page_title": page_title,
        }
        # A patient's page is of no use to the next person at this computer: back after signing out shows nothing.
        headers = {"Cache-Control": "no-store, private"}
        return TemplateResponse(request, template, {**frame, **context}, status=status, headers=headers)
