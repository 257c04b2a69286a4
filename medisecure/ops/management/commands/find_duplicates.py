"""`manage.py find_duplicates`: pairs of files in the whole register that may be one person's, for the worklist."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from patients.interface import current_duplicate_scan, open_duplicates, run_duplicate_scan


class Command(BaseCommand):
    help = (
        "Compare the register with itself and put likely pairs on the worklist of duplicates. A run that was stopped "
        "goes on where it was; pairs that somebody has decided on are left alone."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--restart", action="store_true", help="from the beginning, also after a run was stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        scan = current_duplicate_scan(restart=options["restart"])
        if scan.position and options["verbosity"]:
            self.stdout.write(f"Going on with the run of {scan.started_at:%Y-%m-%d %H:%M} UTC.")
        with tqdm(total=100, unit=" %", disable=not options["verbosity"] or None) as bar:
            for progress in run_duplicate_scan(scan):
                bar.update(max(0.0, round(progress.share * 100 - bar.n, 1)))
                bar.set_postfix(pairs=progress.found, compared=progress.compared, refresh=False)
        if options["verbosity"]:
            self.stdout.write(
                f"{scan.compared} pairs compared, {scan.found} new on the worklist, {open_duplicates()} to decide."
            )
