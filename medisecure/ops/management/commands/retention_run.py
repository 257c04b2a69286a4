"""`manage.py retention_run --dry-run`: what has been kept as long as the law asks, by category, without a name."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from patients.interface import run_retention


class Command(BaseCommand):
    help = "Count, and without --dry-run erase, records whose time is over. Legal holds are respected."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count only; change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        report = run_retention(dry_run=options["dry_run"])
        for category, count in sorted(report.due.items()):
            by_hand = ": by hand, with the archive of the accounts" if category == "invoices" else ""
            self.stdout.write(f"{category.ljust(14)}{count:>10} rows, due since {report.first[category]}{by_hand}")
        self.stdout.write(f"{report.patients} patients due, {report.held} under legal hold and left alone")
        self.stdout.write("Dry run: nothing was changed." if options["dry_run"] else "Erased.")
