"""`manage.py index_images`: look at DICOM documents that nobody has looked at, or at all of them again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from documents.interface import ImagingTally, index_images


class Command(BaseCommand):
    help = "Index DICOM documents that are in the record already, and draw them; exit 1 when a worker must try again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--again", action="store_true", help="those that were looked at before, too")
        parser.add_argument(
            "--queue", action="store_true", help="only put them on the list of the workers instead of doing it here"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tally: ImagingTally = index_images(again=options["again"], here=not options["queue"], say=self.stdout.write)
        self.stdout.write(
            f"{tally.enrolled} on the list, {tally.shown} can be shown, {tally.not_shown} cannot, "
            f"{tally.doubtful} to be looked at by a person."
        )
        if tally.left:
            self.stderr.write(f"{tally.left} left for a worker: run it again, or let the workers do it.")
            raise SystemExit(1)
