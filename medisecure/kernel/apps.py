from __future__ import annotations

from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "medisecure.kernel"
    label = "kernel"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Connects the guards that refuse a write to the wrong database.
        from medisecure.kernel import models  # noqa: F401
