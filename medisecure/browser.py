"""The API for pages of ours: the browser's session in place of a token, and its guard against forged requests."""

from __future__ import annotations

from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request


class BrowserAuthentication(SessionAuthentication):
    """As pages ask for it: staff need their second factor here too."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        user, _token = found
        if settings.STAFF_MFA_REQUIRED and user.is_staff and not is_mfa_enabled(user):
            raise PermissionDenied
        return user, None
