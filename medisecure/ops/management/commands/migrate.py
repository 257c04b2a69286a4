"""Django's `migrate`, for a hospital of three databases: each is given the migrations of what lives in it.

Django alone would walk through those of every app for each database, and leave out each operation one by one.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.commands import migrate

from medisecure.kernel.databases import DEFAULT, alias_for_app


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        database = options["database"]
        if options["app_label"] or database == DEFAULT:
            super().handle(*args, **options)
            return
        for config in apps.get_app_configs():
            if alias_for_app(config.label) == database:
                # Each of them has migrations, so there are no tables to make without: Django refuses to be asked both.
                super().handle(*args, **options | {"app_label": config.label, "run_syncdb": False})
