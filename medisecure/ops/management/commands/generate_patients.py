"""`manage.py generate_patients N`: invented patients by the million, to measure with."""

from __future__ import annotations

import argparse
import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from medisecure.ops.demo.crowd import crowd
from patients.interface import register_crowd

MOST = 10_000_000


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {MOST}")
    return number


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Command(BaseCommand):
    help = "Register N invented patients, in batches. Refused where PUBLIC_URL is not of this machine."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("count", metavar="N", type=_count, help="how many")
        parser.add_argument("--seed", type=int, default=1, help="the same people for the same seed (default 1)")
        parser.add_argument(
            "--yes-invented-people", action="store_true", help="also where others reach this installation"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not (is_loopback(settings.PUBLIC_URL) or options["yes_invented_people"]):
            raise CommandError(
                "People reach this installation at PUBLIC_URL: invented patients would stand among real ones. "
                "If that is what you want, add --yes-invented-people."
            )
        count: int = options["count"]
        with tqdm(total=count, unit=" patients", unit_scale=True, disable=not options["verbosity"] or None) as bar:
            for written in register_crowd(crowd(count, options["seed"])):
                bar.update(written)
        if options["verbosity"]:
            self.stdout.write(f"{count} invented patients registered.")
