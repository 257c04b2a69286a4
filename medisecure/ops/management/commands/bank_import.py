"""`manage.py bank_import FILE`: what came in on the account, as the bank's CSV file says it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.interface import apply_bank_file, plan_bank_file, read_bank_file
from medisecure.kernel.errors import DomainError


class Command(BaseCommand):
    help = (
        "Read a bank's CSV file: lines that name one invoice and pay what is owed of it become payments, the others "
        "wait in the clerk's worklist, what was read before does nothing. Exit code 1 when a line was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="say what each line would do and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = read_bank_file(options["file"].read_bytes())
            made = plan_bank_file(text)
            if not options["dry_run"]:
                made = apply_bank_file(actor=None, text=text, digest=made.digest)
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None
        except DomainError as error:
            raise CommandError("; ".join(error.named_lines())) from None
        counts: dict[str, int] = {}
        for line in made.lines:
            counts[line.outcome.value] = counts.get(line.outcome.value, 0) + 1
            # Not the line itself: its wording names people.
            for column, fault in line.faults:
                self.stderr.write(f"line {line.number}: {column}: {fault}")
            if line.why:
                self.stdout.write(f"line {line.number}: {line.why}")
        self.stdout.write(", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())))
        if options["dry_run"]:
            self.stdout.write("nothing was written (--dry-run)")
        if counts.get("refused"):
            sys.exit(1)
