from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from medisecure.notifications.models import Message


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin[Message]):
    """What was sent to whom and when; never what it said."""

    list_per_page = 50
    list_display = ("created_at", "channel", "template", "to_email", "status", "attempts", "sent_at", "last_error")
    list_filter = ("channel", "status", "template")
    search_fields = ("to_email", "user_id", "template")
    fields = (
        ("channel", "template", "language"),
        ("to_email", "user_id"),
        ("status", "attempts", "last_error"),
        ("created_at", "due_at", "sent_at"),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return False
