"""My record, through the door that writes down who opened it (decision 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from documents.interface import Category, document_url
from medisecure.portal.people import acting, crumbs, for_patient, reader
from patients.interface import (
    NoteFilter,
    medical_record,
    note_line,
    notes_of,
    open_note,
    plot_periods,
    says_no_allergy,
    vital_plots,
    written_unit,
)

#: Conditions and medications that FHIR R4 calls over.
_OVER = frozenset({"resolved", "remission", "inactive", "completed", "stopped", "cancelled", "ended"})
OBSERVATIONS_SHOWN = 24
NOTES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record as it is read: what, more about it, when."""

    name: str
    detail: str
    when: str
    over: bool = False


@require_safe
@for_patient
def record(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    found, _from_cache = medical_record(actor=reader(request), patient_id=patient_id, purpose=acting(request).purpose)
    categories = dict(Category.choices)
    every_measure = request.GET.get("all") == "1"
    measures = [_measure(series) for series in found["observations"]]
    conditions = [_entry(row, row["severity"]) for row in found["conditions"]]
    listed = [row for row in found["allergies"] if row["status"] not in _OVER]
    period, periods = plot_periods(request.GET.get("period", ""))
    context = {
        "crumbs": crumbs((_("My record"), "")),
        "area": "record",
        "patient": found["patient"],
        "changed_at": found["changed_at"],
        "allergies": [_allergy(row) for row in listed if not says_no_allergy(row["code"])],
        "none_known": any(says_no_allergy(row["code"]) for row in listed),
        "plots": vital_plots(patient_id, period),
        "periods": periods,
        "conditions": [entry for entry in conditions if not entry.over],
        "past_conditions": [entry for entry in conditions if entry.over],
        "medications": [_entry(row, row["dosage"]) for row in found["medications"] if row["status"] not in _OVER],
        "past_medications": [_entry(row, row["dosage"]) for row in found["medications"] if row["status"] in _OVER],
        "immunizations": [_entry(row, "") for row in found["immunizations"]],
        "observations": measures if every_measure else measures[:OBSERVATIONS_SHOWN],
        "hidden": 0 if every_measure else max(0, len(measures) - OBSERVATIONS_SHOWN),
        "documents": [
            {**row, "category_label": categories.get(row["category"], row["category"])} for row in found["documents"]
        ],
    }
    return render(request, "portal/record.html", context)


@require_safe
@for_patient
def notes(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """What doctors wrote, signed and meant for the patient too."""
    rows = notes_of(actor=reader(request), patient_id=patient_id, wanted=NoteFilter(), purpose="self")
    page = Paginator(rows, NOTES_SHOWN).get_page(request.GET.get("page"))
    context = {
        "crumbs": crumbs((_("My record"), reverse("record")), (_("Notes"), "")),
        "area": "record",
        "page": page,
        "notes": [note_line(row) for row in page],
    }
    return render(request, "portal/notes.html", context)


@require_safe
@for_patient
def note(request: HttpRequest, patient_id: UUID, note_id: UUID) -> HttpResponse:
    found = open_note(actor=reader(request), patient_id=patient_id, note_id=note_id, purpose="self")
    trail = ((_("My record"), reverse("record")), (_("Notes"), reverse("record-notes")))
    context = {
        "crumbs": crumbs(*trail, (found.line.kind_label.capitalize(), "")),
        "area": "record",
        "note": found,
        "signature": found.versions[0],
    }
    return render(request, "portal/note.html", context)


@require_safe
@for_patient
def document(request: HttpRequest, patient_id: UUID, document_id: UUID) -> HttpResponse:
    """One document, by an address that expires; each download is written down."""
    return HttpResponseRedirect(document_url(reader(request), document_id, purpose=acting(request).purpose))


def _entry(row: Mapping[str, Any], detail: str) -> Entry:
    return Entry(_name(row), detail, day(row["started_at"], row["started_precision"]), row["status"] in _OVER)


def _allergy(row: Mapping[str, Any]) -> Entry:
    reactions = ", ".join(item["display"] for item in row["reactions"] if item.get("display"))
    return Entry(_name(row), reactions, day(row["started_at"], row["started_precision"]))


def _measure(series: Mapping[str, Any]) -> Entry:
    latest = series["latest"][0]
    value = _value(latest)
    if not value:
        value = " · ".join(
            f"{part.get('display', '')} {text}".strip() for part in latest["components"] if (text := _value(part))
        )
    return Entry(_name(series), value, day(latest["started_at"], latest["started_precision"]))


def _value(row: Mapping[str, Any]) -> str:
    """As the source gave it: its own digits, never rounded or turned into another notation."""
    if row.get("quantity"):
        return f"{row.get('comparator', '')}{row['quantity']} {written_unit(str(row.get('unit', '')))}".strip()
    return str(row.get("value_text", ""))


def _name(row: Mapping[str, Any]) -> str:
    return row["display"] or row["code"] or _("Without a name")


def day(instant: datetime | None, precision: str) -> str:
    """A date as far as it is known: a year, a month, a day."""
    if instant is None:
        return ""
    # Only an exact time lies in a zone; a day of a calendar is the same day everywhere.
    value = timezone.localtime(instant) if precision == "instant" else instant
    if precision == "year":
        return f"{value:%Y}"
    return formats.date_format(value, "F Y" if precision == "month" else "j F Y", use_l10n=True)
