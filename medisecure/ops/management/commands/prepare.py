"""`manage.py prepare`: make this machine's data fit this release. What is in place already costs almost nothing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from medisecure.ops.translations import compile_catalogues


def _digest(paths: Iterable[Path]) -> str:
    """Of names, sizes and times: enough to see a new release or an edit, without reading every file."""
    marks = sorted(f"{path}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in paths)
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()


class Command(BaseCommand):
    help = "Compile translations, collect static files, migrate all databases, load demonstration data once."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="do not load demonstration data")

    def handle(self, *args: Any, **options: Any) -> None:
        self.verbosity = options["verbosity"]
        for folder in settings.LOCALE_PATHS:
            compile_catalogues(folder)
        root: Path = settings.BASE_DIR
        code = [path for app in apps.get_app_configs() for path in Path(app.path).glob("migrations/*.py")]
        self._once("Databases", code, lambda: call_command("migrate_all", verbosity=0, skip_checks=True))
        static = [path for path in (root / "static").rglob("*") if path.is_file()]
        static.append(root / "requirements.txt")
        self._once("Static files", static, lambda: call_command("collectstatic", interactive=False, verbosity=0))
        if not options["no_demo"]:
            call_command("demo_data", verbosity=self.verbosity)

    def _once(self, what: str, sources: Iterable[Path], action: Callable[[], object]) -> None:
        """Do it unless it was done for these very sources. The mark is written last, after the work."""
        stamp = settings.DATA_DIR / "prepared" / what.lower().replace(" ", "-")
        digest = _digest(sources)
        if stamp.exists() and stamp.read_text() == digest:
            return
        started = time.monotonic()
        action()
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest)
        if self.verbosity:
            self.stdout.write(f"{what} ready ({time.monotonic() - started:.1f} s)")
