"""`manage.py expire_uploads`: give up uploads that nobody finished."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from documents.interface import expire_uploads


class Command(BaseCommand):
    help = "Give up uploads whose time is over, with their parts in the storage; the scheduler does it each hour."

    def handle(self, *args: Any, **options: Any) -> None:
        done = expire_uploads()
        self.stdout.write(
            f"{done.uploads} uploads expired, parts of {done.parts} that no row names removed, "
            f"{done.forgotten} old ones forgotten"
        )
