"""`manage.py queues`: how much waits, how fast it is handled, how old the oldest message is."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from medisecure.kernel import queue_watch
from medisecure.ops import dead_letters
from medisecure.ops.models import DeadLetter


class Command(BaseCommand):
    help = "Each queue: messages that wait, handled a minute, age of the oldest. Exit 1 beyond a limit that is given."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--most", type=int, metavar="N", help="exit 1 when more than N wait in one queue")
        parser.add_argument("--oldest", type=float, metavar="SECONDS", help="exit 1 when one has waited longer")
        parser.add_argument("--failed", type=int, metavar="N", help="exit 1 when more than N have failed for good")
        parser.add_argument("--json", action="store_true", help="one JSON document, for a monitor")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = queue_watch.states()
            dead_letters.collect()
        except Exception as error:  # noqa: BLE001 - each broker has its own errors; any of them is the answer
            raise CommandError(f"The broker does not answer: {type(error).__name__}. Check BROKER_URL.") from None
        failed = DeadLetter.objects.count()
        if options["json"]:
            body = {"queues": [asdict(state) for state in found], "failed": failed}
            self.stdout.write(json.dumps(body, indent=2))
        else:
            self._table(found, failed)
        most, oldest, limit = options["most"], options["oldest"], options["failed"]
        beyond = [
            state.name
            for state in found
            if (most is not None and state.waiting > most)
            # Of an age that is not known, the worst is assumed.
            or (oldest is not None and state.waiting and (state.oldest is None or state.oldest > oldest))
        ]
        if beyond or (limit is not None and failed > limit):
            names = [*beyond, *(["failed"] if limit is not None and failed > limit else [])]
            raise CommandError(f"Beyond the limit: {', '.join(names)}.")

    def _table(self, found: list[queue_watch.QueueState], failed: int) -> None:
        table = Table("Queue", "Waiting", "Workers", "A minute", "Oldest", box=None, pad_edge=False)
        for state in found:
            oldest = "" if not state.waiting else "unknown" if state.oldest is None else f"≤ {state.oldest:.0f} s"
            workers = "" if state.workers is None else str(state.workers)
            table.add_row(state.name, str(state.waiting), workers, f"{state.per_minute:.1f}", oldest)
        Console(file=cast(IO[str], self.stdout), width=None if self.stdout.isatty() else 100).print(table)
        self.stdout.write(f"Failed for good: {failed}" + (" (manage.py dead_letters list)" if failed else ""))
