"""`manage.py compile_translations`: what `compilemessages` does, without gettext's tools."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from medisecure.ops.translations import compile_catalogues


class Command(BaseCommand):
    help = "Compile the .po files of locale/ that changed."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        made = sum(compile_catalogues(folder) for folder in settings.LOCALE_PATHS)
        if options["verbosity"]:
            self.stdout.write(f"{made} catalogues compiled")
