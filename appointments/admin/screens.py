"""The screens on the walls of waiting rooms: made here, with an address that is shown once, and revoked here."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments import selectors, services
from appointments.models import WaitingScreen
from appointments.services.screens import MANAGE
from medisecure.accounts.models import User
from medisecure.kernel.errors import NotFound, Refused


def _places() -> list[tuple[str, str]]:
    return [("", "---------"), *((name, name) for name in selectors.place_names())]


class ScreenForm(forms.ModelForm[WaitingScreen]):
    place = forms.ChoiceField(label=_("Place"), choices=_places)
    label = forms.CharField(
        label=_("Where it hangs"), max_length=120, help_text=_("So that you know later which one to revoke.")
    )

    class Meta:
        model = WaitingScreen
        fields = ("place", "label")


@admin.register(WaitingScreen)
class WaitingScreenAdmin(admin.ModelAdmin[WaitingScreen]):
    form = ScreenForm
    list_display = ("label", "place", "created_at", "state", "end")
    list_filter = ("place",)
    list_per_page = 50
    actions = None
    fields = ("place", "label")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [
            path("<uuid:screen_id>/revoke/", view, name="appointments_waitingscreen_revoke"),
            *super().get_urls(),
        ]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return cast(User, request.user).has_perm(MANAGE)

    def has_view_permission(self, request: HttpRequest, obj: WaitingScreen | None = None) -> bool:
        return cast(User, request.user).has_perm(MANAGE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return cast(User, request.user).has_perm(MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: WaitingScreen | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: WaitingScreen | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: WaitingScreen | None = None) -> tuple[str, ...]:
        return ("place", "label") if obj is None else ("place", "label", "created_at", "state", "end")

    def get_readonly_fields(self, request: HttpRequest, obj: WaitingScreen | None = None) -> tuple[str, ...]:
        return () if obj is None else ("created_at", "state", "end")

    def save_model(self, request: HttpRequest, obj: WaitingScreen, form: Any, change: bool) -> None:
        made, token = services.open_screen(actor=cast(User, request.user), place=obj.place, label=obj.label)
        obj.id = made.id
        obj.refresh_from_db()
        # For the answer to this request alone, which shows it for the first and last time.
        obj.secret = token  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: WaitingScreen, post_url_continue: str | None = None
    ) -> HttpResponse:
        token: str = obj.secret  # type: ignore[attr-defined]
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("The screen is ready"),
            "opts": self.opts,
            "screen": obj,
            "address": settings.PUBLIC_URL + reverse("waiting-screen", args=[token]),
        }
        answer = TemplateResponse(request, "admin/appointments/waitingscreen/made.html", context)
        add_never_cache_headers(answer)
        return answer

    def revoke_view(self, request: HttpRequest, screen_id: UUID) -> HttpResponse:
        """Asks, then revokes: the wall goes blank, and only a new address brings it back."""
        actor = cast(User, request.user)
        if not actor.has_perm(MANAGE):
            raise Refused
        screen = WaitingScreen.objects.filter(id=screen_id, revoked_at=None).first()
        if screen is None:
            raise NotFound
        back = reverse("admin:appointments_waitingscreen_changelist")
        if request.method == "POST":
            services.revoke_screen(actor=actor, screen_id=screen_id)
            self.message_user(
                request, gettext("The screen “%(label)s” is revoked.") % {"label": screen.label}, messages.SUCCESS
            )
            return redirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Revoke this screen"),
            "opts": self.opts,
            "screen": screen,
            "back": back,
        }
        return TemplateResponse(request, "admin/appointments/waitingscreen/revoke.html", context)

    @admin.display(description=_("state"))
    def state(self, screen: WaitingScreen) -> str:
        return gettext("revoked") if screen.revoked_at else gettext("in use")

    @admin.display(description=_("end"))
    def end(self, screen: WaitingScreen) -> str | SafeString:
        if screen.revoked_at:
            return "—"
        url = reverse("admin:appointments_waitingscreen_revoke", args=[screen.id])
        return format_html('<a href="{}">{}</a>', url, gettext("Revoke"))
