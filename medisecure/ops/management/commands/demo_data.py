"""`manage.py demo_data`: an invented hospital to look around in. Loaded once; refused where real patients may be."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from medisecure.ops.demo.load import load


class Command(BaseCommand):
    help = "Load the demonstration hospital (200 patients, 8 practitioners, visits, invoices, documents)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("Demonstration data is for the embedded start only.")
        quiet = not options["verbosity"]
        load(lambda line: None if quiet else self.stdout.write(line))
