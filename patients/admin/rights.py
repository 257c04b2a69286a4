"""The privacy officer's pages: requests for erasure, and what is decided of each category."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from medisecure.audit.interface import record_access
from medisecure.kernel.errors import DomainError, Invalid, NotFound
from patients import erasing
from patients.admin.common import actor_of
from patients.cards import patient_by_record_number, patient_card
from patients.erasing.requests import Answer, request_line
from patients.erasing.words import category_words, choice_words, ground_words
from patients.models import ErasureRequest
from patients.rules.rights import Proposal


class EnterForm(forms.Form):
    """A request that came by letter or at the counter."""

    record_number = forms.CharField(label=_("Record number"), max_length=40)
    words = forms.CharField(
        label=_("What the person wrote"), required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 5})
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One category on the page: what is there, what the law says, what may be chosen, what was typed."""

    name: str
    label: str
    count: int
    ground: str
    until: Any
    choices: list[tuple[str, str]]
    chosen: str
    reason: str
    errors: list[str]


@admin.register(ErasureRequest)
class ErasureRequestAdmin(admin.ModelAdmin[ErasureRequest]):
    list_display = ("asked_on", "record_number", "status_words", "due_on", "decided_at", "done_at")
    list_filter = ("status",)
    ordering = ("status", "due_on", "id")
    list_select_related = ("patient",)
    actions = None
    change_list_template = "admin/patients/erasurerequest/change_list.html"

    @admin.display(description=_("asked"), ordering="asked_at")
    def asked_on(self, row: ErasureRequest) -> Any:
        return row.asked_at

    @admin.display(description=_("record number"))
    def record_number(self, row: ErasureRequest) -> str:
        return row.patient.record_number

    @admin.display(description=_("status"), ordering="status")
    def status_words(self, row: ErasureRequest) -> str:
        return str(row.get_status_display())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if self.has_view_permission(request):
            record_access(
                actor=actor_of(request),
                patient_id=None,
                action="list",
                resource="data-protection",
                purpose="oversight",
                right="role",
            )
        return super().changelist_view(request, extra_context)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("enter/", view(self.enter), name="patients_erasurerequest_enter"),
            path("<uuid:request_id>/letter/", view(self.letter), name="patients_erasurerequest_letter"),
            *super().get_urls(),
        ]

    def enter(self, request: HttpRequest) -> HttpResponse:
        form = EnterForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            patient_id = patient_by_record_number(form.cleaned_data["record_number"])
            if patient_id is None:
                form.add_error("record_number", gettext("No patient has this record number."))
            else:
                try:
                    made = erasing.request_erasure(
                        actor=actor_of(request), patient_id=patient_id, words=form.cleaned_data["words"]
                    )
                except DomainError as error:
                    form.add_error(None, error.lines())
                else:
                    return HttpResponseRedirect(reverse("admin:patients_erasurerequest_change", args=[made]))
        context = self.admin_site.each_context(request) | {
            "title": gettext("Enter a request for erasure"),
            "opts": self.opts,
            "form": form,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
        return TemplateResponse(request, "admin/patients/erasurerequest/enter.html", context, status=status)

    def letter(self, request: HttpRequest, request_id: UUID) -> HttpResponse:
        return HttpResponseRedirect(erasing.letter_url(actor=actor_of(request), request_id=request_id))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Decide, or see what was decided. Through the door of the patient, with its entry in the log."""
        actor = actor_of(request)
        row, facts, proposals = erasing.propose(actor=actor, request_id=_uuid(object_id))
        answers = {
            proposal.category.value: Answer(
                request.POST.get(f"decision-{proposal.category.value}", ""),
                request.POST.get(f"reason-{proposal.category.value}", ""),
            )
            for proposal in proposals
        }
        errors: dict[str, list[str]] = {}
        if request.method == "POST":
            try:
                erasing.decide_erasure(actor=actor, request_id=row.id, answers=answers)
            except Invalid as error:
                errors = {name: [str(text) for text in texts] for name, texts in error.errors.items()}
            except DomainError as error:
                messages.error(request, error.message)
                return HttpResponseRedirect(request.path)
            else:
                messages.success(request, gettext("The decision is being carried out. The person is told."))
                return HttpResponseRedirect(request.path)
        card = patient_card(row.patient_id)
        context = self.admin_site.each_context(request) | {
            "title": gettext("Request for erasure"),
            "opts": self.opts,
            "row": row,
            "card": card,
            "facts": facts,
            "open": row.status == ErasureRequest.Status.OPEN,
            "lines": [_line(one, facts.counts.get(one.category, 0), answers, errors, request) for one in proposals],
            "decided": request_line(row),
            "errors": errors,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
        return TemplateResponse(request, "admin/patients/erasurerequest/decide.html", context, status=status)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ErasureRequest | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ErasureRequest | None = None) -> bool:
        return False


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _line(
    proposal: Proposal, count: int, answers: dict[str, Answer], errors: dict[str, list[str]], request: HttpRequest
) -> Line:
    name = proposal.category.value
    answer = answers[name] if request.method == "POST" else Answer(proposal.allowed[0].value)
    return Line(
        name=name,
        label=str(category_words(proposal.category)),
        count=count,
        ground=str(ground_words(proposal.ground)),
        until=proposal.until,
        choices=[(decision.value, choice_words(decision)) for decision in proposal.allowed],
        chosen=answer.decision,
        reason=answer.reason,
        errors=errors.get(name, []),
    )
