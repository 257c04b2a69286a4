"""Staff's pages for patients. Lists are narrowed, every page about a person goes through the door."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from medisecure.kernel.errors import Conflict, DomainError, Invalid
from patients import selectors, services
from patients.admin.access_pages import AccessPages
from patients.admin.bound import bound_patient
from patients.admin.common import actor_of, patient_id_of
from patients.admin.entries import EntryPages
from patients.admin.finding import FindingPages
from patients.admin.forms import CARE, CONTACT, IDENTITY, PatientForm
from patients.admin.identity import IdentityPages
from patients.admin.merging import MergePages
from patients.admin.notes import NotePages
from patients.admin.record import RecordPages
from patients.admin.workspace import Workspace, birth_day, open_workspace
from patients.cards import patient_card
from patients.models import Patient
from patients.models.people import Precision
from patients.panels import panels


@admin.register(Patient)
class PatientAdmin(
    IdentityPages,
    FindingPages,
    MergePages,
    AccessPages,
    EntryPages,
    NotePages,
    RecordPages,
    admin.ModelAdmin[Patient],
):
    form = PatientForm
    list_display = (
        "record_number",
        "family_name",
        "given_names",
        "birth_day",
        "sex",
        "used_name",
        "identity_status",
        "active",
    )
    list_display_links = ("record_number", "family_name")
    list_filter = ("active", "identity_status", "sex")
    list_per_page = 50
    show_full_result_count = False
    #: Only shows the search box: `get_search_results` does the search.
    search_fields = ("search_text",)
    change_list_template = "admin/patients/patient/change_list.html"
    #: For exports of this list (medisecure/reports/lists.py): a day as a day, when the whole of it is known.
    export_values = {
        "birth_day": lambda row: (
            row.birth_date if row.birth_precision in (Precision.DAY, Precision.INSTANT) else birth_day(row)
        )
    }
    search_help_text = _("Names in any order, birth date, phone, record number, or identity number.")
    actions = None
    readonly_fields = ("record_number", "identity_status", "deceased_at", "user", "created_at", "changed_at")
    fieldsets = (
        (_("Identity"), {"fields": ("record_number", *IDENTITY, "identity_status", "deceased_at")}),
        (_("Contact"), {"fields": CONTACT}),
        (_("Care"), {"fields": CARE}),
        (_("Account"), {"fields": ("user", "created_at", "changed_at", "seen_version", "form_key", "patient_id")}),
    )
    change_form_template = "admin/patients/patient/change_form.html"
    object_history_template = "admin/patients/patient/history.html"

    @admin.display(description=_("birth date"), ordering="birth_date")
    def birth_day(self, patient: Patient) -> str:
        return birth_day(patient)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Patient]:
        return selectors.visible_patients(actor_of(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Patient], search_term: str
    ) -> tuple[QuerySet[Patient], bool]:
        if not search_term.strip():
            return queryset, False
        try:
            return selectors.search_patients(actor_of(request), search_term, queryset), False
        except DomainError as error:
            texts = [str(text) for found in error.errors.values() for text in found] or [error.message]
            self.message_user(request, " ".join(texts), messages.ERROR)
            return queryset.none(), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        actor, patient_id = actor_of(request), patient_id_of(object_id)
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="identity")
        may_give_access = patient_card(patient_id).user_id is None and actor.has_perm("patients.change_patient")
        extra = self._framed(workspace, "admin/change_form.html", gettext("Identity"), extra_context)
        extra |= {"may_give_access": may_give_access, "panels": panels(actor, patient_id)}
        extra |= self.lists_of(actor, patient_id)
        try:
            return super().change_view(request, object_id, form_url, extra)
        except (Conflict, Invalid):
            # Another page was faster: the form is read once more, with what is there now, and says it.
            return super().change_view(request, object_id, form_url, extra)

    def _framed(
        self, workspace: Workspace, base: str, page_title: str, extra_context: dict[str, Any] | None
    ) -> dict[str, Any]:
        """What puts a page that Django builds itself (its template is `base`) into the workspace."""
        return {
            **(extra_context or {}),
            "workspace": workspace,
            "workspace_base": base,
            "page_title": page_title,
            "title": workspace.banner.name,
            "subtitle": None,
        }

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Patient | None = None,
    ) -> HttpResponse:
        if add:
            context["comparisons"] = context["adminform"].form.comparisons(request)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_urls(self) -> list[Any]:
        own = path(
            "<uuid:patient_id>/portal-access/",
            self.admin_site.admin_view(self.portal_access_view),
            name="patients_patient_portal_access",
        )
        return [own, *super().get_urls()]

    def portal_access_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        """Asks, then makes the patient an account and sends the link that sets its password."""
        actor = actor_of(request)
        if not actor.has_perm("patients.change_patient"):
            raise PermissionDenied
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="identity", purpose="portal access")
        if request.method == "POST":
            bound_patient(request, patient_id)
        patient = patient_card(patient_id)
        page = reverse("admin:patients_patient_change", args=[patient_id])
        faults: list[str] = []
        if patient.user_id is not None:
            faults = [gettext("This patient has an account already.")]
        elif not patient.email:
            faults = [gettext("This patient has no email address. Enter one first.")]
        elif request.method == "POST":
            try:
                address = services.give_portal_access(actor=actor, patient_id=patient_id)
            except DomainError as error:
                faults = [str(text) for found in error.errors.values() for text in found] or [error.message]
            else:
                text = gettext("The account is made. A mail with a link is on its way to %(address)s.")
                self.message_user(request, text % {"address": address}, messages.SUCCESS)
                return HttpResponseRedirect(page)
        status = HTTPStatus.CONFLICT if faults and request.method == "POST" else HTTPStatus.OK
        return self.workspace_page(
            request,
            "admin/patients/patient/portal_access.html",
            workspace,
            page_title=gettext("Give access to the portal"),
            status=status,
            patient=patient,
            page=page,
            faults=faults,
            ready=patient.user_id is None and patient.email,
        )

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        workspace = open_workspace(
            actor=actor_of(request), patient_id=patient_id_of(object_id), tab="identity", action="history"
        )
        extra = self._framed(workspace, "admin/object_history.html", gettext("History"), extra_context)
        return super().history_view(request, object_id, extra)

    def has_delete_permission(self, request: HttpRequest, obj: Patient | None = None) -> bool:
        return False
