"""The ZIP itself, written as a stream: what is in memory at a time is one row, one piece of a file and one page list.

LISEZMOI.txt  README.txt   what is in it, in both languages
dossier.pdf | record.pdf   to read, in the person's language
fhir/bundle.json           the record for another hospital: FHIR R4, a Bundle of type `collection`
tables/<table>.json        every row that is kept, in the words of the database
documents/ invoices/       the files
access-log.csv             who opened what, when and why
manifest.json              each file with its size and SHA-256, counts, and when it was made
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Final
from uuid import UUID, uuid5

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from medisecure.audit.interface import accesses_of_patient
from medisecure.kernel import clock
from patients.exporting import fhir, paper, tables
from patients.exporting.hooks import ExportFile, Resource, Row, sections

Tick = Callable[[int], None]

_PIECE: Final = 1024 * 1024
_ACCESSES: Final = 500
#: What a spreadsheet takes for a formula (OWASP, CSV injection): such a cell is written with a quote before it.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
#: Already compressed: pressing them again costs time and gives nothing.
_PRESSED: Final = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".zip", ".gz", ".pdf", ".docx", ".xlsx")


@dataclass(slots=True)
class Manifest:
    """What was written. `resources` and `rows` are counts, by resource type and by table."""

    record_number: str
    made_at: str
    files: list[dict[str, Any]] = field(default_factory=list)
    resources: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    #: Files whose bytes the storage does not have (any more): named, so that nothing is missing in silence.
    missing: list[str] = field(default_factory=list)


class _Written:
    """Counts and digests what goes through into one file of the archive."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self.size, self._digest = 0, hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._target.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class Archive:
    """An open ZIP and its manifest."""

    def __init__(self, target: IO[bytes], manifest: Manifest) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
        self.manifest = manifest

    @contextmanager
    def file(self, path: str) -> Iterator[_Written]:
        info = zipfile.ZipInfo(path, date_time=clock.now().timetuple()[:6])
        info.compress_type = zipfile.ZIP_STORED if path.lower().endswith(_PRESSED) else zipfile.ZIP_DEFLATED
        # Readable by the owner alone where somebody unpacks it on a shared machine.
        info.external_attr = 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as target:
            written = _Written(target)
            yield written
        self.manifest.files.append({"path": path, "size": written.size, "sha256": written.sha256})

    def add(self, path: str, data: bytes) -> None:
        with self.file(path) as target:
            target.write(data)

    def close(self) -> None:
        text = {
            "record_number": self.manifest.record_number,
            "made_at": self.manifest.made_at,
            "made_by": settings.PUBLIC_URL,
            "fhir_version": "4.0.1",
            "resources": dict(sorted(self.manifest.resources.items())),
            "rows": dict(sorted(self.manifest.rows.items())),
            "missing": self.manifest.missing,
            "files": self.manifest.files,
        }
        self._zip.writestr("manifest.json", json.dumps(text, ensure_ascii=False, indent=1))
        self._zip.close()


def write_archive(
    target: IO[bytes], *, patient_id: UUID, record_number: str, language: str, tick: Tick = lambda percent: None
) -> Manifest:
    """Write everything about the patient. For callers that have passed the door with an entry in the log.

    `tick` is told how far it is, in percent, and may raise to stop. Raises what the databases and the storage raise;
    only a file that is gone is passed over, and named in the manifest.
    """
    manifest = Manifest(record_number, clock.now().isoformat())
    archive = Archive(target, manifest)
    with translation.override(language):
        _readme(archive)
        tick(2)
        _bundle(archive, patient_id)
        tick(30)
        _tables(archive, patient_id)
        tick(40)
        _accesses(archive, patient_id)
        tick(45)
        archive.add(paper.file_name(), paper.render(patient_id, language))
        tick(55)
        _files(archive, patient_id, tick)
    archive.close()
    tick(100)
    return manifest


