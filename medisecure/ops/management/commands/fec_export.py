"""`manage.py fec_export YEAR`: the books of a year as the tax office asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.interface import check_fec, export_fec, fec_file_name
from medisecure.kernel.errors import DomainError


class Command(BaseCommand):
    help = (
        "Write the entries of a year (fichier des écritures comptables, 18 columns) into a folder, under the name that "
        "the law wants, and check the file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("year", type=int)
        parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to (default: here)")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["folder"] / fec_file_name(options["year"])
        try:
            # Beside its name first: a run that dies leaves nothing that looks whole.
            draft = path.with_name(f"{path.name}.part")
            with draft.open("w", encoding="utf-8", newline="") as out:
                lines = 0
                for line in export_fec(options["year"]):
                    out.write(line)
                    lines += 1
            draft.rename(path)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        except DomainError as error:
            raise CommandError("; ".join(error.named_lines())) from None
        with path.open(encoding="utf-8", newline="") as written:
            faults = list(check_fec(written, name=path.name))
        for fault in faults:
            self.stderr.write(f"line {fault.line}: {fault.column}: {fault.text}")
        self.stdout.write(f"{path}: {lines - 1} lines, {len(faults)} faults")
        if faults:
            raise SystemExit(1)
