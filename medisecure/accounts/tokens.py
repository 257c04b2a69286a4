"""JWT for mobile apps: short access tokens, refresh tokens that are used once, revocation in the shared cache.

Every sign-in opens a session (`sid`), which all its tokens carry. A refresh token that comes a second time has been
copied, so its whole session is revoked (RFC 9700 §4.14.2). Each request asks the cache whether its session is revoked;
when the cache does not answer, the request is refused with 503 and not let through.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

from django.core.cache import cache
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken, Token

from medisecure.accounts.errors import SessionClosed
from medisecure.accounts.models import User
from medisecure.kernel.errors import Unavailable

T = TypeVar("T")

_SESSION_SECONDS = int(api_settings.REFRESH_TOKEN_LIFETIME.total_seconds())


def _revoked_key(session: str) -> str:
    return f"revoked-session:{session}"


def _password_mark(user: User) -> str:
    # A changed password ends every session without a list of them. Keyed, so that the token tells nothing of the hash.
    return salted_hmac("medisecure.tokens", user.password).hexdigest()[:16]


def open_session(user: User) -> RefreshToken:
    """A new session's refresh token; `.access_token` is its first access token."""
    token = RefreshToken.for_user(user)
    token["sid"] = uuid4().hex
    token["pwm"] = _password_mark(user)
    return token


def rotate(raw: str) -> RefreshToken:
    """The next refresh token of the session; the one given is used up.

    Raises SessionClosed (401) for one that is expired, forged, revoked or has been used before.
    """
    try:
        used = RefreshToken(raw)  # type: ignore[arg-type]  # text is what it takes
    except TokenError as error:
        raise SessionClosed from error
    user = _user_of(used)
    seconds = max(1, int(used["exp"] - datetime.now(UTC).timestamp()))
    # `add` is atomic on Redis: of two calls with the same token one comes second, whatever the timing.
    if not ask_cache(lambda: cache.add(f"used-refresh:{used['jti']}", 1, seconds)):
        revoke_session(used["sid"])
        raise SessionClosed
    token = RefreshToken.for_user(user)
    token["sid"], token["pwm"] = used["sid"], _password_mark(user)
    return token


def revoke(raw: str) -> None:
    """Close the session of this refresh token; a token that is no longer valid has nothing to close."""
    try:
        token = RefreshToken(raw)  # type: ignore[arg-type]  # text is what it takes
    except TokenError:
        return
    revoke_session(token["sid"])


def revoke_session(session: str) -> None:
    ask_cache(lambda: cache.set(_revoked_key(session), 1, _SESSION_SECONDS))


def _user_of(token: Token) -> User:
    session = token.get("sid")
    if not session or ask_cache(lambda: cache.get(_revoked_key(session))):
        raise SessionClosed
    user = User.objects.filter(id=token[api_settings.USER_ID_CLAIM], is_active=True).first()
    if user is None or not constant_time_compare(token.get("pwm", ""), _password_mark(user)):
        raise SessionClosed
    return user


def ask_cache(question: Callable[[], T]) -> T:
    """What `question` answers, which needs the shared cache. Raises `Unavailable` when that does not answer."""
    try:
        return question()
    except (OSError, ConnectionError) as error:
        raise Unavailable from error
    except Exception as error:
        # Redis clients have error classes of their own; which one depends on the backend in use.
        if type(error).__module__.startswith(("redis", "django_redis")):
            raise Unavailable from error
        raise


class TokenAuthentication(JWTAuthentication):
    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]
        return _user_of(validated_token)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'
