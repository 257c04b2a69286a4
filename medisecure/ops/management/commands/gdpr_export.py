"""`manage.py gdpr_export RECORD_NUMBER --out FILE`: everything that is kept about one patient, for that patient."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from medisecure.audit.interface import record_access
from patients.interface import patient_by_record_number, patient_card, write_archive


class Command(BaseCommand):
    help = "Write everything that is kept about a patient into a ZIP: FHIR R4, documents, a PDF, the access log."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("record_number", metavar="RECORD_NUMBER", help="the patient's record number")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the ZIP to write; must not exist")
        parser.add_argument("--language", choices=[code for code, _name in settings.LANGUAGES], help="of the PDF")

    def handle(self, *args: Any, **options: Any) -> None:
        patient_id = patient_by_record_number(options["record_number"])
        if patient_id is None:
            raise CommandError("no patient has this record number")
        out: Path = options["out"]
        if out.exists():
            raise CommandError(f"{out} exists already")
        if not out.parent.is_dir():
            raise CommandError(f"{out.parent} is no folder")
        card = patient_card(patient_id)
        record_access(
            actor=None,
            patient_id=patient_id,
            action="export",
            resource="record",
            resource_id=patient_id,
            purpose="right of access",
            right="system",
        )
        partial = out.with_name(f".{out.name}.partial")
        try:
            # Readable by who runs this and nobody else, and under its name only when it is whole.
            handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            with (
                os.fdopen(handle, "w+b") as file,
                tqdm(total=100, unit="%", disable=not options["verbosity"] or None, leave=False) as bar,
            ):
                manifest = write_archive(
                    file,
                    patient_id=patient_id,
                    record_number=card.record_number,
                    language=options["language"] or card.language,
                    tick=lambda percent: _advance(bar, percent),
                )
                file.flush()
                os.fsync(file.fileno())
            partial.rename(out)
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror or type(error).__name__}") from None
        finally:
            partial.unlink(missing_ok=True)
        if options["verbosity"]:
            self.stdout.write(
                f"{out}: {out.stat().st_size} bytes, {manifest.resources.total()} FHIR resources, "
                f"{manifest.rows.total()} rows of {len(manifest.rows)} tables, {len(manifest.files)} files"
            )
        for path in manifest.missing:
            self.stderr.write(f"missing in the storage: {path}")


def _advance(bar: Any, percent: int) -> None:
    bar.update(percent - bar.n)
