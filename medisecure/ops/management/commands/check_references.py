"""`manage.py check_references`: appointments whose patient, practitioner or calendar is gone."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from appointments.interface import Dangling, dangling


class Command(BaseCommand):
    help = "Name appointments whose patient, practitioner or calendar is gone, by id; exit 1 when there is one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document, for a monitor")

    def handle(self, *args: Any, **options: Any) -> None:
        looked, found = 0, []
        for one in dangling():
            if isinstance(one, Dangling):
                found.append(one)
                if not options["json"]:
                    self.stdout.write(f"appointment {one.appointment_id}: {one.what} {one.missing} is gone")
            else:
                looked += one
        if options["json"]:
            lines = [{name: str(value) for name, value in asdict(one).items()} for one in found]
            self.stdout.write(json.dumps({"well": not found, "appointments": looked, "findings": lines}, indent=2))
        else:
            self.stdout.write(f"{looked} appointments, {len(found)} that name somebody who is gone")
        if found:
            raise SystemExit(1)
