"""The pages of images for staff, inside the patient's frame: examinations, viewer, whose an image is, copies."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from documents.imaging import copies, gate, reviewing, wording
from documents.imaging import selectors as imaging
from documents.imaging.interface import studies_page
from documents.models import ImagingCopy, ImagingInstance
from documents.models.imaging import REASON_LENGTH
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel.errors import DomainError, NotFound, WrongPatient
from patients.interface import record_frame, records_in_care

_HEADERS = {"Cache-Control": "no-store, private"}


def _actor(request: HttpRequest) -> User:
    # The admin lets nobody else in.
    return cast(User, request.user)


class CopyForm(forms.Form):
    patient_id = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=REASON_LENGTH,
        help_text=gettext_lazy("For what the copy is needed: teaching, a study with its number, an outside opinion."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


def _bound(request: HttpRequest, patient_id: UUID) -> None:
    if request.POST.get("patient_id") != str(patient_id):
        raise WrongPatient


@admin.register(ImagingInstance)
class ImagingInstanceAdmin(admin.ModelAdmin[ImagingInstance]):
    """The list is of what somebody must look at; everything else is reached from a patient."""

    list_display = ("patient", "document_title", "why", "look")
    list_display_links = None
    list_per_page = 50
    show_full_result_count = False
    list_select_related = ("document__patient",)
    ordering = ("id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ImagingInstance | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ImagingInstance | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: ImagingInstance | None = None) -> bool:
        return _actor(request).has_perm(gate.REVIEW)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImagingInstance]:
        return ImagingInstance.objects.filter(
            review=ImagingInstance.Review.PENDING, document__patient_id__in=records_in_care(_actor(request))
        ).defer("offsets", "display")

    @admin.display(description=gettext_lazy("patient"))
    def patient(self, obj: ImagingInstance) -> str:
        return obj.document.patient.full_name

    @admin.display(description=gettext_lazy("document"))
    def document_title(self, obj: ImagingInstance) -> str:
        return obj.document.title

    @admin.display(description=gettext_lazy("what speaks against it"))
    def why(self, obj: ImagingInstance) -> str:
        return " ".join(wording.concern_words(obj))

    @admin.display(description=gettext_lazy("decide"))
    def look(self, obj: ImagingInstance) -> SafeString:
        url = reverse("admin:documents_image_review", args=[obj.id])
        return format_html('<a href="{}">{}</a>', url, _("Compare and decide"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None)
        if shown and "cl" in shown:
            record_access(
                actor=_actor(request),
                patient_id=None,
                action="search",
                resource="image",
                resource_id=f"results:{len(shown['cl'].result_list)}",
                purpose="care",
                right="care-relation",
            )
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404

    def get_urls(self) -> list[URLPattern]:
        pages = (
            ("patient/<uuid:patient_id>/", self.studies_view, "documents_images"),
            ("patient/<uuid:patient_id>/<uuid:study_id>/", self.study_view, "documents_images_study"),
            ("patient/<uuid:patient_id>/<uuid:study_id>/copy/", self.ask_copy_view, "documents_image_copy_ask"),
            ("review/<uuid:instance_id>/", self.review_view, "documents_image_review"),
            ("copies/<uuid:copy_id>/", self.copy_view, "documents_image_copy"),
            ("copies/<uuid:copy_id>/download/", self.download_view, "documents_image_copy_download"),
        )
        own = [path(route, self.admin_site.admin_view(view), name=name) for route, view, name in pages]
        return [*own, *super().get_urls()]

    def _page(self, request: HttpRequest, template: str, frame: dict[str, Any], **context: Any) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        name = f"admin/documents/imaging/{template}.html"
        return TemplateResponse(request, name, {**shared, **frame, **context}, headers=_HEADERS)

    # --- Pages ---------------------------------------------------------------------------------------------------

    def studies_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        actor = _actor(request)
        frame = record_frame(
            actor=actor, patient_id=patient_id, tab="images", page_title=_("Images"), resource="imaging-studies"
        )
        found = studies_page(actor, patient_id, request.GET.get("page"))
        mine = ImagingCopy.objects.filter(patient_id=patient_id, asked_by=actor).select_related("study")
        return self._page(
            request,
            "studies",
            frame,
            trail_home=True,
            images=found,
            page=found.page,
            doubts=imaging.to_review(patient_id),
            may_review=actor.has_perm(gate.REVIEW),
            may_copy=actor.has_perm(gate.DEIDENTIFY),
            copies=mine[:10],
        )

    def study_view(self, request: HttpRequest, patient_id: UUID, study_id: UUID) -> HttpResponse:
        actor = _actor(request)
        frame = record_frame(
            actor=actor, patient_id=patient_id, tab="images", page_title="", resource="imaging-study", item=study_id
        )
        study = imaging.study(actor, patient_id, study_id)
        token = gate.token(actor, patient_id=patient_id, study_id=study_id)
        frame["page_title"] = study.title
        may_copy = actor.has_perm(gate.DEIDENTIFY)
        return self._page(
            request, "study", frame, study=study, token=token, may_copy=may_copy, first=request.GET.get("image", "")
        )

    def review_view(self, request: HttpRequest, instance_id: UUID) -> HttpResponse:
        actor = _actor(request)
        doubt = reviewing.open_doubt(actor=actor, instance_id=instance_id)
        patient_id = doubt.image.document.patient_id
        if request.method == "POST":
            _bound(request, patient_id)
            if request.POST.get("belongs") not in ("yes", "no"):
                raise PermissionDenied
            belongs = request.POST["belongs"] == "yes"
            try:
                reviewing.decide(actor=actor, instance_id=instance_id, belongs=belongs)
            except DomainError as error:
                messages.error(request, error.message)
                return redirect("admin:documents_image_review", instance_id)
            if belongs:
                messages.success(request, _("The image is shown in this record now."))
            else:
                messages.success(request, _("The image is shown to nobody. Add it to the right patient’s record."))
            return redirect("admin:documents_images", patient_id)
        frame = record_frame(
            actor=actor,
            patient_id=patient_id,
            tab="images",
            page_title=_("Whose image is this?"),
            resource="image",
            item=instance_id,
        )
        return self._page(
            request,
            "review",
            frame,
            doubt=doubt,
            image=doubt.image,
            why=wording.concern_words(doubt.image),
            waits=doubt.image.review == ImagingInstance.Review.PENDING,
        )

    def ask_copy_view(self, request: HttpRequest, patient_id: UUID, study_id: UUID) -> HttpResponse:
        actor = _actor(request)
        if not actor.has_perm(gate.DEIDENTIFY):
            raise PermissionDenied
        frame = record_frame(
            actor=actor,
            patient_id=patient_id,
            tab="images",
            page_title=_("De-identified copy"),
            resource="imaging-study",
            item=study_id,
        )
        study = imaging.study(actor, patient_id, study_id)
        sent = request.method == "POST"
        form = CopyForm(request.POST if sent else None, initial={"patient_id": patient_id})
        if sent:
            _bound(request, patient_id)
        if sent and form.is_valid():
            try:
                copy_id = copies.request_copy(
                    actor=actor, patient_id=patient_id, study_id=study_id, reason=form.cleaned_data["reason"]
                )
            except DomainError as error:
                for field, texts in error.errors.items() or [("reason", [error.message])]:
                    form.add_error(field, [str(text) for text in texts])
            else:
                messages.success(request, _("The copy is being made. A notice tells you when it is."))
                return redirect("admin:documents_image_copy", copy_id)
        return self._page(request, "copy_ask", frame, study=study, form=form)

    def copy_view(self, request: HttpRequest, copy_id: UUID) -> HttpResponse:
        actor = _actor(request)
        row = copies.open_copy(actor=actor, copy_id=copy_id)
        if request.method == "POST":
            _bound(request, row.patient_id)
            if request.POST.get("clean") not in ("yes", "no"):
                raise PermissionDenied
            try:
                copies.decide_copy(actor=actor, copy_id=copy_id, clean=request.POST["clean"] == "yes")
            except DomainError as error:
                messages.error(request, error.message)
            return redirect("admin:documents_image_copy", copy_id)
        frame = record_frame(
            actor=actor,
            patient_id=row.patient_id,
            tab="images",
            page_title=_("De-identified copy"),
            resource="imaging-study",
            item=row.study_id,
        )
        doubts = [{"image": item["image"], "words": wording.risk_words(item["risks"])} for item in row.doubts]
        return self._page(
            request,
            "copy",
            frame,
            copy=row,
            doubts=doubts,
            token=gate.token(actor, patient_id=row.patient_id, study_id=row.study_id),
        )

    def download_view(self, request: HttpRequest, copy_id: UUID) -> HttpResponse:
        try:
            return redirect(copies.copy_url(actor=_actor(request), copy_id=copy_id))
        except NotFound:
            raise
        except DomainError as error:
            messages.error(request, error.message)
            return redirect("admin:documents_image_copy", copy_id)
