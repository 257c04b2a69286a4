"""The staff's view of documents: find, read, download, add. Nothing is deleted here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from documents import selectors, services
from documents.admin.pages import DocumentPages, user_of
from documents.forms import UploadForm
from documents.imaging.admin import ImagingInstanceAdmin
from documents.models import Document
from documents.previews import PAGES, open_preview, preview_pages
from documents.readers import is_served
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError
from patients.interface import staff_frame, work_units

__all__ = ["DocumentAdmin", "ImagingInstanceAdmin"]

if TYPE_CHECKING:
    from django.utils.safestring import SafeString


@admin.register(Document)
class DocumentAdmin(DocumentPages):
    list_display = ("title", "patient", "category", "day", "readable_size", "scan_state", "download")
    list_filter = ("category", "content_type", "scan_state", "audience", "current", "created_at")
    list_select_related = ("patient",)
    search_fields = ("=patient__record_number", "title")
    search_help_text = _("A patient's record number, or words of the title")
    date_hierarchy = "created_at"
    list_per_page = 50
    show_full_result_count = False
    change_form_template = "admin/documents/document/change_form.html"
    fieldsets = (
        (None, {"fields": ("title", "patient", "category", "created_at", "author")}),
        (_("Who may read it"), {"fields": ("audience", "unit", "withheld_until")}),
        (_("Kept"), {"fields": ("version", "hold_reason", "hold_at", "keep_until")}),
        (
            _("File"),
            {"fields": ("content_type", "filename", "readable_size", "sha256", "scan_state", "scan_finding", "image")},
        ),
        (_("Origin"), {"fields": ("uploaded_by", "added_at", "source")}),
    )
    readonly_fields = ("readable_size", "image", "added_at")

    # --- Who may -------------------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return user_of(request).has_perm("documents.upload_document")

    def has_change_permission(self, request: HttpRequest, obj: Document | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Document | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        return selectors.visible_rows(user_of(request))

    # --- Columns -------------------------------------------------------------------------------------------------

    @admin.display(description=_("size"), ordering="size")
    def readable_size(self, obj: Document) -> str:
        return filesizeformat(obj.size)

    @admin.display(description=_("date"), ordering="created_at")
    def day(self, obj: Document) -> str:
        return date_format(localtime(obj.created_at), "SHORT_DATE_FORMAT")

    @admin.display(description=_("file"))
    def download(self, obj: Document) -> SafeString | str:
        if not is_served(obj.scan_state):
            return "—"
        url = reverse("admin:documents_document_download", args=[obj.id])
        return format_html('<a href="{}">{}</a>', url, _("Download"))

    @admin.display(description="DICOM")
    def image(self, obj: Document) -> str:
        return ", ".join(f"{name}: {value}" for name, value in obj.dicom.items()) if obj.dicom else "—"

    # --- Pages ---------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<uuid:document_id>/download/",
            self.admin_site.admin_view(self.download_view),
            name="documents_document_download",
        )
        return [own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None)
        if shown and "cl" in shown:
            # Titles say what ails people: the list is on record before it is rendered.
            record_access(
                actor=user_of(request),
                patient_id=None,
                action="search",
                resource="document",
                resource_id=f"results:{len(shown['cl'].result_list)}",
                purpose="care",
                right="care-relation",
            )
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        try:
            document_id = UUID(object_id)
        except ValueError:
            raise Http404 from None
        number = request.GET.get("page", "1")
        first = (int(number) - 1) * PAGES + 1 if number.isdecimal() and 0 < int(number) < 10_000 else 1
        document, preview = open_preview(actor=user_of(request), document_id=document_id, first=first)
        frame = {
            **staff_frame(actor=user_of(request), patient_id=document.patient_id, page_title=document.title),
            "line": selectors.line(document),
            "preview": preview,
            "page": preview_pages(preview),
            "versions": selectors.readable_versions(user_of(request), document),
            "may_hold": user_of(request).has_perm(services.HOLD),
            "may_add": self.has_add_permission(request),
            "withheld": document.withheld_until is not None and document.withheld_until > clock.today(),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **frame})

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Django's own history knows of no read and no download: the access log does.
        raise Http404

    def download_view(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return redirect(selectors.document_url(user_of(request), document_id))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        sent = request.method == "POST"
        form = UploadForm(
            request.POST if sent else None,
            request.FILES if sent else None,
            actor=user_of(request),
            units=bool(work_units(user_of(request))),
            initial={"record_number": request.GET.get("record_number", "")},
        )
        if sent and form.is_valid():
            values = form.cleaned_data
            try:
                row = services.upload_document(
                    actor=user_of(request), patient_id=form.patient_id, file=values["file"], **form.entry()
                )
            except DomainError as error:
                form.show(error)
            else:
                messages.success(request, _("The document is in the patient's record."))
                return redirect("admin:documents_document_change", row.id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Add a document"),
            "form": form,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/documents/document/upload.html", context)
