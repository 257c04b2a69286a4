"""The privacy officer's queue of emergency accesses: who, when, why, what was opened, and the verdict."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from medisecure.audit.interface import accesses_by, record_access
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError, NotFound
from patients import rules, services
from patients.admin.access_forms import ReviewForm, show
from patients.admin.common import actor_of
from patients.models import EmergencyAccess
from patients.services.emergencies import REVIEW

#: As many lines of what was opened as one page shows.
_SHOWN = 300


class _Queue(admin.SimpleListFilter):
    title = _("review")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("to be reviewed")), ("overdue", _("overdue")), ("done", _("reviewed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[EmergencyAccess]) -> QuerySet[EmergencyAccess]:
        waiting = queryset.filter(review=EmergencyAccess.Review.OPEN)
        if self.value() == "open":
            return waiting
        if self.value() == "overdue":
            return waiting.filter(review_due_at__lt=clock.now())
        if self.value() == "done":
            return queryset.exclude(review=EmergencyAccess.Review.OPEN)
        return queryset


@admin.register(EmergencyAccess)
class EmergencyAdmin(admin.ModelAdmin[EmergencyAccess]):
    list_display = ("opened_at", "user", "patient", "reason_code", "review", "review_due_at", "overdue", "over_alert")
    list_filter = (_Queue, "reason_code", "over_alert")
    list_select_related = ("user", "patient")
    list_per_page = 50
    date_hierarchy = "opened_at"
    actions = None

    @admin.display(description=_("overdue"), boolean=True)
    def overdue(self, row: EmergencyAccess) -> bool | None:
        # True is shown as a green tick, which overdue is not.
        late = row.review == EmergencyAccess.Review.OPEN and row.review_due_at < clock.now()
        return False if late else None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: EmergencyAccess | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: EmergencyAccess | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        if "cl" in (getattr(response, "context_data", None) or {}):
            self._write_down(request, "list", None)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        actor = actor_of(request)
        row = self._row(request, object_id)
        form = ReviewForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                services.review_emergency(actor=actor, emergency_id=row.id, **form.cleaned_data)
            except DomainError as error:
                show(form, error)
            else:
                messages.success(request, gettext("The verdict is kept."))
                return HttpResponseRedirect(reverse("admin:patients_emergencyaccess_changelist") + "?queue=open")
        self._write_down(request, "view", row)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Emergency access"),
            "opts": self.opts,
            "row": row,
            "overdue": row.review == EmergencyAccess.Review.OPEN and row.review_due_at < clock.now(),
            "opened": accesses_by(
                actor_id=row.user_id,
                patient_id=row.patient_id,
                right=rules.BREAK_GLASS,
                since=row.opened_at,
                until=row.ended_at or row.ends_at,
                limit=_SHOWN,
            ),
            "form": form if row.review == EmergencyAccess.Review.OPEN and actor.has_perm(REVIEW) else None,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
        return TemplateResponse(request, "admin/patients/emergencyaccess/review.html", context, status=status)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Django's own history knows nothing of it: the access log does.
        raise NotFound

    def _row(self, request: HttpRequest, object_id: str) -> EmergencyAccess:
        try:
            row_id = UUID(object_id)
        except ValueError:
            raise NotFound from None
        rows = EmergencyAccess.objects.select_related("user", "patient", "reviewed_by")
        row = rows.filter(id=row_id).first() if self.has_view_permission(request) else None
        if row is None:
            raise NotFound
        return row

    @staticmethod
    def _write_down(request: HttpRequest, action: str, row: EmergencyAccess | None) -> None:
        record_access(
            actor=actor_of(request),
            patient_id=row.patient_id if row else None,
            action=action,
            resource="emergency",
            resource_id=row.id if row else None,
            purpose="oversight",
            right=f"permission:{REVIEW}",
        )
