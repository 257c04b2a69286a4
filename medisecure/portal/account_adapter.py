"""How allauth behaves here: accounts are made by staff, and its mails leave through our queue.

Of its mails these can still be asked for: the password reset, which has templates of ours, and notices of changed
passwords and second factors, once ACCOUNT_EMAIL_NOTIFICATIONS is on. Mails about sign-up and changed addresses cannot,
as both are closed, nor to addresses without an account, by ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS. Whatever it sends without
a template of ours goes out in its own words.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.utils import translation

from medisecure.accounts.interface import password_link_end
from medisecure.accounts.models import User
from medisecure.kernel.ids import new_id
from medisecure.notifications.interface import queue_mail, queue_plain_mail

SITE_NAME: Final = "MediSecure"


def public_address(value: Any) -> Any:
    """The same address under PUBLIC_URL. allauth makes addresses of the request's Host header, which whoever asks for
    a mail to somebody else may choose. What is no address stays as it is."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return value
    parts = urlsplit(value)
    return f"{settings.PUBLIC_URL}{parts.path}" + (f"?{parts.query}" if parts.query else "")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """No: an account belongs to a patient or member of staff whose identity somebody has checked."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        if getattr(request.user, "is_staff", False):
            return "/admin/"
        url: Any = super().get_login_redirect_url(request)
        return str(url)

    def get_reset_password_from_key_url(self, key: str) -> str:
        return str(public_address(super().get_reset_password_from_key_url(key)))

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        # To the account's own address, whatever was typed: some letters look or fold alike (CVE-2019-19844).
        queue_mail(
            dedupe_key=f"password-reset:{new_id()}",
            to_email=user.email,
            language=user.language,
            template="password_reset",
            context={"name": user.full_name, "url": context["password_reset_url"], "until": password_link_end()},
            user_id=user.id,
        )

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        super().send_notification_mail(template_prefix, user, {**(context or {}), "user": user}, email or user.email)

    def format_email_subject(self, subject: str) -> str:
        return f"[{SITE_NAME}] {subject}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Any other mail of allauth's, in its own words, in the person's language."""
        user = context.get("user")
        person = user if isinstance(user, User) else User.objects.filter(email=email.strip().lower()).first()
        language = person.language if person else translation.get_language() or settings.LANGUAGE_CODE
        values = {
            "email": email,
            "current_site": SimpleNamespace(name=SITE_NAME, domain=settings.PUBLIC_URL),
            **{name: public_address(value) for name, value in context.items()},
        }
        with translation.override(language):
            made = self.render_mail(template_prefix, email, values)
        html = next((content for content, kind in getattr(made, "alternatives", []) if kind == "text/html"), "")
        queue_plain_mail(
            dedupe_key=f"account:{new_id()}",
            to_email=email,
            language=language,
            kind=template_prefix.rpartition("/")[2],
            subject=str(made.subject),
            text=str(made.body),
            html=str(html),
            user_id=person.id if person else None,
        )
