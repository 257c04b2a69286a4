"""“My reports and exports”: asking, progress, download, and what comes again. Pages parse, call a service, and show its
errors."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from medisecure.accounts.models import User
from medisecure.kernel.errors import Conflict, DomainError, Invalid, Refused
from medisecure.reports import asking, scheduling
from medisecure.reports.access import find, kinds_for, visible_jobs
from medisecure.reports.admin.forms import ExportForm, ReportForm, ScheduleForm, show
from medisecure.reports.admin.lines import job_line, narrowings, schedule_lines
from medisecure.reports.models import Job
from medisecure.reports.naming import list_name

PER_PAGE = 20


def _actor(request: HttpRequest) -> User:
    # The admin lets nobody else in.
    return cast(User, request.user)


@admin.register(Job)
class JobAdmin(admin.ModelAdmin[Job]):
    def has_module_permission(self, request: HttpRequest) -> bool:
        return _actor(request).is_staff

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return _actor(request).is_staff

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        """Ours alone: nothing here is edited field by field."""
        view = self.admin_site.admin_view
        post = {"cancel": self.cancel_view, "again": self.again_view}
        return [
            path("", view(self.changelist_view), name="reports_job_changelist"),
            path("ask/", view(self.ask_view), name="reports_job_ask"),
            path("repeated/", view(self.repeated_view), name="reports_job_repeated"),
            path("repeated/<uuid:schedule_id>/end/", view(require_POST(self.end_view)), name="reports_job_end"),
            path("list/<str:app_label>/<str:model_name>/", view(self.export_view), name="reports_job_export"),
            path("<uuid:job_id>/", view(self.job_view), name="reports_job_detail"),
            path("<uuid:job_id>/download/<str:format_>/", view(self.download_view), name="reports_job_download"),
            *(
                path(f"<uuid:job_id>/{name}/", view(require_POST(found)), name=f"reports_job_{name}")
                for name, found in post.items()
            ),
        ]

    def _page(
        self, request: HttpRequest, template: str, title: str, *, status: int = 200, **context: Any
    ) -> HttpResponse:
        values = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **context}
        return TemplateResponse(request, f"admin/reports/{template}.html", values, status=status)

    # --- What there is ------------------------------------------------------------------------------------------------
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One's own, newest first; `?all` also the reports of others that one may have."""
        actor = _actor(request)
        kinds = kinds_for(actor)
        everybody = bool(kinds) and "all" in request.GET
        rows = visible_jobs(actor) if everybody else Job.objects.filter(requested_by=actor)
        page = Paginator(rows.select_related("requested_by").prefetch_related("files"), PER_PAGE).get_page(
            request.GET.get("p")
        )
        lines = [job_line(job, actor) for job in page.object_list]
        return self._page(
            request,
            "jobs",
            _("My reports and exports"),
            lines=lines,
            page=page,
            pending=any(line.pending for line in lines),
            everybody=everybody,
            may_ask=bool(kinds),
        )

    def job_view(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        actor = _actor(request)
        job = find(actor, job_id)
        line = job_line(job, actor)
        narrowed = narrowings([job.parameters], actor)[0] if job.what == Job.What.REPORT else ""
        return self._page(request, "job", line.name, line=line, narrowed=narrowed, pending=line.pending)

    def download_view(self, request: HttpRequest, job_id: UUID, format_: str) -> HttpResponse:
        return redirect(asking.file_url(actor=_actor(request), job_id=job_id, format_=format_))

    def cancel_view(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        try:
            asking.cancel(actor=_actor(request), job_id=job_id)
        except Conflict as error:
            self.message_user(request, error.message, messages.WARNING)
        else:
            self.message_user(request, _("It was cancelled."), messages.SUCCESS)
        return redirect("admin:reports_job_detail", job_id)

    def again_view(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        actor = _actor(request)
        find(actor, job_id)
        try:
            job = asking.ask_again(actor=actor, job_id=job_id)
        except Conflict as error:
            self.message_user(request, error.message, messages.WARNING)
            return redirect("admin:reports_job_detail", job_id)
        except Invalid as error:
            self.message_user(request, " ".join(error.lines()), messages.ERROR)
            return redirect("admin:reports_job_detail", job_id)
        return redirect("admin:reports_job_detail", job.id)

    # --- Asking -------------------------------------------------------------------------------------------------------
    def ask_view(self, request: HttpRequest) -> HttpResponse:
        actor = _actor(request)
        kinds = kinds_for(actor)
        if not kinds:
            raise Refused
        sent = request.method == "POST"
        wanted = request.GET.get("kind", "")
        initial = {"kind": wanted if wanted in kinds else kinds[0].value}
        form = ReportForm(request.POST if sent else None, actor=actor, initial=initial)
        if sent and form.is_valid():
            try:
                job = asking.ask_report(actor=actor, **form.cleaned_data)
            except DomainError as error:
                show(form, error)
            else:
                return redirect("admin:reports_job_detail", job.id)
        return self._page(request, "ask", _("Ask for a report"), form=form, status=422 if form.errors else 200)

    def export_view(self, request: HttpRequest, app_label: str, model_name: str) -> HttpResponse:
        """The form for a list, opened from it: its address comes along."""
        actor = _actor(request)
        label = f"{app_label}.{model_name}"
        sent = request.method == "POST"
        # What a search holds must not stand in an address more often than it has to: the form sends it in its body.
        query = request.POST.get("query", "") if sent else request.META.get("QUERY_STRING", "")
        shown = asking.open_list(actor, label, query)
        form = ExportForm(request.POST if sent else None, columns=shown.columns())
        if sent and form.is_valid():
            try:
                job = asking.ask_export(
                    actor=actor,
                    label=label,
                    query=query,
                    columns=form.cleaned_data["columns"],
                    format_=form.cleaned_data["format"],
                )
            except DomainError as error:
                show(form, error)
            else:
                return redirect("admin:reports_job_detail", job.id)
        count = shown.rows().order_by().count()
        return self._page(
            request,
            "export",
            _("Export: %(list)s") % {"list": list_name(label)},
            form=form,
            count=count,
            query=shown.query,
            narrowed=bool(shown.filters()),
            back=f"admin:{app_label}_{model_name}_changelist",
            status=422 if form.errors else 200,
        )

    # --- What comes again ---------------------------------------------------------------------------------------------
    def repeated_view(self, request: HttpRequest) -> HttpResponse:
        actor = _actor(request)
        if not kinds_for(actor):
            raise Refused
        sent = request.method == "POST"
        form = ScheduleForm(request.POST if sent else None, actor=actor)
        if sent and form.is_valid():
            try:
                scheduling.add_schedule(actor=actor, **form.cleaned_data)
            except DomainError as error:
                show(form, error)
            else:
                self.message_user(request, _("The report will come by itself."), messages.SUCCESS)
                return redirect("admin:reports_job_repeated")
        return self._page(
            request,
            "repeated",
            _("Repeated reports"),
            form=form,
            lines=schedule_lines(scheduling.schedules_of(actor), actor),
            status=422 if form.errors else 200,
        )

    def end_view(self, request: HttpRequest, schedule_id: UUID) -> HttpResponse:
        scheduling.end_schedule(actor=_actor(request), schedule_id=schedule_id)
        self.message_user(request, _("The report will not come again. What was made stays."), messages.SUCCESS)
        return redirect("admin:reports_job_repeated")
