"""`manage.py import_fhir PATH…`: FHIR R4 bundles into patients, practitioners and the clinical record."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from medisecure.kernel.errors import DomainError
from medisecure.ops.fhir.bundle import BundleRefused, find_bundles
from medisecure.ops.fhir.importer import Result, import_bundle

_COLUMNS = ("read", "created", "changed", "unchanged", "not taken")


class Command(BaseCommand):
    help = (
        "Import FHIR R4 bundles (.json, .json.gz; folders are searched). Each bundle is taken whole or not at all; a "
        "second import changes nothing. Exit code 1 when a bundle was refused; the others are taken all the same."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="A bundle, or a folder of them.")
        parser.add_argument(
            "--source",
            default="fhir",
            help="Name of the system the ids belong to: bundles of two systems may use the same ids. Default: fhir.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Read, check and compare everything; write nothing.")
        parser.add_argument(
            "--quiet", action="store_true", help="No progress bar; only the table and what was refused."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source: str = options["source"].strip()
        if not 1 <= len(source) <= 200:
            raise CommandError("--source takes 1 to 200 characters")
        try:
            files = find_bundles(options["paths"])
        except FileNotFoundError as error:
            raise CommandError(f"{error.args[0]}: no such file or folder") from None
        if not files:
            raise CommandError("no .json or .json.gz file there")
        total, refused = Result(), 0
        started = time.monotonic()
        # Every file is read twice: once to check, once to write. `disable=None` is quiet where there is no terminal.
        size = 2 * sum(path.stat().st_size for path in files)
        with tqdm(total=size, unit="B", unit_scale=True, disable=True if options["quiet"] else None) as bar:

            def tick(read: int) -> None:
                bar.update(read)

            for path in files:
                bar.set_description(path.name[:40])
                done = bar.n
                try:
                    total.add(import_bundle(path, source=source, dry_run=options["dry_run"], tick=tick))
                except (BundleRefused, DomainError) as error:
                    refused += 1
                    reason = str(error) if isinstance(error, BundleRefused) else f"{path}: {error.message}"
                    bar.clear()
                    self.stderr.write(self.style.ERROR(f"refused: {reason}"))
                bar.update(max(0, done + 2 * path.stat().st_size - bar.n))
        self._report(total, files=len(files) - refused, seconds=time.monotonic() - started, dry_run=options["dry_run"])
        if refused:
            raise CommandError(f"{refused} of {len(files)} bundles refused; nothing of them was written")

    def _report(self, total: Result, *, files: int, seconds: float, dry_run: bool) -> None:
        kinds = sorted(total.read, key=lambda kind: (bool(total.not_taken[kind]), kind))
        extra = sorted(total.not_taken.keys() - total.read.keys())
        width = max((len(kind) for kind in (*kinds, *extra)), default=8) + 2
        self.stdout.write("resource".ljust(width) + "".join(name.rjust(11) for name in _COLUMNS))
        for kind in (*kinds, *extra):
            counts = (total.read, total.created, total.changed, total.unchanged, total.not_taken)
            self.stdout.write(kind.ljust(width) + "".join(str(count[kind] or "-").rjust(11) for count in counts))
        rate = f", {total.rows() / seconds:,.0f} rows/s" if seconds > 0 else ""
        self.stdout.write(
            f"{files} bundles, {total.created.total()} created, {total.changed.total()} changed, "
            f"{total.unchanged.total()} unchanged, {total.not_taken.total()} not taken, {seconds:.1f} s{rate}"
        )
        if dry_run:
            self.stdout.write(
                f"Dry run: nothing was written. {total.unchecked.total()} documents were checked but not compared."
            )
