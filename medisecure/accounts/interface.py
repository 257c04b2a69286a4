"""What other apps may ask of accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from allauth.account import app_settings as allauth_settings
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.urls import reverse
from django.utils.translation import gettext as _

from medisecure.accounts.matrix import as_markdown as access_matrix
from medisecure.accounts.models import User
from medisecure.accounts.roles import LABELS, STAFF, Role
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, NotFound
from medisecure.kernel.transactions import atomic

__all__ = [
    "LABELS",
    "STAFF",
    "Role",
    "UserCard",
    "access_matrix",
    "change_language",
    "close_account",
    "create_user",
    "erase_account",
    "has_role",
    "password_link",
    "password_link_end",
    "reopen_account",
    "roles_of",
    "roles_of_users",
    "user_by_email",
    "user_card",
    "user_cards",
    "users_with_role",
]


@dataclass(frozen=True, slots=True)
class UserCard:
    id: UUID
    email: str
    full_name: str
    language: str
    active: bool


def _card(user: User) -> UserCard:
    return UserCard(user.id, user.email, user.full_name, user.language, user.is_active)


def user_card(user_id: UUID) -> UserCard | None:
    user = User.objects.filter(id=user_id).first()
    return _card(user) if user else None


def user_cards(ids: Iterable[UUID]) -> dict[UUID, UserCard]:
    """Those of `ids` that have an account: one query."""
    return {user.id: _card(user) for user in User.objects.filter(id__in=set(ids))}


def account_rows(user_id: UUID) -> list[dict[str, object]]:
    """What is kept of an account, for its owner: never its password or second factor."""
    columns = ("id", "email", "full_name", "language", "is_active", "created_at", "last_login")
    return list(User.objects.filter(id=user_id).values(*columns))


def is_staff(user_id: UUID) -> bool:
    return User.objects.filter(id=user_id, is_staff=True).exists()


def erase_account(user_id: UUID) -> None:
    """Nobody signs in with it any more and it says nothing of anyone; its id stays, because logs and rows name it.
    Sessions and tokens end with the password. Inside the caller's transaction on DEFAULT."""
    # Their models are ready later than this module.
    from allauth.account.models import EmailAddress
    from allauth.mfa.models import Authenticator

    user = User.objects.filter(id=user_id).first()
    if user is None:
        return
    Authenticator.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()
    user.groups.clear()
    user.email, user.full_name, user.is_active = f"{user.id}@erased.invalid", "—", False
    user.set_unusable_password()
    user.save(update_fields=["email", "full_name", "is_active", "password"])


def user_by_email(text: str) -> UUID | None:
    """The account that signs in with this address, or None."""
    return User.objects.filter(email=text.strip().lower()).values_list("id", flat=True).first()


def roles_of_users(ids: Iterable[UUID]) -> dict[UUID, frozenset[Role]]:
    """The roles of many accounts: one query. Who has none is left out."""
    found: dict[UUID, set[Role]] = {}
    names = {role.value for role in Role}
    for user_id, name in User.objects.filter(id__in=set(ids)).values_list("id", "groups__name"):
        if name in names:
            found.setdefault(user_id, set()).add(Role(name))
    return {user_id: frozenset(roles) for user_id, roles in found.items()}


def users_with_role(role: Role) -> list[UserCard]:
    return [_card(user) for user in User.objects.filter(groups__name=role.value, is_active=True)]


def roles_of(user: User) -> frozenset[Role]:
    """The user's roles, read once per instance: a request asks many times."""
    cached: frozenset[Role] | None = getattr(user, "_medisecure_roles", None)
    if cached is None:
        names = set(user.groups.values_list("name", flat=True))
        cached = frozenset(role for role in Role if role.value in names)
        user._medisecure_roles = cached  # type: ignore[attr-defined]
    return cached


def has_role(user: User, *roles: Role) -> bool:
    """True when the user has one of these roles."""
    return not roles_of(user).isdisjoint(roles)


def create_user(
    *, email: str, full_name: str, role: Role, password: str | None = None, language: str = "fr", check: bool = True
) -> User:
    """Make an account with one role; staff roles may enter the admin. Without a password it cannot sign in yet.

    Raises `Invalid` for an address that is malformed or taken, or a password that the policy refuses (`check=False`
    leaves the password's strength to the caller: demonstration accounts).
    """
    email = email.strip().lower()
    longest = User._meta.get_field("email").max_length or 0
    try:
        validate_email(email)
        if len(email) > longest:
            raise ValidationError("too long")
    except ValidationError:
        raise Invalid({"email": [_("Enter a valid email address.")]}) from None
    user = User(email=email, full_name=full_name.strip(), language=language, is_staff=role in STAFF)
    if password is not None and check:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise Invalid({"password": error.messages}) from None
    user.set_password(password)
    with atomic(DEFAULT):
        if User.objects.filter(email=email).exists():
            raise Invalid({"email": [_("This address has an account already.")]})
        user.save()
        user.groups.add(Group.objects.get(name=role.value))
    return user


def change_language(user: User, language: str) -> None:
    """The language a person reads the interface and gets mails in. Raises `Invalid` for one we do not speak."""
    if language not in dict(User._meta.get_field("language").flatchoices):
        raise Invalid({"language": [_("This language is not available.")]})
    user.language = language
    user.save(update_fields=["language"])


def close_account(user_id: UUID) -> bool:
    """End all sessions of a patient's account and let nobody sign in with it. Returns whether it was closed: one that
    is closed already, or that somebody works with, stays as it is."""
    user = User.objects.filter(id=user_id, is_active=True, is_staff=False, is_superuser=False).first()
    if user is None or roles_of(user) - {Role.PATIENT}:
        return False
    user.is_active = False
    user.save(update_fields=["is_active"])
    return True


def reopen_account(user_id: UUID) -> bool:
    """Undo `close_account`. Returns False when it was open."""
    return bool(User.objects.filter(id=user_id, is_active=False).update(is_active=True))


def password_link(user_id: UUID) -> str:
    """The address where this person, and whoever else holds it, sets the account's password: once, until
    `password_link_end`. For a mail to the account's own address and nothing else. Raises `NotFound`."""
    user = User.objects.filter(id=user_id, is_active=True).first()
    if user is None:
        raise NotFound
    token: str = allauth_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": token})
    # Not the host of the request at hand, which whoever makes the request may choose.
    return f"{settings.PUBLIC_URL}{path}"


def password_link_end() -> datetime:
    """Until when a link that is made now works."""
    return clock.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
