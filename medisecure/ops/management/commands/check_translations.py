"""`manage.py check_translations`: every text of the interface has its French, and no French stands for a lost text.

English is what stands in the code. `--write` brings the catalogue up to date: it adds new texts without translation and
drops those that are gone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import polib
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import templatize

PARTS: Final = ("medisecure", "patients", "appointments", "billing", "documents", "templates")
_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}|%[sd]")


def catalogue_path() -> Path:
    return Path(settings.BASE_DIR) / "locale" / "fr" / "LC_MESSAGES" / "django.po"


def sources(folder: Path) -> list[str]:
    """Python files as they are, templates turned into what xgettext reads, all below `folder`; their relative names."""
    names = []
    for part in PARTS:
        for path in sorted((Path(settings.BASE_DIR) / part).rglob("*")):
            if path.suffix not in (".py", ".html", ".txt") or "migrations" in path.parts:
                continue
            text = path.read_text(encoding="utf-8")
            name = path.relative_to(settings.BASE_DIR)
            target = folder / (name if path.suffix == ".py" else name.with_name(name.name + ".py"))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text if path.suffix == ".py" else templatize(text, origin=str(name)), encoding="utf-8")
            names.append(str(target.relative_to(folder)))
    return names


def extract() -> polib.POFile:
    """Every text that the code and the templates mark for translation. Raises CommandError without xgettext."""
    if shutil.which("xgettext") is None:
        raise CommandError("xgettext is needed (Debian package gettext)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = sources(folder)
        keywords = (
            "gettext_noop",
            "gettext_lazy",
            "ngettext_lazy:1,2",
            "pgettext:1c,2",
            "npgettext:1c,2,3",
            "pgettext_lazy:1c,2",
        )
        (folder / "files").write_text("\n".join(names), encoding="utf-8")
        command = ["xgettext", "--language=Python", "--from-code=UTF-8", "--add-comments=Translators", "--no-wrap"]
        command += ["--files-from=files", "--output=out.pot", "--no-location", "--sort-output"]
        command += [f"--keyword={keyword}" for keyword in keywords]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandError(done.stderr)
        return polib.pofile(str(folder / "out.pot"))


def problems(catalogue: polib.POFile, wanted: polib.POFile) -> list[str]:
    """What is wrong with the catalogue, one line for each text."""
    found = []
    known = {(entry.msgctxt, entry.msgid): entry for entry in catalogue if not entry.obsolete}
    for entry in wanted:
        translated = known.pop((entry.msgctxt, entry.msgid), None)
        if translated is None:
            found.append(f"missing: {entry.msgid!r}")
        elif translated.fuzzy or not translated.translated():
            found.append(f"not translated: {entry.msgid!r}")
        else:
            texts = list(translated.msgstr_plural.values()) or [translated.msgstr]
            allowed = (_names(entry.msgid), _names(entry.msgid_plural))
            found += [f"other placeholders: {entry.msgid!r}" for text in texts if _names(text) not in allowed]
    found += [f"no longer used: {msgid!r}" for _context, msgid in known]
    return found


def _names(text: str) -> set[str]:
    return {match[0] for match in _PLACEHOLDER.finditer(text)}


class Command(BaseCommand):
    help = "Check that the French catalogue is complete; exit 1 with a line for each text that is not right."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="add what is missing (empty) and drop what is gone")

    def handle(self, *args: Any, **options: Any) -> None:
        path, wanted = catalogue_path(), extract()
        catalogue = polib.pofile(str(path), wrapwidth=0) if path.exists() else polib.POFile(wrapwidth=0)
        if options["write"]:
            write(catalogue, wanted, path)
        found = problems(catalogue, wanted)
        for line in found:
            self.stdout.write(line)
        if found and not options["write"]:
            raise CommandError(
                f"{len(found)} texts of {len(wanted)} are not right in {path.relative_to(settings.BASE_DIR)}"
            )
        self.stdout.write(f"{len(wanted)} texts, {len(found)} to do")


def write(catalogue: polib.POFile, wanted: polib.POFile, path: Path) -> None:
    """Bring the file to what `wanted` has, keeping the translations of texts that stay."""
    known = {(entry.msgctxt, entry.msgid): entry for entry in catalogue if not entry.obsolete}
    fresh = polib.POFile(wrapwidth=0)
    fresh.metadata = {
        "Language": "fr",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=2; plural=(n > 1);",
    }
    for entry in wanted:
        kept = known.get((entry.msgctxt, entry.msgid))
        if kept is not None:
            entry.msgstr, entry.msgstr_plural = kept.msgstr, kept.msgstr_plural
        elif entry.msgid_plural:
            entry.msgstr_plural = {0: "", 1: ""}
        entry.flags = [flag for flag in entry.flags if flag != "fuzzy"]
        fresh.append(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh.save(str(path))
    catalogue[:] = fresh[:]
