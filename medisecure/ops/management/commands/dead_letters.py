"""`manage.py dead_letters list|show|retry|drop`: messages that failed for good."""

from __future__ import annotations

import json
from typing import IO, Any, cast
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from medisecure.kernel.errors import DomainError
from medisecure.ops import dead_letters
from medisecure.ops.models import DeadLetter

_SHOWN = ("id", "queue", "task", "task_id", "subject", "reason", "error", "died_at")


class Command(BaseCommand):
    help = "List messages that failed for good, show one, send them again, or drop them. Shows ids and codes only."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="the newest first")
        listing.add_argument("--queue", default="", help="of one queue only")
        listing.add_argument("--limit", type=int, default=50, help="at most so many (default 50)")
        listing.add_argument("--json", action="store_true", help="one JSON document, for a monitor")
        actions.add_parser("show", help="one, with all that may be shown").add_argument("id", type=UUID)
        for name, help_text in (("retry", "send them again"), ("drop", "delete them for good")):
            action = actions.add_parser(name, help=help_text)
            action.add_argument("ids", metavar="id", type=UUID, nargs="*")
            action.add_argument("--all", action="store_true", help="all that are there")
            action.add_argument("--queue", default="", help="with --all: those of one queue")

    def handle(self, *args: Any, **options: Any) -> None:
        dead_letters.collect()
        match options["action"]:
            case "list":
                self._list(options)
            case "show":
                row = DeadLetter.objects.filter(id=options["id"]).values(*_SHOWN).first()
                if row is None:
                    raise CommandError("There is no such message.")
                for name, value in row.items():
                    self.stdout.write(f"{name:<8} {value}")
            case action:
                self._act(action, options)

    def _list(self, options: dict[str, Any]) -> None:
        rows = DeadLetter.objects.order_by("-id")
        if options["queue"]:
            rows = rows.filter(queue=options["queue"])
        found = list(rows.values(*_SHOWN)[: max(0, options["limit"])])
        if options["json"]:
            self.stdout.write(json.dumps(found, default=str, indent=2))
            return
        if not found:
            self.stdout.write("No message has failed.")
            return
        table = Table("Id", "Since", "Queue", "Task", "Error", box=None, pad_edge=False)
        for row in found:
            table.add_row(
                str(row["id"]),
                f"{row['died_at']:%Y-%m-%d %H:%M}",
                row["queue"],
                row["subject"] or row["task"],
                row["error"] or row["reason"],
            )
        Console(file=cast(IO[str], self.stdout), width=None if self.stdout.isatty() else 180).print(table)
        self.stdout.write(f"{len(found)} of {rows.count()}")

    def _act(self, action: str, options: dict[str, Any]) -> None:
        if bool(options["ids"]) == options["all"]:
            raise CommandError("Name messages by their ids, or say --all.")
        ids = options["ids"]
        if options["all"]:
            rows = DeadLetter.objects.filter(queue=options["queue"]) if options["queue"] else DeadLetter.objects.all()
            ids = list(rows.values_list("id", flat=True))
        try:
            done = (dead_letters.retry if action == "retry" else dead_letters.drop)(ids, actor=None)
        except DomainError as error:
            raise CommandError("; ".join(error.lines())) from None
        self.stdout.write(f"{done} sent again." if action == "retry" else f"{done} dropped.")
