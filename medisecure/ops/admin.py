"""What operations see and do in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from medisecure.kernel.errors import DomainError
from medisecure.ops import dead_letters
from medisecure.ops.models import DeadLetter


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
