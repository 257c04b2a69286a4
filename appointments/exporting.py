"""A patient's visits, for the copy of their data (`patients.exporting`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db.models import Model
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from appointments.models import Appointment, WaitingEntry
from appointments.selectors import type_labels
from medisecure.kernel import clock
from patients.interface import ExportResource as Resource
from patients.interface import ExportRow as Row
from patients.interface import ExportSection, PaperTable, fhir_practitioners, practitioner_cards, table_rows

#: Our states as R4's (AppointmentStatus).
_STATUS: Final = {
    "booked": "booked",
    "confirmed": "booked",
    "arrived": "arrived",
    "in_progress": "checked-in",
    "completed": "fulfilled",
    "cancelled": "cancelled",
    "no_show": "noshow",
}
_CHUNK: Final = 500


def _rows(patient_id: UUID) -> Iterator[Appointment]:
    return Appointment.objects.filter(patient_id=patient_id).order_by("id").iterator(chunk_size=_CHUNK)


def _resources(patient_id: UUID) -> Iterator[Resource]:
    labels = type_labels()
    named: set[UUID] = set()
    for row in _rows(patient_id):
        named.add(row.practitioner_id)
        yield {
            "resourceType": "Appointment",
            "id": str(row.id),
            "status": _STATUS.get(row.status, "booked"),
            "cancelationReason": {"text": str(row.get_cancel_reason_display())} if row.cancel_reason else {},
            "serviceType": [{"coding": [{"code": row.type_code}], "text": labels.get(row.type_code, row.type_code)}],
            "start": row.start.isoformat(timespec="milliseconds"),
            "end": row.end.isoformat(timespec="milliseconds"),
            "created": row.created_at.isoformat(timespec="milliseconds"),
            "comment": row.staff_note,
            "participant": [
                {"actor": {"reference": f"urn:uuid:{row.patient_id}"}, "status": "accepted"},
                {"actor": {"reference": f"urn:uuid:{row.practitioner_id}"}, "status": "accepted"},
            ],
        }
    yield from fhir_practitioners(named)


#: Column by which a row belongs to another one of this app → whose ids these are.
_PARENTS: Final[dict[str, type[Model]]] = {"appointment_id": Appointment, "entry_id": WaitingEntry}


def _tables(patient_id: UUID) -> Iterator[tuple[str, Iterator[Row]]]:
    """Every table of this app with rows of the patient, or with rows about such rows: a new one is exported too."""
    for model in apps.get_app_config("appointments").get_models():
        columns = {field.attname for field in model._meta.concrete_fields}
        if "patient_id" in columns:
            yield model._meta.db_table, table_rows(model._default_manager.filter(patient_id=patient_id))
        elif column := next((name for name in _PARENTS if name in columns), None):
            yield model._meta.db_table, _children(model, column, patient_id)


def _children(model: type[Model], column: str, patient_id: UUID) -> Iterator[Row]:
    # No join on MongoDB, so the ids go by hand, in pieces.
    parents: Any = _PARENTS[column]._default_manager.filter(patient_id=patient_id)
    ids = list(parents.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), _CHUNK):
        yield from table_rows(model._default_manager.filter(**{f"{column}__in": ids[start : start + _CHUNK]}))


def _paper(patient_id: UUID) -> list[PaperTable]:
    rows = list(Appointment.objects.filter(patient_id=patient_id))
    labels, people = type_labels(), practitioner_cards({row.practitioner_id for row in rows})
    return [
        PaperTable(
            _("Appointments"),
            [_("Date"), _("Reason for the visit"), _("Practitioner"), _("Status")],
            [
                [
                    date_format(clock.local(row.start, row.zone).replace(tzinfo=None), "SHORT_DATETIME_FORMAT"),
                    labels.get(row.type_code, row.type_code),
                    people[row.practitioner_id].full_name if row.practitioner_id in people else "",
                    str(row.get_status_display()),
                ]
                for row in rows
            ],
        )
    ]


SECTION: Final = ExportSection(resources=_resources, tables=_tables, paper=_paper)
