"""Wards: which units there are, who works there (administrators), and who lies there (staff)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from medisecure.kernel.errors import DomainError, NotFound, Refused
from patients import services, wards
from patients.access import access_identity
from patients.admin.access_forms import AdmitForm, TransferForm, show
from patients.admin.bound import bound_patient
from patients.admin.common import actor_of
from patients.cards import patient_by_record_number
from patients.models import Unit, UnitMember
from patients.services.stays import MANAGE, find_stay


class MemberInline(admin.TabularInline[UnitMember, Unit]):
    model = UnitMember
    extra = 0
    fields = ("practitioner", "starts_on", "ends_on")
    autocomplete_fields = ("practitioner",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return actor_of(request).has_perm("patients.view_unit")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return actor_of(request).has_perm("patients.change_unit")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return actor_of(request).has_perm("patients.change_unit")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A last day is entered instead: who worked where is part of who could see whom.
        return False


@admin.register(Unit)
class UnitAdmin(admin.ModelAdmin[Unit]):
    list_display = ("name", "site", "here", "ward_link", "active")
    list_per_page = 50
    search_fields = ("name", "code", "site")
    actions = None
    fields = ("code", "name", "site", "active")
    inlines = (MemberInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Unit]:
        actor = actor_of(request)
        if actor.has_perm("patients.change_unit"):
            return Unit.objects.all()
        return wards.units_of(actor)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        found = getattr(response, "context_data", None) or {}
        if "cl" in found:
            numbers = wards.here_now(row.pk for row in found["cl"].result_list)
            for row in found["cl"].result_list:
                row.number_here = numbers.get(row.pk, 0)
        return response

    @admin.display(description=_("patients here"))
    def here(self, unit: Unit) -> int:
        return int(getattr(unit, "number_here", 0))

    @admin.display(description=_("ward"))
    def ward_link(self, unit: Unit) -> str:
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:patients_unit_ward", args=[unit.pk]), gettext("Who is here")
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:unit_id>/ward/", view(self.ward_view), name="patients_unit_ward"),
            path("stay/<uuid:stay_id>/", view(self.stay_view), name="patients_unit_stay"),
            *super().get_urls(),
        ]

    def ward_view(self, request: HttpRequest, unit_id: UUID) -> HttpResponse:
        """Who lies here, and a form to admit somebody by record number."""
        actor = actor_of(request)
        form = AdmitForm(request.POST if request.method == "POST" else None)
        # The door stands before anything is done here, too.
        ward = wards.open_ward(actor=actor, unit_id=unit_id)
        if form.is_valid():
            try:
                patient_id = patient_by_record_number(form.cleaned_data["record_number"])
                if patient_id is None:
                    raise NotFound
                services.admit(actor=actor, patient_id=patient_id, unit_id=unit_id, bed=form.cleaned_data["bed"])
            except NotFound:
                form.add_error("record_number", gettext("No patient in your sight has this number."))
            except DomainError as error:
                show(form, error, {"patient": "record_number", "unit": "bed"})
            else:
                messages.success(request, gettext("The patient is admitted."))
                return HttpResponseRedirect(reverse("admin:patients_unit_ward", args=[unit_id]))
        context = {
            **self.admin_site.each_context(request),
            "title": ward.unit.name,
            "opts": self.opts,
            "ward": ward,
            "form": form if actor.has_perm(MANAGE) else None,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
        return TemplateResponse(request, "admin/patients/unit/ward.html", context, status=status)

    def stay_view(self, request: HttpRequest, stay_id: UUID) -> HttpResponse:
        """Transfer or discharge one patient; both ask on this page and say what follows."""
        actor = actor_of(request)
        stay = find_stay(actor, stay_id)
        patient = access_identity(actor=actor, patient_id=stay.patient_id, purpose="care")
        if not actor.has_perm(MANAGE):
            raise Refused
        asked = request.POST.get("do", "") if request.method == "POST" else ""
        form = TransferForm(
            request.POST if asked == "transfer" else None,
            patient_id=stay.patient_id,
            initial={"version": stay.version, "unit": stay.unit_id, "bed": stay.bed},
        )
        back = reverse("admin:patients_unit_ward", args=[stay.unit_id])
        try:
            if asked == "transfer" and form.is_valid():
                values = form.cleaned_data
                services.transfer(
                    actor=actor,
                    stay_id=stay_id,
                    version=values["version"],
                    unit_id=values["unit"].id,
                    bed=values["bed"],
                )
                messages.success(request, gettext("The patient is transferred."))
                return HttpResponseRedirect(back)
            if asked == "discharge":
                bound_patient(request, stay.patient_id)
                version = request.POST.get("version", "")
                services.discharge(actor=actor, stay_id=stay_id, version=int(version) if version[:9].isdecimal() else 0)
                messages.success(request, gettext("The patient is discharged."))
                return HttpResponseRedirect(back)
        except DomainError as error:
            show(form, error) if form.is_bound else messages.error(request, " ".join(error.lines()))
        context = {
            **self.admin_site.each_context(request),
            "title": patient.full_name,
            "opts": self.opts,
            "stay": stay,
            "patient": patient,
            "form": form,
            "back": back,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if asked else HTTPStatus.OK
        return TemplateResponse(request, "admin/patients/unit/stay.html", context, status=status)
