"""How allauth behaves here: accounts are made by staff, and the language of mails is the person's."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """No: an account belongs to a patient or member of staff whose identity somebody has checked."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        if getattr(request.user, "is_staff", False):
            return "/admin/"
        url: Any = super().get_login_redirect_url(request)
        return str(url)
