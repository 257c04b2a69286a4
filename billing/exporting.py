"""A patient's invoices, payments and papers, for the copy of their data (`patients.exporting`)."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from billing.models import (
    Allocation,
    Checkout,
    DunningHold,
    Instalment,
    Invoice,
    InvoiceItem,
    InvoiceShare,
    Paper,
    Payment,
    Refund,
    Reminder,
    WriteOff,
)
from medisecure.kernel import objects
from medisecure.kernel.formats import format_cents
from patients.interface import ExportFile, ExportSection, PaperTable, fhir_digits, table_rows
from patients.interface import ExportResource as Resource
from patients.interface import ExportRow as Row

#: Our states as R4's (InvoiceStatus).
_STATUS: Final = {
    "draft": "draft",
    "discarded": "cancelled",
    "issued": "issued",
    "paid": "balanced",
    "credited": "cancelled",
}
_CHUNK: Final = 200


def _money(cents: int, currency: str) -> Resource:
    sign, whole = "-" if cents < 0 else "", abs(cents)
    return {"value": fhir_digits(f"{sign}{whole // 100}.{whole % 100:02}"), "currency": currency}


def _resources(patient_id: UUID) -> Iterator[Resource]:
    for row in Invoice.objects.filter(patient_id=patient_id).order_by("id").iterator(chunk_size=_CHUNK):
        yield {
            "resourceType": "Invoice",
            "id": str(row.id),
            "identifier": [{"value": row.number}] if row.number else [],
            "status": _STATUS.get(row.status, "draft"),
            "type": {"text": str(row.get_kind_display())},
            "subject": {"reference": f"urn:uuid:{row.patient_id}"},
            "date": row.issued_at.isoformat(timespec="milliseconds") if row.issued_at else "",
            "lineItem": [_line(item, row.currency) for item in row.items.all()],
            "totalNet": _money(row.net_cents, row.currency),
            "totalGross": _money(row.total_cents, row.currency),
            "note": [{"text": row.reason}] if row.reason else [],
        }


def _line(item: InvoiceItem, currency: str) -> Resource:
    return {
        "sequence": item.position + 1,
        "chargeItemCodeableConcept": {"coding": [{"code": item.code}] if item.code else [], "text": item.label},
        "priceComponent": [
            {"type": "base", "amount": _money(item.net_cents, currency)},
            *([{"type": "tax", "amount": _money(item.vat_cents, currency)}] if item.vat_cents else []),
        ],
    }


def _tables(patient_id: UUID) -> Iterator[tuple[str, Iterator[Row]]]:
    yield "invoices", table_rows(Invoice.objects.filter(patient_id=patient_id))
    yield "billing_items", table_rows(InvoiceItem.objects.filter(invoice__patient_id=patient_id))
    yield "invoice_shares", table_rows(InvoiceShare.objects.filter(invoice__patient_id=patient_id))
    yield "payments", table_rows(Payment.objects.filter(patient_id=patient_id))
    for name, model in (("payment_allocations", Allocation), ("write_offs", WriteOff)):
        yield name, table_rows(model.objects.filter(invoice__patient_id=patient_id))
    yield "refunds", table_rows(Refund.objects.filter(payment__patient_id=patient_id))
    yield "checkouts", table_rows(Checkout.objects.filter(patient_id=patient_id))
    yield "billing_papers", table_rows(Paper.objects.filter(patient_id=patient_id))
    yield "reminders", table_rows(Reminder.objects.filter(patient_id=patient_id))
    yield "dunning_holds", table_rows(DunningHold.objects.filter(invoice__patient_id=patient_id))
    yield "instalments", table_rows(Instalment.objects.filter(hold__invoice__patient_id=patient_id))


def _files(patient_id: UUID) -> Iterator[ExportFile]:
    rows = Invoice.objects.filter(patient_id=patient_id).exclude(pdf_key="").order_by("id")
    for number, key in rows.values_list("number", "pdf_key"):
        yield ExportFile(f"invoices/{number}.pdf", functools.partial(objects.documents().open, key))
    kept = Paper.objects.filter(patient_id=patient_id).exclude(pdf_key="").order_by("id")
    for kind, number, row_id, key in kept.values_list("kind", "number", "id", "pdf_key"):
        name = f"invoices/{kind}-{number}-{row_id.hex[-6:]}.pdf"
        yield ExportFile(name, functools.partial(objects.documents().open, key))


def _paper(patient_id: UUID) -> list[PaperTable]:
    rows = Invoice.objects.filter(patient_id=patient_id)
    return [
        PaperTable(
            _("Invoices"),
            [_("Date"), _("Number"), _("Status"), _("Total")],
            [
                [
                    date_format(localtime(row.issued_at or row.created_at), "DATE_FORMAT"),
                    row.number or "",
                    str(row.get_status_display()),
                    format_cents(row.total_cents),
                ]
                for row in rows
            ],
        )
    ]


SECTION: Final = ExportSection(resources=_resources, tables=_tables, files=_files, paper=_paper)
