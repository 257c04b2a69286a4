"""What every page's frame shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from medisecure.accounts.models import User
from medisecure.notifications.interface import unread_count


def navigation(request: HttpRequest) -> dict[str, Any]:
    """`unread_notices`, counted only where a page shows it."""
    user = getattr(request, "user", None)
    return {"unread_notices": lambda: unread_count(user.id) if isinstance(user, User) else 0}
