"""What operations see and do in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from medisecure.accounts.models import User
from medisecure.kernel.errors import DomainError
from medisecure.ops import dead_letters, schedules
from medisecure.ops.models import DeadLetter, ScheduledJob


@admin.register(DeadLetter)
class DeadLetterAdmin(admin.ModelAdmin[DeadLetter]):
    """Messages that failed for good: which, since when and with what error. Not what they say."""

    list_display = ("died_at", "queue", "task", "subject", "error", "reason")
    list_filter = ("queue", "reason")
    search_fields = ("task", "task_id", "subject", "error")
    fields = ("died_at", "queue", "task", "task_id", "subject", "error", "reason")
    list_per_page = 50
    actions = ("send_again", "drop")
    actions_on_bottom = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: DeadLetter | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DeadLetter | None = None) -> bool:
        return False

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ops.manage_deadletter")

    @admin.action(description=gettext_lazy("Send the chosen messages again"), permissions=["manage"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self._act(
            request,
            queryset,
            "send_again",
            title=_("Send these messages again?"),
            text=_("Each is tried anew, as if it had just been sent. What has taken effect already happens only once."),
            button=_("Send again"),
            do=dead_letters.retry,
            done=lambda count: ngettext("%(count)s message sent again.", "%(count)s messages sent again.", count),
        )

    @admin.action(description=gettext_lazy("Drop the chosen messages"), permissions=["manage"])
    def drop(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self._act(
            request,
            queryset,
            "drop",
            title=_("Drop these messages for good?"),
            text=_("What they were to do does not happen. This cannot be undone."),
            button=_("Drop"),
            do=dead_letters.drop,
            done=lambda count: ngettext("%(count)s message dropped.", "%(count)s messages dropped.", count),
        )

    def _act(
        self,
        request: HttpRequest,
        queryset: QuerySet[DeadLetter],
        action: str,
        *,
        title: str,
        text: str,
        button: str,
        do: Callable[..., int],
        done: Callable[[int], str],
    ) -> HttpResponse | None:
        """Ask first; do it when the answer is yes."""
        ids = list(queryset.values_list("id", flat=True))
        if request.POST.get("sure") != "yes":
            context: dict[str, Any] = {
                **self.admin_site.each_context(request),
                "title": title,
                "text": text,
                "button": button,
                "action": action,
                "rows": queryset,
                "opts": self.model._meta,
            }
            return TemplateResponse(request, "admin/ops/deadletter/confirm.html", context)
        try:
            count = do(ids, actor=request.user)
        except DomainError as error:
            messages.error(request, " ".join(error.lines()))
        else:
            messages.success(request, done(count) % {"count": count})
        return HttpResponseRedirect(request.get_full_path())


class _JobForm(forms.ModelForm[ScheduledJob]):
    class Meta:
        model = ScheduledJob
        fields = ("enabled", "every", "minute", "hour", "weekday")


@admin.register(ScheduledJob)
class ScheduledJobAdmin(admin.ModelAdmin[ScheduledJob]):
    """When the hospital's regular jobs run. Which jobs there are, the release says."""

    form = _JobForm
    list_display = ("name", "enabled", "when", "edited", "last_run_at")
    list_filter = ("enabled", "edited")
    actions = ("as_released",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ScheduledJob | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: ScheduledJob | None = None) -> Any:
        times = ["every"] if obj is not None and obj.every is not None else ["minute", "hour", "weekday"]
        return ["enabled", *times]

    @admin.display(description=gettext_lazy("when"))
    def when(self, job: ScheduledJob) -> str:
        if job.every is not None:
            return ngettext("every second", "every %(count)s seconds", job.every) % {"count": job.every}
        return _("minute %(minute)s, hour %(hour)s (UTC), weekday %(weekday)s") % {
            "minute": job.minute,
            "hour": job.hour,
            "weekday": job.weekday,
        }

    def get_form(
        self, request: HttpRequest, obj: ScheduledJob | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """A form that asks the service, whose refusals are the fields' errors."""
        base = super().get_form(request, obj, change, **kwargs)

        class Form(base):  # type: ignore[misc, valid-type]
            def clean(form) -> dict[str, Any]:  # noqa: N805 - `self` is the admin
                data: dict[str, Any] = super().clean() or form.cleaned_data
                if not form.errors and obj is not None:
                    try:
                        schedules.change(actor=cast(User, request.user), name=obj.name, **data)
                    except DomainError as error:
                        fields = getattr(error, "errors", None)
                        raise ValidationError(fields or " ".join(error.lines())) from None
                return data

        return Form

    def save_model(self, request: HttpRequest, obj: ScheduledJob, form: Any, change: bool) -> None:
        """The service has written it."""

    @admin.action(description=gettext_lazy("Run the chosen jobs when the release says"), permissions=["change"])
    def as_released(self, request: HttpRequest, queryset: QuerySet[ScheduledJob]) -> None:
        for name in queryset.values_list("name", flat=True):
            schedules.reset(actor=cast(User, request.user), name=name)
        messages.success(request, _("They run when the release says."))
