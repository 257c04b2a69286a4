"""Refusals of sign-in. None of them tells whether an account exists."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from medisecure.kernel.errors import DomainError


class BadCredentials(DomainError):
    code = "bad-credentials"
    status = 401
    title = _("The address or the password is not right.")


class OtpRequired(DomainError):
    code = "otp-required"
    status = 401
    title = _(
        "Send the one-time code of your second factor as “otp”. Staff set one up at the first sign-in in the browser."
    )


class TooManySignIns(DomainError):
    code = "too-many-sign-ins"
    status = 429
    title = _("Too many failed sign-ins. Wait a few minutes and try again.")


class SessionClosed(DomainError):
    code = "session-closed"
    status = 401
    title = _("This session has ended. Sign in again.")
