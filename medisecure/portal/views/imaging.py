"""My images: the examinations in my record, and the viewer."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from documents.interface import imaging_page, open_study
from medisecure.portal.people import acting, crumbs, for_patient, reader


@require_safe
@for_patient
def listing(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    found = imaging_page(
        actor=reader(request),
        patient_id=patient_id,
        purpose=acting(request).purpose,
        number=request.GET.get("page"),
    )
    context = {
        "crumbs": crumbs((_("My record"), reverse("record")), (_("My images"), "")),
        "area": "record",
        "images": found,
        "page": found.page,
    }
    return _unkept(render(request, "portal/images.html", context))


@require_safe
@for_patient
def study(request: HttpRequest, patient_id: UUID, study_id: UUID) -> HttpResponse:
    found, token = open_study(
        actor=reader(request), patient_id=patient_id, study_id=study_id, purpose=acting(request).purpose
    )
    trail = ((_("My record"), reverse("record")), (_("My images"), reverse("images")))
    context = {
        "crumbs": crumbs(*trail, (found.title, "")),
        "area": "record",
        "study": found,
        "token": token,
        "first": request.GET.get("image", ""),
    }
    return _unkept(render(request, "portal/images_study.html", context))


def _unkept(response: HttpResponse) -> HttpResponse:
    """The page holds a token for images: back after signing out shows nothing."""
    response["Cache-Control"] = "private, no-store"
    return response
