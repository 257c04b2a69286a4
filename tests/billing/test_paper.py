"""The paper says what the law asks, in the reader's language, and is the same bytes wherever it is made."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing import snapshot
from billing.models import Invoice
from billing.rules import Line
from billing.services import credit, issue_invoice, record_payment
from medisecure.accounts.models import User
from medisecure.kernel.pdf import render_pdf
from patients.interface import Contact, Identity, PatientCard, PractitionerCard, register_patient
from tests.billing.fixtures import CONSULTATION, TELEVISION, MakeInvoice
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def paper(invoice: Invoice) -> dict[str, Any]:
    return snapshot.paper(invoice, list(invoice.items.all()))


def pdf_of(invoice: Invoice) -> bytes:
    return render_pdf("invoice", paper(invoice), created=invoice.issued_at)


def inflated(pdf: bytes) -> bytes:
    """The PDF with its compressed parts opened: enough to look for what its metadata says."""
    parts = [pdf]
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(found[1]))
        except zlib.error:
            continue
    return b"\n".join(parts)


def text_of(pdf: bytes, folder: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not on PATH")
    file = folder / "invoice.pdf"
    file.write_bytes(pdf)
    done = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, check=True)
    return " ".join(done.stdout.decode().replace("\xa0", " ").replace("\u202f", " ").split())


@pytest.fixture
def whole(draft: MakeInvoice, carol: User, bose_card: PractitionerCard) -> Invoice:
    made = draft(lines=[CONSULTATION, TELEVISION], practitioner_id=bose_card.id)
    return issue_invoice(actor=carol, invoice_id=made.id)


def test_the_data_of_the_paper_is_ready_text(whole: Invoice, asha_card: PatientCard) -> None:
    data = paper(whole)
    assert (data["language"], data["number"], data["total"]) == ("fr", whole.number, "40,50\xa0€")
    assert data["service_date"] == "15 janvier 2026"
    assert data["patient"]["record_number"] == asha_card.record_number
    assert data["mentions"] == ["TVA non applicable, art. 261-4-1° du CGI"]
    assert [(row["quantity"], row["vat"], row["net"]) for row in data["lines"]] == [
        ("1", "", "30,00\xa0€"),
        ("2,5", "20\u202f%", "8,75\xa0€"),
    ]
    assert [(row["net"], row["vat"]) for row in data["vat"]] == [
        ("30,00\xa0€", "0,00\xa0€"),
        ("8,75\xa0€", "1,75\xa0€"),
    ]


def test_the_paper_is_pdf_a_tagged_and_titled(whole: Invoice) -> None:
    opened = inflated(pdf_of(whole))
    assert b"<pdfaid:part>3</pdfaid:part>" in opened
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in opened
    assert b"<pdfuaid:part>1</pdfuaid:part>" in opened
    assert f"Facture {whole.number}".encode() in opened
    assert b"/StructTreeRoot" in opened


def test_the_same_invoice_gives_the_same_bytes(whole: Invoice) -> None:
    assert pdf_of(whole) == pdf_of(Invoice.objects.get(id=whole.id))


def test_the_paper_prints_number_people_mentions_and_totals(whole: Invoice, tmp_path: Path) -> None:
    text = text_of(pdf_of(whole), tmp_path)
    for expected in (
        f"Facture {whole.number}",
        "Asha Rao",
        "Lyon",
        "Dr Anil Bose",
        "Centre hospitalier MediSecure",
        "SIRET 000 000 000 00000",
        "TVA intracommunautaire",
        "Électrocardiogramme" if whole.total_cents < 0 else "Consultation",
        "TVA non applicable, art. 261-4-1° du CGI",
        "40,50 €",
        "Date d’échéance",
        "Pas d’escompte",
        "Page 1 sur 1",
    ):
        assert expected in text, expected


def test_a_patient_who_reads_english_gets_english(
    draft: MakeInvoice, carol: User, dan_card: PatientCard, tmp_path: Path
) -> None:
    found = issue_invoice(actor=carol, invoice_id=draft(patient_id=dan_card.id).id)
    text = text_of(pdf_of(found), tmp_path)
    assert "Due date" in text
    assert "€30.00" in text
    assert "Facture" not in text


def test_a_credit_note_names_the_invoice_reason_and_refund(whole: Invoice, carol: User, tmp_path: Path) -> None:
    record_payment(actor=carol, invoice_id=whole.id, amount_cents=1050, method="card", idempotency_key="k")
    note = credit(actor=carol, invoice_id=whole.id, reason="Erreur de tarif")
    text = text_of(pdf_of(note), tmp_path)
    for expected in (f"Avoir {note.number}", f"Annule la facture {whole.number}", "Erreur de tarif", "10,50 €"):
        assert expected in text, expected
    assert "IBAN" not in text


def test_a_long_invoice_numbers_its_pages(draft: MakeInvoice, carol: User, tmp_path: Path) -> None:
    found = issue_invoice(actor=carol, invoice_id=draft(lines=[CONSULTATION] * 60).id)
    text = text_of(pdf_of(found), tmp_path)
    assert "Page 1 sur 3" in text
    assert "Page 3 sur 3" in text


def test_text_from_people_is_text_and_not_markup(draft: MakeInvoice, carol: User, tmp_path: Path) -> None:
    trick = Line("", '#panic("x") $ * _ ` \\ <b> @ref =', Decimal(1), 100)
    found = issue_invoice(actor=carol, invoice_id=draft(lines=[trick]).id)
    assert '#panic("x")' in text_of(pdf_of(found), tmp_path)


@pytest.mark.parametrize("name", ["王小明", "สมชาย", "😀", "Ωμέγα", "أحمد", "Nguyễn", "नमस्ते", "Łódź", "O’Brien\u200d"])
def test_no_name_leaves_an_invoice_without_a_paper(draft: MakeInvoice, carol: User, name: str) -> None:
    patient = register_patient(
        actor=None,
        identity=Identity(family_name=f"Rao {name}", given_names="Asha", birth_date=date(1980, 5, 2)),
        contact=Contact(city="Lyon"),
    )
    found = issue_invoice(actor=carol, invoice_id=draft(patient_id=patient.id).id)
    assert pdf_of(found).startswith(b"%PDF-")
