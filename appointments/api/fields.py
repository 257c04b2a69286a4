"""Input fields that refuse what would have to be guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


class InstantField(serializers.DateTimeField):
    """An ISO 8601 time with its offset. One without is refused: the server's clock is not the patient's."""

    default_error_messages = {
        "naive": _("Say in which time zone, as in 2026-03-03T14:30:00+01:00."),
        "invalid": _("Write the time as in 2026-03-03T14:30:00+01:00."),
        "unreal": _("This is not a time when anybody works."),
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None or value.utcoffset() is None:
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except (OverflowError, ValueError):
            self.fail("unreal")

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="ISO 8601")
        try:
            return super().to_internal_value(value)
        except (OverflowError, ValueError):
            # `fromisoformat` lets some impossible offsets through to arithmetic.
            self.fail("unreal")
