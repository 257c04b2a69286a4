"""An invoice to a business carries itself as EN 16931, and the paper stays an archive's and a reader's."""

from __future__ import annotations

import io
from typing import Any, Final

import pytest
from django.db import DatabaseError, connections
from facturx import get_facturx_xml_from_pdf, get_level, xml_check_xsd
from lxml import etree
from pypdf import PdfReader

from billing.models import Buyer, Invoice
from billing.services import bill_to, credit, issue_invoice
from billing.services.papers import pdf_of
from medisecure.accounts.models import User
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, InvoiceIssued, Refused
from medisecure.kernel.transactions import atomic
from tests.billing.fixtures import CONSULTATION, TELEVISION, MakeInvoice
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

COMPANY: Final = {
    "name": "Société d’Exemple & Fils",
    "registration": "732 829 320 00074",
    "vat_number": "FR44 732 829 320",
    "line1": "12 rue des Essais",
    "postcode": "69001",
    "city": "Lyon",
    "reference": "BC-2026-17",
}


@pytest.fixture
def to_company(carol: User, draft: MakeInvoice) -> Invoice:
    made = draft(lines=[CONSULTATION, TELEVISION])
    bill_to(actor=carol, invoice_id=made.id, values=COMPANY)
    return issue_invoice(actor=carol, invoice_id=made.id)


def inside(pdf: bytes) -> Any:
    name, xml = get_facturx_xml_from_pdf(pdf, check_xsd=True, check_schematron=False)
    assert name == "factur-x.xml"
    return etree.fromstring(xml)


def say(root: Any, path: str) -> list[str]:
    spaces = {key: value for key, value in root.nsmap.items() if key}
    return [node.text for node in root.findall(f".//{path}", spaces)]


def test_the_paper_to_a_business_carries_the_invoice_for_machines(to_company: Invoice) -> None:
    pdf = pdf_of(to_company)
    root = inside(pdf)
    assert get_level(root) == "en16931"
    assert xml_check_xsd(root, flavor="factur-x", level="en16931")
    assert say(root, "rsm:ExchangedDocument/ram:ID") == [to_company.number]
    assert say(root, "ram:BuyerTradeParty/ram:Name") == ["Société d’Exemple & Fils"]
    assert say(root, "ram:BuyerTradeParty/ram:SpecifiedLegalOrganization/ram:ID") == ["732829320"]
    assert say(root, "ram:BuyerTradeParty/ram:SpecifiedTaxRegistration/ram:ID") == ["FR44732829320"]
    assert say(root, "ram:GrandTotalAmount") == ["40.50"]
    assert say(root, "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount") == ["30.00", "8.75"]
    assert sorted(say(root, "ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax/ram:CalculatedAmount")) == [
        "0.00",
        "1.75",
    ]
    assert {"PMD", "PMT", "AAB"} <= set(say(root, "ram:IncludedNote/ram:SubjectCode"))


def test_it_stays_an_archive_and_tagged_with_the_file_associated(to_company: Invoice) -> None:
    reader = PdfReader(io.BytesIO(pdf_of(to_company)), strict=True)
    root: Any = reader.trailer["/Root"]
    said = root["/Metadata"].get_object().get_data().decode()
    for expected in (
        "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>",
        "<pdfuaid:part>1</pdfuaid:part>",
        "<fx:DocumentFileName>factur-x.xml</fx:DocumentFileName>",
        "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>",
        "<pdfaSchema:prefix>fx</pdfaSchema:prefix>",
    ):
        assert expected in said, expected
    etree.fromstring(said.encode())
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    (file,) = (one.get_object() for one in root["/AF"])
    assert (file["/AFRelationship"], file["/UF"]) == ("/Alternative", "factur-x.xml")
    assert file["/EF"]["/F"].get_object()["/Subtype"] == "/text/xml"
    assert root["/Names"]["/EmbeddedFiles"]["/Names"][0] == "factur-x.xml"


def test_the_same_invoice_gives_the_same_bytes(to_company: Invoice) -> None:
    assert pdf_of(to_company) == pdf_of(Invoice.objects.get(id=to_company.id))


def test_the_paper_names_the_buyer_and_what_late_payment_costs(to_company: Invoice) -> None:
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf_of(to_company))).pages).split())
    for expected in ("Société d’Exemple & Fils", "12 rue des Essais", "73282932000074", "BC-2026-17", "40 €", "Asha"):
        assert expected in text, expected


def test_a_credit_note_goes_to_the_same_business_and_names_the_invoice(carol: User, to_company: Invoice) -> None:
    note = credit(actor=carol, invoice_id=to_company.id, reason="Erreur de tarif")
    root = inside(pdf_of(note))
    assert say(root, "rsm:ExchangedDocument/ram:TypeCode") == ["381"]
    assert say(root, "ram:InvoiceReferencedDocument/ram:IssuerAssignedID") == [to_company.number]
    assert say(root, "ram:DuePayableAmount") == ["40.50"]


def test_a_patients_paper_carries_nothing(issued: MakeInvoice) -> None:
    root: Any = PdfReader(io.BytesIO(pdf_of(issued()))).trailer["/Root"]
    assert "/AF" not in root


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"registration": "73282932000075"}, "registration"),
        ({"registration": ""}, "registration"),
        ({"vat_number": "FR00732829320"}, "vat_number"),
        ({"country": "Fra"}, "country"),
        ({"city": "L\x00yon"}, "city"),
    ],
)
def test_what_a_business_must_have_is_asked_for(
    carol: User, draft: MakeInvoice, change: dict[str, str], field: str
) -> None:
    made = draft()
    with pytest.raises(Invalid) as caught:
        bill_to(actor=carol, invoice_id=made.id, values=COMPANY | change)
    assert set(caught.value.errors) == {field}
    assert not Buyer.objects.exists()


def test_the_buyer_changes_until_the_invoice_is_issued(carol: User, alice: User, draft: MakeInvoice) -> None:
    made = draft()
    with pytest.raises(Refused):
        bill_to(actor=alice, invoice_id=made.id, values=COMPANY)
    for name in ("Un", "Deux"):
        bill_to(actor=carol, invoice_id=made.id, values=COMPANY | {"name": name})
    assert [row.name for row in Buyer.objects.all()] == ["Deux"]
    bill_to(actor=carol, invoice_id=made.id, values=None)
    assert not Buyer.objects.exists()
    bill_to(actor=carol, invoice_id=made.id, values=COMPANY)
    issue_invoice(actor=carol, invoice_id=made.id)
    with pytest.raises(InvoiceIssued):
        bill_to(actor=carol, invoice_id=made.id, values=None)
    with pytest.raises(DatabaseError, match="invoice-issued"), atomic(BILLING):
        Buyer.objects.update(name="Another")
    with pytest.raises(DatabaseError, match="invoice-issued"), atomic(BILLING), connections[BILLING].cursor() as cursor:
        cursor.execute("DELETE FROM invoice_buyers")
