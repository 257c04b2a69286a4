"""Finding a patient in the admin: as you type, and in a list that says when it is not the whole."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from medisecure.kernel.errors import Invalid
from patients import rules, selectors
from patients.admin.common import actor_of
from patients.admin.workspace import WorkspacePages, birth_day
from patients.listing import BoundedPaginator

MOST_SUGGESTED: Final = 8


class FindingPages(WorkspacePages):
    paginator = BoundedPaginator
    change_list_template = "admin/patients/patient/change_list.html"

    def get_urls(self) -> list[Any]:
        own = path("suggest/", self.admin_site.admin_view(self.suggest_view), name="patients_suggest")
        return [own, *super().get_urls()]

    def suggest_view(self, request: HttpRequest) -> HttpResponse:
        """The best few for what has been typed so far. A POST, because addresses end up in logs."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        actor = actor_of(request)
        try:
            rows = selectors.search_patients(actor, request.POST.get("q", ""))
            found = list(rows[: MOST_SUGGESTED + 1]) if request.POST.get("q", "").strip() else []
            message = _said(found)
        except Invalid as error:
            found, message = [], " ".join(error.lines())
        selectors.audit_search(actor, found=len(found[:MOST_SUGGESTED]))
        results = [
            {
                "url": reverse("admin:patients_patient_change", args=[row.id]),
                "name": row.full_name,
                "details": " · ".join((birth_day(row), row.get_sex_display(), row.record_number)),
            }
            for row in found[:MOST_SUGGESTED]
        ]
        headers = {"Cache-Control": "no-store, private"}
        return JsonResponse({"results": results, "message": message}, headers=headers, status=HTTPStatus.OK)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        # The page is rendered after this: the entry comes before the names.
        if isinstance(response, TemplateResponse) and (found := (response.context_data or {}).get("cl")):
            selectors.audit_search(actor_of(request), found=found.result_count)
            response.context_data["listing_note"] = _note(found)  # type: ignore[index]
        return response


def _said(found: list[Any]) -> str:
    if len(found) > MOST_SUGGESTED:
        return _("The best %(count)d are shown; Enter shows all.") % {"count": MOST_SUGGESTED}
    if not found:
        return _("No patient matches.")
    return ngettext("%(count)d patient found.", "%(count)d patients found.", len(found)) % {"count": len(found)}


def _note(found: Any) -> str:
    """What a list does not show, and what to do about it."""
    if found.query and found.result_count >= rules.MOST_FOUND:
        text = _("At least %(count)s people match; the best %(count)s are shown. Add a given name or a birth date.")
        return text % {"count": rules.MOST_FOUND}
    if getattr(found.paginator, "more", False):
        return _("There are more than %(count)s patients: search to find somebody.") % {"count": rules.MOST_LISTED}
    return ""
