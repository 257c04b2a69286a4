from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class OpsConfig(AppConfig):
    name = "medisecure.ops"
    label = "ops"
    verbose_name = _("Operations")

    def ready(self) -> None:
        from medisecure import checks  # noqa: F401
        from medisecure.ops import queue_metrics

        queue_metrics.register()


class MediSecureAdminConfig(AdminConfig):
    default_site = "medisecure.admin_site.MediSecureAdminSite"
