"""The readable part of an export: a tagged PDF (PDF/A-3b, PDF/UA-1) in the person's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from medisecure.kernel import clock
from medisecure.kernel.pdf import render_pdf
from patients import rules
from patients.exporting.hooks import PaperTable, sections
from patients.models import Patient
from patients.record import build_record

#: Lines of one table on paper. The rest is in the bundle and the tables, and the paper says so.
MOST_ROWS: Final = 400


def file_name() -> str:
    return pgettext("file name", "record.pdf")


def day(instant: datetime | None, precision: str = "instant") -> str:
    """A date as far as it is known: a year, a month, a day."""
    if instant is None:
        return ""
    value = timezone.localtime(instant) if precision == "instant" else instant
    if precision == "year":
        return f"{value:%Y}"
    return date_format(value, "YEAR_MONTH_FORMAT" if precision == "month" else "DATE_FORMAT")


def render(patient_id: UUID, language: str) -> bytes:
    """The PDF. The active language is `language`."""
    patient = Patient.objects.get(id=patient_id)
    record = build_record(patient_id)
    found = [*_clinical(record)]
    for section in sections().values():
        found.extend(section.paper(patient_id))
    made = clock.now()
    return render_pdf(
        "export",
        {
            "language": language,
            "title": _("My data"),
            "page": _("Page"),
            "of": pgettext("page … of …", "of"),
            "intro": _("Everything that the hospital keeps about you, as of %(day)s.") % {"day": day(made)},
            "facts": [[str(name), value] for name, value in _facts(patient) if value],
            "tables": [_table(table) for table in found],
            "end": _(
                "The files beside this paper hold all of it: each measurement, the documents themselves, and who "
                "opened your record."
            ),
        },
        created=made,
    )


def _table(table: PaperTable) -> dict[str, Any]:
    more = len(table.rows) - MOST_ROWS
    return {
        "title": table.title,
        "headers": table.headers,
        "rows": table.rows[:MOST_ROWS],
        "more": _("%(count)d more lines are in the files.") % {"count": more} if more > 0 else "",
        "none": "" if table.rows else _("Nothing recorded."),
    }


def _facts(patient: Patient) -> list[tuple[str, str]]:
    birth = ""
    if patient.birth_date:
        birth = {"year": f"{patient.birth_date:%Y}", "month": date_format(patient.birth_date, "YEAR_MONTH_FORMAT")}.get(
            patient.birth_precision, date_format(patient.birth_date, "DATE_FORMAT")
        )
    town = f"{patient.postal_code} {patient.city}".strip()
    return [
        (_("Name"), patient.full_name),
        (_("Birth name"), patient.family_name),
        (_("Birth date"), birth),
        (_("Sex"), str(patient.get_sex_display())),
        (_("Record number"), patient.record_number),
        (_("Phone"), patient.phone),
        (_("Email address"), patient.email),
        (_("Address"), ", ".join(part for part in (patient.address_line, town, patient.country) if part)),
    ]


def _clinical(record: Mapping[str, Any]) -> list[PaperTable]:
    when, name, more, state = _("Date"), _("Name"), _("Details"), _("Status")

    def rows(key: str, *details: str) -> list[list[str]]:
        return [
            [
                day(row["started_at"], row["started_precision"]),
                row["display"] or row["code"],
                "; ".join(str(row[detail]) for detail in details if row.get(detail)),
                row["status"],
            ]
            for row in record[key]
        ]

    heads = [when, name, more, state]
    allergies = rows("allergies", "kind", "criticality")
    for line, row in zip(allergies, record["allergies"], strict=True):
        reactions = ", ".join(item["display"] for item in row["reactions"] if item.get("display"))
        line[2] = "; ".join(part for part in (line[2], reactions) if part)
    measures = [
        [
            series["display"] or series["code"],
            _value(series["latest"][0]),
            day(series["latest"][0]["started_at"], series["latest"][0]["started_precision"]),
            str(series["count"]),
        ]
        for series in record["observations"]
    ]
    return [
        PaperTable(_("Allergies"), heads, allergies),
        PaperTable(_("Conditions"), heads, rows("conditions", "severity", "note")),
        PaperTable(_("Medications"), heads, rows("medications", "dosage", "practitioner_name")),
        PaperTable(_("Immunizations"), heads, rows("immunizations", "lot_number")),
        PaperTable(_("Procedures"), heads, rows("procedures", "reason", "practitioner_name")),
        PaperTable(_("Encounters"), heads, rows("encounters", "reason", "place", "practitioner_name")),
        PaperTable(_("Measurements and results"), [name, _("Latest value"), when, _("How many there are")], measures),
        PaperTable(_("Insurances"), heads, rows("coverages", "payer", "member_number")),
    ]


def _value(row: Mapping[str, Any]) -> str:
    text = _one(row)
    parts: Sequence[Mapping[str, Any]] = row.get("components") or ()
    return text or " · ".join(f"{part.get('display', '')} {_one(part)}".strip() for part in parts)


def _one(row: Mapping[str, Any]) -> str:
    if row.get("quantity"):
        unit = rules.written_unit(str(row.get("unit", "")))
        return f"{row.get('comparator', '')}{row['quantity']} {unit}".strip()
    return str(row.get("value_text", ""))
