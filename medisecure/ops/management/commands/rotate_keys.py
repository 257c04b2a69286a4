"""`manage.py rotate_keys`: encrypt what is stored anew, under the first of FIELD_KEYS."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from medisecure.kernel import rotation
from medisecure.kernel.crypto import keyring

DEFAULT_BATCH = 200
MOST_NAMED = 20


def _batch(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError("a whole number from 1 to 10000")
    return number


class Command(BaseCommand):
    help = (
        "Encrypt and index anew, under the first of FIELD_KEYS, what older keys have encrypted. Everyone may go on "
        "working; stopped or killed, it goes on where it was. Says which keys may be dropped."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument(
            "--batch", type=_batch, default=DEFAULT_BATCH, help=f"values per transaction (default {DEFAULT_BATCH})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        waiting = rotation.left()
        if options["dry_run"]:
            self._say_keys()
            self.stdout.write(f"{waiting} values would be encrypted anew.")
            return
        unreadable: list[str] = []
        clashing: list[str] = []
        changed = 0
        with tqdm(total=waiting, unit=" values", disable=not options["verbosity"] or None) as bar:
            for found in rotation.rotate(options["batch"]):
                bar.update(found.seen)
                changed += found.changed
                unreadable += found.unreadable
                clashing += found.clashing
        self.stdout.write(f"{changed} values encrypted anew.")
        self._say_keys()
        self._name("cannot be read with any key of FIELD_KEYS", unreadable)
        self._name("hold a number that another row has too, entered at the same moment; end one of them", clashing)
        if rest := rotation.left():
            raise CommandError(
                f"{rest} values are not under the first key. If a process runs with the old FIELD_KEYS, restart it and "
                "run this again."
            )

    def _say_keys(self) -> None:
        counts, ring = rotation.values_by_key(), keyring()
        for key in ring.ids:
            count = counts.pop(key, 0)
            if key == ring.first_id:
                self.stdout.write(f"key {key} (first): {count} values")
            elif count:
                self.stdout.write(f"key {key}: {count} values; keep it")
            else:
                self.stdout.write(f"key {key}: 0 values; it may be dropped from FIELD_KEYS")
        for key, count in sorted(counts.items()):
            self.stdout.write(f"key {key}: {count} values, and it is not in FIELD_KEYS: put it back at the end")

    def _name(self, what: str, places: list[str]) -> None:
        if places:
            self.stderr.write(f"{len(places)} rows {what}: {', '.join(places[:MOST_NAMED])}")
