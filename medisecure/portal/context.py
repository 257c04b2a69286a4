"""What every page's frame shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from medisecure.accounts.models import User
from medisecure.kernel.errors import NotFound
from medisecure.notifications.interface import unread_count
from medisecure.portal.people import Subject, subject_of


def navigation(request: HttpRequest) -> dict[str, Any]:
    """`unread_notices` and `subject`, looked up only where a page shows them."""
    user = getattr(request, "user", None)

    def subject() -> Subject | None:
        try:
            return subject_of(request) if isinstance(user, User) else None
        except NotFound:
            # A page that is not about a patient stands without one.
            return None

    return {"unread_notices": lambda: unread_count(user.id) if isinstance(user, User) else 0, "subject": subject}
