from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def _sync_roles(sender: AppConfig, using: str, **kwargs: Any) -> None:
    from django.contrib.auth.models import Permission

    from medisecure.accounts.roles import PERMISSIONS, sync_roles

    # Permissions are made app by app; the roles can be given theirs after the last one.
    wanted = set().union(*PERMISSIONS.values())
    if using == "default" and Permission.objects.filter(codename__in={name.split(".")[1] for name in wanted}).exists():
        known = {f"{label}.{code}" for label, code in Permission.objects.values_list("content_type__app_label", "codename")}
        if wanted <= known:
            sync_roles(using=using)


class AccountsConfig(AppConfig):
    name = "medisecure.accounts"
    label = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        post_migrate.connect(_sync_roles, dispatch_uid="medisecure.accounts.sync-roles")
