from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        from billing import triggers

        pre_migrate.connect(triggers.before_migrate, sender=self, dispatch_uid="billing.triggers.before")
        post_migrate.connect(triggers.after_migrate, sender=self, dispatch_uid="billing.triggers.after")
