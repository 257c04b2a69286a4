from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "medisecure.audit"
    label = "audit"
    verbose_name = _("Access log")

    def ready(self) -> None:
        from medisecure.audit.anchors import FOLDER
        from medisecure.audit.triggers import GUARD
        from medisecure.kernel.owners import register_rowless

        GUARD.connect(self)
        register_rowless(f"{FOLDER}/")
