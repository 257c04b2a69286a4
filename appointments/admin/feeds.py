"""Secret addresses of calendars: a practitioner's own, and for the administration all of them, to close."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments import access
from appointments.admin.lists import WrittenDown
from appointments.models import CalendarFeed
from appointments.services import feeds
from medisecure.accounts.interface import user_cards
from medisecure.accounts.models import User
from medisecure.kernel.errors import DomainError
from patients import interface as patients


def _actor(request: HttpRequest) -> User:
    # The admin site lets nobody else in.
    return cast(User, request.user)


class NamedFeeds(WrittenDown):
    resource = "calendar-feed"


def name_rows(request: HttpRequest, rows: Sequence[Any]) -> None:
    """Whose each is, and who reads it: three queries."""
    people = patients.shown_cards(_actor(request), {row.owner_id for row in rows if row.owner == feeds.PATIENT})
    practitioners = patients.practitioner_cards({row.owner_id for row in rows if row.owner == feeds.PRACTITIONER})
    accounts = user_cards({row.created_by for row in rows})
    for row in rows:
        row.account = accounts.get(row.created_by)
        row.card = (people if row.owner == feeds.PATIENT else practitioners).get(row.owner_id)


@admin.register(CalendarFeed)
class CalendarFeedAdmin(admin.ModelAdmin[CalendarFeed]):
    list_display = ("whose", "owner", "reader", "created_at", "read_at", "revoked_at")
    #: For exports of this list (medisecure/reports/lists.py).
    name_rows = staticmethod(name_rows)
    list_display_links = None
    list_filter = ("owner", ("revoked_at", admin.EmptyFieldListFilter))
    list_per_page = 50
    actions = ("close",)

    def get_urls(self) -> list[URLPattern]:
        mine = self.admin_site.admin_view(self.mine)
        return [path("mine/", mine, name="appointments_calendarfeed_mine"), *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedFeeds

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("appointments.change_calendar")

    def has_view_permission(self, request: HttpRequest, obj: CalendarFeed | None = None) -> bool:
        return request.user.has_perm("appointments.change_calendar")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: CalendarFeed | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: CalendarFeed | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("name"))
    def whose(self, row: CalendarFeed) -> str:
        card = getattr(row, "card", None)
        return str(card.full_name) if card else "—"

    @admin.display(description=gettext_lazy("read by"))
    def reader(self, row: CalendarFeed) -> str:
        """The account that made it: the owner's, or of who stands for the patient."""
        account = getattr(row, "account", None)
        return str(account.full_name) if account else "—"

    @admin.action(description=gettext_lazy("Close the addresses that are ticked"))
    def close(self, request: HttpRequest, queryset: QuerySet[CalendarFeed]) -> None:
        for row in queryset:
            feeds.close_any(actor=_actor(request), feed_id=row.id)
        messages.success(request, _("The addresses no longer work."))

    def mine(self, request: HttpRequest) -> HttpResponse:
        """A practitioner's own address. It is shown once, in the answer to the button that made it."""
        actor = _actor(request)
        if not actor.has_perm(access.VIEW):
            raise PermissionDenied
        url = ""
        practises = patients.practitioner_for_user(actor.id) is not None
        if request.method == "POST":
            try:
                if request.POST.get("do") == "make":
                    _row, url = feeds.make_feed(actor=actor, owner=feeds.PRACTITIONER.value)
                elif request.POST.get("do") == "close":
                    feeds.close_feed(actor=actor, owner=feeds.PRACTITIONER.value)
                    messages.success(request, _("The address no longer works."))
                    return redirect("admin:appointments_calendarfeed_mine")
                else:
                    messages.error(request, _("This form was not complete. Please try again."))
            except DomainError as error:
                for line in error.lines():
                    messages.error(request, line)
        context = {
            **self.admin_site.each_context(request),
            "title": _("My visits in my own calendar"),
            "opts": self.opts,
            "practises": practises,
            "feed": feeds.feed_of(actor, feeds.PRACTITIONER.value) if practises else None,
            "url": url,
        }
        response = TemplateResponse(request, "admin/appointments/calendarfeed/mine.html", context)
        add_never_cache_headers(response)
        return response
