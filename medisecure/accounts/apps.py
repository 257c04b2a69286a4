from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def _sync_roles(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """After each app's migrations, when its permissions have been made; emptied test databases get their roles back."""
    from medisecure.accounts.roles import sync_roles

    if using == "default" and sender.label not in ("contenttypes", "sessions"):
        sync_roles(using=using, strict=False)


class AccountsConfig(AppConfig):
    name = "medisecure.accounts"
    label = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from medisecure.accounts import schema  # noqa: F401 - tells the OpenAPI document how to sign in

        post_migrate.connect(_sync_roles, dispatch_uid="medisecure.accounts.sync-roles")
