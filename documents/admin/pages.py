"""A patient's documents on one page, with the form that adds one; and what is said of one document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from documents import selectors, services
from documents.forms import EntryForm, HoldForm
from documents.models import Document
from medisecure.accounts.models import User
from medisecure.kernel.errors import DomainError, WrongPatient
from patients.interface import staff_frame, work_units

PER_PAGE = 25
TEMPLATES = "admin/documents/document"
#: Of a patient's page, which the next person at this computer must not find by going back.
_HEADERS = {"Cache-Control": "no-store, private"}


def user_of(request: HttpRequest) -> User:
    # The admin lets nobody else in.
    return cast(User, request.user)


def _bound(request: HttpRequest, patient_id: UUID) -> None:
    """A page that was left open on another patient writes nothing."""
    if request.POST.get("patient_id") != str(patient_id):
        raise WrongPatient


class DocumentPages(admin.ModelAdmin[Document]):
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("patient/<uuid:patient_id>/", wrap(self.patient_view), name="documents_document_patient"),
            path("uploads/<uuid:upload_id>/cancel/", wrap(self.cancel_view), name="documents_upload_cancel"),
            path("<uuid:document_id>/hold/", wrap(self.hold_view), name="documents_document_hold"),
            path("<uuid:document_id>/release/", wrap(self.release_view), name="documents_document_release"),
            *super().get_urls(),
        ]

    def patient_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        actor, adds = user_of(request), self.has_add_permission(request)
        rows = selectors.list_documents(actor=actor, patient_id=patient_id)
        sent = request.method == "POST"
        if sent and not adds:
            raise PermissionDenied
        if sent:
            _bound(request, patient_id)
        form = EntryForm(request.POST if sent else None, request.FILES if sent else None, units=bool(work_units(actor)))
        replaced = self._replaced(request, rows)
        if replaced is not None and not sent:
            form.initial = {"title": replaced.title, "category": replaced.category, "audience": replaced.audience}
        if sent and form.is_valid() and self._add(request, patient_id, form, replaced):
            return redirect("admin:documents_document_patient", patient_id)
        page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            **staff_frame(actor=actor, patient_id=patient_id, page_title=_("Documents"), tab="documents"),
            "workspace_base": None,  # the page is ours, not one that Django builds
            "patient_id": patient_id,
            "page": page,
            "documents": [selectors.line(row) for row in page],
            "uploads": services.open_uploads(actor=actor, patient_id=patient_id),
            "form": form,
            "may_add": adds,
            "replaced": replaced,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if sent else HTTPStatus.OK
        return TemplateResponse(request, f"{TEMPLATES}/patient.html", context, status=status, headers=_HEADERS)

    def _replaced(self, request: HttpRequest, rows: Any) -> Document | None:
        """The document of which a new version is to be added, when it is one that the reader may open."""
        try:
            asked = UUID(request.POST.get("replaces") or request.GET.get("replaces") or "")
        except ValueError:
            return None
        found: Document | None = rows.filter(id=asked).first()
        return found

    def _add(self, request: HttpRequest, patient_id: UUID, form: EntryForm, replaced: Document | None) -> bool:
        try:
            services.upload_document(
                actor=user_of(request),
                patient_id=patient_id,
                file=form.cleaned_data["file"],
                replaces=replaced.id if replaced else None,
                **form.entry(),
            )
        except DomainError as error:
            form.show(error)
            return False
        messages.success(request, _("The document is in the patient's record."))
        return True

    def cancel_view(self, request: HttpRequest, upload_id: UUID) -> HttpResponse:
        if request.method != "POST":
            raise PermissionDenied
        line = services.find_upload(actor=user_of(request), upload_id=upload_id)
        _bound(request, line.patient_id)
        services.cancel_upload(actor=user_of(request), upload_id=upload_id)
        messages.success(request, _("The upload was cancelled. Nothing was kept."))
        return redirect("admin:documents_document_patient", line.patient_id)

    # --- One document ------------------------------------------------------------------------------------------------

    def hold_view(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        actor = user_of(request)
        if not actor.has_perm(services.HOLD):
            raise PermissionDenied
        row = selectors.open_document(actor=actor, document_id=document_id, action="view")
        sent = request.method == "POST"
        start = {"held": row.hold_at is not None, "reason": row.hold_reason, "keep_until": row.keep_until}
        form = HoldForm(request.POST if sent else None, initial=start)
        if sent:
            _bound(request, row.patient_id)
        if sent and form.is_valid():
            try:
                services.set_hold(actor=actor, document_id=document_id, **form.cleaned_data)
            except DomainError as error:
                for field, texts in error.errors.items():
                    form.add_error(field, [str(text) for text in texts])
            else:
                messages.success(request, _("How long this document is kept was changed."))
                return redirect("admin:documents_document_change", document_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            **staff_frame(actor=actor, patient_id=row.patient_id, page_title=row.title),
            "workspace_base": None,  # the page is ours, not one that Django builds
            "document": row,
            "form": form,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if sent else HTTPStatus.OK
        return TemplateResponse(request, f"{TEMPLATES}/hold.html", context, status=status, headers=_HEADERS)

    def release_view(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        if request.method != "POST":
            raise PermissionDenied
        row = selectors.open_document(actor=user_of(request), document_id=document_id, action="view")
        _bound(request, row.patient_id)
        services.release_document(actor=user_of(request), document_id=document_id)
        messages.success(request, _("The patient may read it now, and is told."))
        return redirect("admin:documents_document_change", document_id)
