"""Staff's pages for practitioners."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from patients import services
from patients.admin.common import actor_of
from patients.models import Practitioner


@admin.register(Practitioner)
class PractitionerAdmin(admin.ModelAdmin[Practitioner]):
    list_display = ("full_name", "specialty_label", "identifier", "active")
    list_filter = ("active", "specialty_label")
    list_per_page = 50
    search_fields = ("full_name", "identifier", "specialty_label")
    actions = None
    autocomplete_fields = ("user",)
    fields = ("full_name", "specialty", "specialty_label", "identifier", "identifier_system", "user", "active")

    def save_model(self, request: HttpRequest, obj: Practitioner, form: Any, change: bool) -> None:
        services.save_practitioner(actor=actor_of(request), practitioner=obj)

    def has_delete_permission(self, request: HttpRequest, obj: Practitioner | None = None) -> bool:
        return False