def _bundle(archive: Archive, patient_id: UUID) -> None:
    """One entry in memory at a time. A resource that two sections name (a practitioner) stands in it once."""
    seen: set[tuple[str, str]] = set()
    with archive.file("fhir/bundle.json") as target:
        head = {
            "resourceType": "Bundle",
            "id": str(uuid5(patient_id, archive.manifest.made_at)),
            "type": "collection",
            "timestamp": archive.manifest.made_at,
        }
        target.write((json.dumps(head)[:-1] + ', "entry": [\n').encode())
        comma = ""
        for resource in _resources(patient_id):
            key = (resource["resourceType"], resource["id"])
            if key in seen:
                continue
            seen.add(key)
            target.write(f"{comma}{fhir.encode(fhir.entry(resource))}".encode())
            archive.manifest.resources[resource["resourceType"]] += 1
            comma = ",\n"
        target.write(b"\n]}\n")


def _resources(patient_id: UUID) -> Iterator[Resource]:
    yield from fhir.resources_of(patient_id)
    for section in sections().values():
        yield from section.resources(patient_id)


def _tables(archive: Archive, patient_id: UUID) -> None:
    for name, rows in _all_tables(patient_id):
        with archive.file(f"tables/{name}.json") as target:
            target.write(b"[")
            comma = "\n"
            for row in rows:
                target.write(f"{comma}{fhir.encode(dict(row))}".encode())
                archive.manifest.rows[name] += 1
                comma = ",\n"
            target.write(b"\n]\n")


def _all_tables(patient_id: UUID) -> Iterator[tuple[str, Iterable[Row]]]:
    yield from tables.tables_of(patient_id)
    for section in sections().values():
        yield from section.tables(patient_id)


def _accesses(archive: Archive, patient_id: UUID) -> None:
    """The log in words, as the person's own page shows it, newest first, in pieces."""
    accesses = accesses_of_patient(patient_id)
    with archive.file("access-log.csv") as target:
        # The mark by which spreadsheets know UTF-8.
        target.write("\ufeff".encode())
        target.write(csv_line([_("When"), _("Who"), _("Role"), _("What"), _("Item"), _("Why"), _("By which right")]))
        start = 0
        while batch := accesses[start : start + _ACCESSES]:
            for one in batch:
                when = one.at.isoformat(timespec="seconds")
                target.write(csv_line([when, one.who, one.role, one.action, one.resource, one.purpose, one.right]))
                archive.manifest.rows["access_entries"] += 1
            start += _ACCESSES


def csv_line(cells: Iterable[str]) -> bytes:
    """One line as RFC 4180 has it; no cell is taken for a formula."""
    out = io.StringIO()
    csv.writer(out).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return out.getvalue().encode()


def _files(archive: Archive, patient_id: UUID, tick: Tick) -> None:
    files = [file for section in sections().values() for file in section.files(patient_id)]
    for number, file in enumerate(files):
        _copy(archive, file)
        tick(55 + 44 * (number + 1) // len(files))


def _copy(archive: Archive, file: ExportFile) -> None:
    try:
        source = file.open()
    except FileNotFoundError:
        archive.manifest.missing.append(file.path)
        return
    with source, archive.file(file.path) as target:
        while piece := source.read(_PIECE):
            target.write(piece)


def _readme(archive: Archive) -> None:
    for language, name in (("fr", "LISEZMOI.txt"), ("en", "README.txt")):
        with translation.override(language):
            lines = [
                _("Your data at the hospital"),
                "",
                _("%(file)s: your record, to read.") % {"file": paper.file_name()},
                _("documents/, invoices/: your documents and invoices."),
                _("access-log.csv: who opened your record, when and why. A spreadsheet opens it."),
                _("fhir/bundle.json: your record for another hospital or an app (HL7 FHIR R4)."),
                _("tables/: each line that the hospital's databases keep about you."),
                _("manifest.json: each file with its size and its SHA-256, to check that nothing was changed."),
                "",
                _("These files say what ails you. Keep them as you keep your own papers."),
                _("You asked for them by your right of access (GDPR, articles 15 and 20; CSP, article L1111-7)."),
            ]
        archive.add(name, "\r\n".join(lines).encode() + b"\r\n")
