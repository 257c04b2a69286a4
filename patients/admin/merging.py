"""Merging in the admin: which file with which, what it would do, how far it is, and taking it back."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.kernel.errors import DomainError, NotFound, Stale
from patients import duplicates, rules
from patients.access import access_identity
from patients.admin.bound import bound_patient
from patients.admin.common import actor_of
from patients.admin.duplicates import Comparison, lines, percent
from patients.admin.workspace import WorkspacePages, open_workspace
from patients.cards import patient_by_record_number
from patients.duplicates import person_of
from patients.merged import follow
from patients.models import Merge, Patient
from patients.parts import parts
from patients.selectors import audit_search
from patients.services import merge_preview, merging

PER_PAGE: Final = 25


def side_by_side(left: Patient, right: Patient) -> Comparison:
    one, other = person_of(left), person_of(right)
    likeness = rules.compare(one, other)
    return Comparison(patient=right, percent=percent(likeness.score), lines=lines(one, other, likeness))


def _faults(error: DomainError) -> list[str]:
    return error.lines()


class MergePages(WorkspacePages):
    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("duplicates/", wrap(self.duplicates_view), name="patients_duplicates"),
            path("duplicates/<uuid:pair_id>/", wrap(self.pair_view), name="patients_duplicate_pair"),
            path("merges/<uuid:merge_id>/", wrap(self.merge_view), name="patients_merge"),
            path("merges/<uuid:merge_id>/back/", wrap(self.unmerge_view), name="patients_unmerge"),
            path("<uuid:patient_id>/merge/", wrap(self.prepare_view), name="patients_patient_merge"),
        ]
        return [*own, *super().get_urls()]

    # --- The worklist -------------------------------------------------------------------------------------------------
    def duplicates_view(self, request: HttpRequest) -> HttpResponse:
        """Pairs to decide, the likeliest first, and what was merged lately."""
        actor = actor_of(request)
        duplicates.require(actor)
        rows = duplicates.worklist().select_related("first", "second").order_by("-score", "id")
        page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
        merges = Merge.objects.select_related("survivor", "loser", "started_by")[:10]
        audit_search(actor, found=len(page.object_list) + len(merges))
        pairs = [(row, percent(row.score), row.score >= rules.NEARLY_CERTAIN) for row in page.object_list]
        context = {"title": _("Possible duplicates"), "page": page, "pairs": pairs, "merges": merges}
        return self._plain(request, "admin/patients/duplicates/worklist.html", context)

    def pair_view(self, request: HttpRequest, pair_id: UUID) -> HttpResponse:
        """Two files side by side: one person, or two?"""
        actor = actor_of(request)
        if request.method == "POST":
            duplicates.dismiss(actor=actor, pair_id=pair_id)
            self.message_user(request, _("Noted: these are two people. The pair is not proposed again."))
            return HttpResponseRedirect(reverse("admin:patients_duplicates"))
        pair = duplicates.open_pair(actor=actor, pair_id=pair_id)
        context = {
            "title": _("One person or two?"),
            "pair": pair,
            "one": side_by_side(pair.first, pair.second),
        }
        return self._plain(request, "admin/patients/duplicates/pair.html", context)

    # --- Merging ------------------------------------------------------------------------------------------------------
    def prepare_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        """The file that stays is the page's; `?other=` is the one that is merged into it. Without it the page asks."""
        actor = actor_of(request)
        duplicates.require(actor)
        faults: list[str] = []
        if request.method == "POST":
            bound_patient(request, patient_id)
            try:
                return self._post(request, actor, patient_id)
            except DomainError as error:
                faults = _faults(error)
        other_id = _uuid(request.POST.get("other") or request.GET.get("other") or "")
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="merge")
        context: dict[str, Any] = {
            "faults": faults,
            "typed": request.POST,
            "taken": request.POST.getlist("taken"),
            "merges": self._merges_of(patient_id),
        }
        if other_id is not None and other_id != patient_id:
            found = merge_preview.preview(actor=actor, survivor_id=patient_id, loser_id=other_id)
            one, other = person_of(found.survivor), person_of(found.loser)
            context |= {
                "preview": found,
                "one": Comparison(found.loser, percent(found.likeness.score), lines(one, other, found.likeness)),
                "accounts": Merge.Account.choices,
                "posted": request.method == "POST",
            }
        return self.workspace_page(
            request,
            "admin/patients/duplicates/merge.html",
            workspace,
            page_title=_("Merge two files"),
            status=HTTPStatus.CONFLICT if faults else HTTPStatus.OK,
            **context,
        )

    def _post(self, request: HttpRequest, actor: User, patient_id: UUID) -> HttpResponse:
        asked = request.POST
        if "find" in asked:
            other = patient_by_record_number(asked.get("number", ""))
            if other is None or other == patient_id:
                raise NotFound(_("There is no other patient with this record number."))
            access_identity(actor=actor, patient_id=other, purpose="identity", action="compare")
            place = reverse("admin:patients_patient_merge", args=[patient_id])
            return HttpResponseRedirect(f"{place}?other={other}")
        loser_id = _uuid(asked.get("other", ""))
        if loser_id is None:
            raise NotFound
        found = merge_preview.preview(actor=actor, survivor_id=patient_id, loser_id=loser_id)
        if asked.get("versions") != found.versions:
            raise Stale(_("One of the two files was changed since this page was made. Look at it again."))
        merge = merging.merge_patients(
            actor=actor,
            survivor_id=patient_id,
            loser_id=loser_id,
            reason=asked.get("reason", ""),
            taken=asked.getlist("taken"),
            account=asked.get("account", ""),
        )
        return HttpResponseRedirect(reverse("admin:patients_merge", args=[merge.id]))

    def _merges_of(self, patient_id: UUID) -> list[Merge]:
        rows = Merge.objects.filter(Q(survivor_id=patient_id) | Q(loser_id=patient_id))
        return list(rows.select_related("survivor", "loser", "started_by"))

    def merge_view(self, request: HttpRequest, merge_id: UUID, faults: list[str] | None = None) -> HttpResponse:
        """How far it is, in each part; and the way back."""
        actor = actor_of(request)
        duplicates.require(actor)
        merge = Merge.objects.filter(id=merge_id).select_related("survivor", "loser").first()
        if merge is None:
            raise NotFound
        workspace = open_workspace(actor=actor, patient_id=follow(merge.survivor_id), tab="merge")
        undo = merge.status in (Merge.Status.UNDOING, Merge.Status.UNDONE)
        labels = {merging.OWN_PART: _("Identity and record"), **{name: part.label for name, part in parts().items()}}
        steps = [(labels.get(step.part, step.part), step) for step in merge.steps.filter(undo=undo)]
        context = {
            "merge": merge,
            "steps": steps,
            "undo": undo,
            "under_way": merge.status in (Merge.Status.RUNNING, Merge.Status.UNDOING),
            "added": merge_preview.added_since(merge) if merge.status == Merge.Status.DONE else (),
            "faults": faults or [],
            "typed": request.POST,
        }
        return self.workspace_page(
            request,
            "admin/patients/duplicates/progress.html",
            workspace,
            page_title=_("Merge of two files"),
            status=HTTPStatus.CONFLICT if faults else HTTPStatus.OK,
            **context,
        )

    def unmerge_view(self, request: HttpRequest, merge_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        if request.method == "POST":
            merge = Merge.objects.filter(id=merge_id).first()
            bound_patient(request, follow(merge.survivor_id) if merge else merge_id)
            try:
                merging.unmerge_patients(actor=actor, merge_id=merge_id, reason=request.POST.get("reason", ""))
            except DomainError as error:
                if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
                    raise
                return self.merge_view(request, merge_id, _faults(error))
            self.message_user(request, _("The merge is being taken back."), messages.INFO)
        return HttpResponseRedirect(reverse("admin:patients_merge", args=[merge_id]))

    def _plain(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "subtitle": None}
        headers = {"Cache-Control": "no-store, private"}
        return TemplateResponse(request, template, {**frame, **context}, headers=headers)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
