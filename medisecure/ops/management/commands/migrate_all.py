"""`manage.py migrate_all`: bring all three databases to the present schema, in one go."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from medisecure.audit.interface import as_owner, grant
from medisecure.kernel.databases import ALIASES, DEFAULT


class Command(BaseCommand):
    help = "Apply migrations to every database: default, appointments, billing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Change nothing; exit 1 when a database is behind.")

    def handle(self, *args: Any, **options: Any) -> None:
        for alias in ALIASES:
            if options["verbosity"]:
                self.stdout.write(self.style.MIGRATE_HEADING(f"Database {alias}"))
            with as_owner() if alias == DEFAULT else nullcontext():
                call_command(
                    "migrate",
                    database=alias,
                    interactive=False,
                    verbosity=options["verbosity"],
                    check_unapplied=options["check"],
                )
                if alias == DEFAULT and settings.DATABASE_OWNER and not options["check"]:
                    grant(settings.DATABASES[DEFAULT]["USER"])
