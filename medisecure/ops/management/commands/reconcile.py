"""`manage.py reconcile`: the storage compared with what the databases say of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from medisecure.ops.reconcile import Difference, reconcile

_WORDS: Final = {
    "missing": "row without its bytes",
    "size": "other size than its row says",
    "leftover": "bytes of ours that no row names",
    "unknown": "bytes of which nothing is known",
}


class Command(BaseCommand):
    help = "Compare both buckets with the databases, both ways; exit 1 when a difference is left."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fix", action="store_true", help="delete leftovers of ours that are older than a day")
        parser.add_argument("--json", action="store_true", help="one JSON object a line, for a monitor")

    def handle(self, *args: Any, **options: Any) -> None:
        def tell(found: Difference) -> None:
            if options["json"]:
                self.stdout.write(json.dumps(asdict(found)))
            else:
                row = f" ({found.row})" if found.row else ""
                done = ": deleted" if found.fixed else ""
                self.stdout.write(f"{_WORDS[found.kind]}: {found.bucket}/{found.key}{row}{done}")

        report = reconcile(fix=options["fix"], tell=tell)
        if options["json"]:
            self.stdout.write(json.dumps({"well": not report.left, **asdict(report)}))
        else:
            self.stdout.write(
                f"{report.objects} objects, {report.rows} rows, {report.young} too young to tell, "
                f"{report.parts} unfinished uploads: {report.left} differences left"
            )
        if report.left:
            raise SystemExit(1)
