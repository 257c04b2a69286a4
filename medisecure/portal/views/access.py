"""Who opened my record: the access log, in words, for the person it is about."""

from __future__ import annotations

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from medisecure.audit.interface import accesses_of_patient
from medisecure.kernel.errors import Refused
from medisecure.portal.people import acting, crumbs, for_patient, reader
from patients.interface import same_patient_ids

ACCESSES_A_PAGE = 30


@require_safe
@for_patient
def listing(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Opening it writes no entry: what it shows is how the others looked, not the record. `?own=hide` leaves out the
    reader's own looks."""
    user = reader(request)
    if not acting(request).record:
        raise Refused
    hidden = request.GET.get("own") == "hide"
    accesses = accesses_of_patient(*same_patient_ids(patient_id), without=user.id if hidden else None)
    context = {
        "crumbs": crumbs((_("My record"), reverse("record")), (_("Who opened my record"), "")),
        "area": "record",
        "page": Paginator(accesses, ACCESSES_A_PAGE).get_page(request.GET.get("page")),
        "own_hidden": hidden,
        "reader_id": user.id,
    }
    return render(request, "portal/access.html", context)
