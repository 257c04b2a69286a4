from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def _sync_roles(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Once, when every app that the roles name has its permissions; emptied test databases get their roles back.

    Django makes permissions app by app in the order of INSTALLED_APPS: sessions comes after all of ours and after auth.
    """
    from medisecure.accounts.roles import sync_roles

    if using == "default" and sender.label == "sessions":
        sync_roles(using=using)


class AccountsConfig(AppConfig):
    name = "medisecure.accounts"
    label = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from medisecure.accounts import schema  # noqa: F401 - tells the OpenAPI document how to sign in

        post_migrate.connect(_sync_roles, dispatch_uid="medisecure.accounts.sync-roles")
