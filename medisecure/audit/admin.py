from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from medisecure.audit.models import AccessEntry


@admin.register(AccessEntry)
class AccessEntryAdmin(admin.ModelAdmin[AccessEntry]):
    list_display = ("at", "actor_id", "action", "resource", "patient_id", "purpose", "right", "address")
    list_filter = ("action", "resource", "purpose")
    search_fields = ("=patient_id", "=actor_id")
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AccessEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AccessEntry | None = None) -> bool:
        return False
