"""`manage.py doctor`: is every part of the hospital well, and what to do about what is not."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.table import Table

from medisecure.ops.probes import Finding, run_all


class Command(BaseCommand):
    help = "Ask every database, the storage, broker, cache, worker, scheduler and mail; exit 1 when one is not well."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--wait", type=float, default=0, metavar="SECONDS", help="ask again so long while a part is not well yet"
        )
        parser.add_argument("--json", action="store_true", help="one JSON document, for a monitor")

    def handle(self, *args: Any, **options: Any) -> None:
        deadline = time.monotonic() + options["wait"]
        findings = list(run_all())
        while not all(finding.well for finding in findings) and time.monotonic() < deadline:
            time.sleep(1)
            findings = list(run_all())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        else:
            self._table(findings)
        if not all(finding.well for finding in findings):
            raise SystemExit(1)

    def _table(self, findings: list[Finding]) -> None:
        table = Table("Part", "Kind", "State", "Version", "Latency", box=None, pad_edge=False)
        for finding in findings:
            state = "[green]well[/]" if finding.well else f"[red]not well[/]: {finding.problem}"
            latency = "" if finding.latency is None else f"{finding.latency:.0f} ms"
            table.add_row(finding.part, finding.kind, state, finding.version, latency)
        console = Console(
            file=cast(IO[str], self.stdout),
            force_terminal=self.stdout.isatty(),
            width=None if self.stdout.isatty() else 110,
        )
        console.print(table)
        for finding in findings:
            if not finding.well:
                console.print(f"{finding.part}: {finding.advice}.")
