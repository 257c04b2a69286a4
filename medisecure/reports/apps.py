from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    name = "medisecure.reports"
    label = "reports"
    verbose_name = _("Reports and exports")

    def ready(self) -> None:
        from medisecure.kernel.owners import register_owner
        from medisecure.reports.owning import FILES

        register_owner(FILES)
