"""`manage.py fec_check FILE`: does an export of the books keep the rules of the law."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.interface import check_fec


class Command(BaseCommand):
    help = (
        "Check a fichier des écritures comptables: name, 18 columns, days, amounts, numbers without a gap, and that "
        "each entry balances. Exit code 1 when it breaks a rule."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--any-name", action="store_true", help="do not check the file's name")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        faults = 0
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                for fault in check_fec(file, name="" if options["any_name"] else path.name):
                    faults += 1
                    self.stdout.write(f"line {fault.line}: {fault.column}: {fault.text}")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{path}: not a text in UTF-8") from None
        self.stdout.write(f"{path}: {faults} faults")
        if faults:
            raise SystemExit(1)
