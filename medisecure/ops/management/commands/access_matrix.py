"""`manage.py access_matrix`: the table of who may do what, as the documentation shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from medisecure.accounts.interface import access_matrix


class Command(BaseCommand):
    help = "Print the access matrix; --write puts it into docs/access-matrix.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="Write it into docs/access-matrix.md.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["write"]:
            self.stdout.write(access_matrix())
            return
        path = Path(settings.BASE_DIR) / "docs" / "access-matrix.md"
        text = path.read_text(encoding="utf-8")
        made = re.sub(r"(?m)^\|.*(?:\n\|.*)*|^MATRIX$", lambda _found: access_matrix(), text)
        path.write_text(made, encoding="utf-8")
        self.stdout.write(self.style.SUCCESS(f"{path.relative_to(settings.BASE_DIR)} is up to date."))
