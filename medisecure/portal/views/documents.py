"""My documents: what is there, looked at in the page, and what I bring along."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from documents.interface import (
    PREVIEW_PAGES,
    EntryForm,
    cancel_upload,
    document_line,
    list_documents,
    open_preview,
    open_uploads,
    preview_pages,
    readable_versions,
    upload_document,
)
from medisecure.kernel.errors import DomainError, NotFound
from medisecure.portal.people import acting, crumbs, for_patient, reader

SHOWN = 20


def _trail(*steps: tuple[str, str]) -> list[tuple[str, str]]:
    return crumbs((_("My record"), reverse("record")), *steps)


@require_safe
@for_patient
def listing(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    rows = list_documents(actor=reader(request), patient_id=patient_id, purpose=acting(request).purpose)
    page = Paginator(rows, SHOWN).get_page(request.GET.get("page"))
    context = {
        "crumbs": _trail((_("Documents"), "")),
        "area": "record",
        "page": page,
        "documents": [document_line(row) for row in page],
        "uploads": open_uploads(actor=reader(request), patient_id=patient_id),
    }
    return render(request, "portal/documents.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_patient
def add(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    if not acting(request).record:
        raise NotFound
    sent = request.method == "POST"
    form = EntryForm(request.POST if sent else None, request.FILES if sent else None, side=True)
    if sent and form.is_valid():
        try:
            upload_document(
                actor=reader(request),
                patient_id=patient_id,
                file=form.cleaned_data["file"],
                purpose=acting(request).purpose,
                **form.entry(),
            )
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, _("The document is in your record."))
            return redirect("documents")
    context: dict[str, Any] = {
        "crumbs": _trail((_("Documents"), reverse("documents")), (_("Add a document"), "")),
        "area": "record",
        "form": form,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if sent else HTTPStatus.OK
    return render(request, "portal/document_add.html", context, status=status)


@require_safe
@for_patient
def view(request: HttpRequest, patient_id: UUID, document_id: UUID) -> HttpResponse:
    """One document in the page; the door and the entry in the log are those of a download."""
    number = request.GET.get("page", "1")
    first = (int(number) - 1) * PREVIEW_PAGES + 1 if number.isdecimal() and 0 < int(number) < 10_000 else 1
    row, preview = open_preview(
        actor=reader(request), document_id=document_id, purpose=acting(request).purpose, first=first
    )
    context = {
        "crumbs": _trail((_("Documents"), reverse("documents")), (row.title, "")),
        "area": "record",
        "document": document_line(row),
        "preview": preview,
        "page": preview_pages(preview),
        "versions": readable_versions(reader(request), row),
    }
    return render(request, "portal/document.html", context)


@require_POST
@for_patient
def give_up(request: HttpRequest, patient_id: UUID, upload_id: UUID) -> HttpResponse:
    cancel_upload(actor=reader(request), upload_id=upload_id)
    messages.success(request, _("The upload was cancelled. Nothing was kept."))
    return redirect("documents")
