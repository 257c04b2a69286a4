"""`manage.py price_list export|import FILE`: the price list as CSV, out and in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.interface import apply_prices, export_prices, plan_prices, read_price_file
from medisecure.kernel.errors import DomainError


class Command(BaseCommand):
    help = (
        "Write the price list as CSV, or read one: says what each line does, names each refused line and why, and adds "
        "the others in one transaction. Exit code 1 when a line was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="what", required=True, metavar="export|import")
        out = commands.add_parser("export", help="write the list, to a file or to standard output")
        out.add_argument("file", nargs="?", type=Path)
        read = commands.add_parser("import", help="read a list")
        read.add_argument("file", type=Path)
        read.add_argument("--dry-run", action="store_true", help="say what would change and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "export":
            self._export(options["file"])
        else:
            self._import(options["file"], dry_run=options["dry_run"])

    def _export(self, file: Path | None) -> None:
        if file is None:
            for line in export_prices():
                self.stdout.write(line, ending="")
            return
        with file.open("w", encoding="utf-8", newline="") as out:
            out.writelines(export_prices())

    def _import(self, file: Path, *, dry_run: bool) -> None:
        try:
            text = read_price_file(file.read_bytes())
            made = plan_prices(text)
            if not dry_run:
                made = apply_prices(actor=None, text=text, digest=made.digest)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        except DomainError as error:
            raise CommandError("; ".join(error.named_lines())) from None
        counts: dict[str, int] = {}
        for line in made.lines:
            counts[line.outcome.value] = counts.get(line.outcome.value, 0) + 1
            for column, fault in line.faults:
                self.stderr.write(f"line {line.number}: {column}: {fault}")
        self.stdout.write(", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())))
        if dry_run:
            self.stdout.write("nothing was written (--dry-run)")
        if counts.get("refused"):
            sys.exit(1)
