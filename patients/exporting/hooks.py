"""What other apps add to an export. They are above this one, so they register themselves (as `patients.sections`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final
from uuid import UUID

from django.db.models import Field, Model, QuerySet

#: A FHIR R4 resource as JSON, or a row of a table as column → value.
Resource = dict[str, Any]
Row = Mapping[str, Any]

#: Columns that tell nothing about a person, or more than the person should carry around: what an index or a comparison
#: is made of, and the key under which a file is stored. Matched anywhere in the name.
_INTERNAL: Final = (
    "digest",
    "search_text",
    "phone_key",
    "blind",
    "_hash",
    "token",
    "dedupe_key",
    "idempotency_key",
    "registration_key",
    "_index",
)
_STORAGE: Final = frozenset({"bucket", "key", "pdf_key"})
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file of the archive: where it goes, and how its bytes are read, in pieces."""

    path: str
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table of the readable PDF, in the active language."""

    title: str
    headers: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSection:
    """One app's part. Every function takes the patient's id, after the door; each reads in pieces."""

    #: FHIR R4 resources whose references (`urn:uuid:…`) resolve within the bundle.
    resources: Callable[[UUID], Iterable[Resource]] = lambda patient_id: ()
    #: Table name → every row that is kept of this patient: what FHIR has no place for is here.
    tables: Callable[[UUID], Iterable[tuple[str, Iterable[Row]]]] = lambda patient_id: ()
    files: Callable[[UUID], Iterable[ExportFile]] = lambda patient_id: ()
    paper: Callable[[UUID], Iterable[PaperTable]] = lambda patient_id: ()


_sections: dict[str, ExportSection] = {}


def register_export_section(name: str, section: ExportSection) -> None:
    """Called from AppConfig.ready(). Raises ValueError for a name that is taken."""
    if _sections.get(name, section) is not section:
        raise ValueError(f"export section {name!r} is registered already")
    _sections[name] = section


def sections() -> Mapping[str, ExportSection]:
    return _sections


def table_rows(rows: QuerySet[Any]) -> Iterator[Row]:
    """Rows of a table for an export, in pieces: every column but the internal ones, by the name of the column."""
    model: type[Model] = rows.model
    fields: list[Field[Any, Any]] = [
        field
        for field in model._meta.concrete_fields
        if field.attname not in _STORAGE and not any(mark in field.attname for mark in _INTERNAL)
    ]
    for row in rows.order_by("pk").iterator(chunk_size=_CHUNK):
        yield {_opened(field.attname): getattr(row, _opened(field.attname)) for field in fields}


def _opened(name: str) -> str:
    """What is encrypted in the column is the person's own: they get it in clear, by the name it is read by."""
    return name.removeprefix("sealed_")
