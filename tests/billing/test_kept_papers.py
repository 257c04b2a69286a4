"""Receipts and statements: frozen, made once, in the reader's language, behind the same door as invoices."""

from __future__ import annotations

import hashlib
import io
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, connections
from pypdf import PdfReader

from billing.account import account
from billing.exporting import SECTION
from billing.models import Invoice, Paper, Payment
from billing.services import bill_to, credit, issue_invoice, make_receipt, make_statement, paper_url, receipt_url
from billing.services.storing import store_once
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock, objects
from medisecure.kernel.append_only import AppendOnly
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, NotFound, PdfNotReady
from medisecure.kernel.transactions import atomic
from patients.interface import PatientCard
from tests.billing.fixtures import MakeInvoice
from tests.billing.test_facturx import COMPANY
from tests.billing.test_payments import pay
from tests.cast import ALL_DATABASES
from tests.support import deliver_events

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def bytes_of(paper: Paper) -> bytes:
    with objects.documents().open(paper.pdf_key) as file:
        return file.read()


def receipt(payment: Payment) -> Paper:
    paper = make_receipt(payment.id)
    assert paper is not None
    return paper


def text_of(paper: Paper) -> str:
    pages = PdfReader(io.BytesIO(bytes_of(paper))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).replace("\xa0", " ").split())


@pytest.fixture
def part_paid(carol: User, issued: MakeInvoice) -> tuple[Invoice, Payment]:
    found = issued()
    return found, pay(carol, found, 1000).payment


def test_each_payment_has_its_receipt(asha: User, dan: User, part_paid: tuple[Invoice, Payment]) -> None:
    invoice, payment = part_paid
    with pytest.raises(PdfNotReady):
        receipt_url(actor=asha, payment_id=payment.id)
    deliver_events()
    paper = Paper.objects.get(kind="receipt")
    text = text_of(paper)
    for expected in (
        "Reçu",
        str(invoice.number),
        "10,00 €",
        "Reste à régler après ce paiement",
        "10,00 € 20,00 €",
        "Carte",
    ):
        assert expected in text, expected
    assert paper.pdf_sha256 == hashlib.sha256(bytes_of(paper)).hexdigest()
    assert receipt_url(actor=asha, payment_id=payment.id).startswith("http")
    assert AccessEntry.objects.filter(resource="billing-paper", action="download", actor_id=asha.id).count() == 1
    with pytest.raises(NotFound):
        receipt_url(actor=dan, payment_id=payment.id)


def test_a_receipt_is_made_once_and_never_changes(part_paid: tuple[Invoice, Payment]) -> None:
    _invoice, payment = part_paid
    first, again = receipt(payment), receipt(payment)
    assert (first.id, first.pdf_key) == (again.id, again.pdf_key)
    for attempt in (first.save, first.delete, Paper.objects.all().delete):
        with pytest.raises(AppendOnly):
            attempt()
    with pytest.raises(AppendOnly):
        Paper.objects.update(content={})
    with pytest.raises(AppendOnly):
        Paper.objects.update(pdf_key="elsewhere")
    for statement in ("UPDATE billing_papers SET number = 'x'", "DELETE FROM billing_papers"):
        with (
            pytest.raises(DatabaseError, match="invoice-issued"),
            atomic(BILLING),
            connections[BILLING].cursor() as cursor,
        ):
            cursor.execute(statement)


def test_a_maker_that_died_before_it_noted_the_paper_is_followed(part_paid: tuple[Invoice, Payment]) -> None:
    _invoice, payment = part_paid
    whole = receipt(payment)
    # As it is after a process was killed between storing and noting: the object is there, the row says nothing.
    key = store_once(whole.pdf_key, bytes_of(whole))
    assert key == whole.pdf_key


def test_the_statement_adds_up(carol: User, asha: User, issued: MakeInvoice, asha_card: PatientCard) -> None:
    first, second = issued(), issued()
    pay(carol, first, 1000)
    credit(actor=carol, invoice_id=second.id, reason="Erreur")
    today = clock.today()
    paper = make_statement(actor=asha, patient_id=asha_card.id, first=today - timedelta(days=30), last=today)
    content = paper.content
    assert [(row["charged"], row["paid"], row["balance"]) for row in content["rows"]] == [
        ("30,00\xa0€", "", "30,00\xa0€"),
        ("30,00\xa0€", "", "60,00\xa0€"),
        ("", "10,00\xa0€", "50,00\xa0€"),
        ("", "30,00\xa0€", "20,00\xa0€"),
    ]
    assert (content["opening"], content["closing"], content["owed"]) == ("0,00\xa0€", "20,00\xa0€", True)
    text = text_of(paper)
    assert "Relevé de compte" in text
    assert "Reste à régler" in text
    # The same account over the same days is the same paper; later days begin with what was owed.
    assert make_statement(actor=asha, patient_id=asha_card.id, first=today - timedelta(days=30), last=today) == paper
    assert Paper.objects.count() == 1


def test_the_statement_begins_with_what_was_owed_before(
    carol: User, issued: MakeInvoice, asha_card: PatientCard
) -> None:

    issued()
    tomorrow = clock.today() + timedelta(days=1)
    found = account([asha_card.id], tomorrow, tomorrow)
    assert (found.opening, list(found.movements), found.closing) == (3000, [], 3000)


def test_what_a_business_bears_is_on_nobodys_account(carol: User, draft: MakeInvoice, asha_card: PatientCard) -> None:
    made = draft()
    bill_to(actor=carol, invoice_id=made.id, values=COMPANY)
    invoice = issue_invoice(actor=carol, invoice_id=made.id)
    pay(carol, invoice, 1000)
    credit(actor=carol, invoice_id=invoice.id, reason="Erreur")
    today = clock.today()
    paper = make_statement(actor=carol, patient_id=asha_card.id, first=today, last=today)
    assert paper.content["rows"] == []


def test_statements_in_english(carol: User, dan: User, draft: MakeInvoice, dan_card: PatientCard) -> None:
    issue_invoice(actor=carol, invoice_id=draft(patient_id=dan_card.id).id)
    paper = make_statement(actor=dan, patient_id=dan_card.id, first=clock.today(), last=clock.today())
    assert "Statement of account" in text_of(paper)
    assert "€30.00" in text_of(paper)


@pytest.mark.parametrize(("first", "last", "field"), [(0, -1, "last"), (-4000, 0, "first"), (0, 1, "last")])
def test_a_period_that_makes_no_sense_is_refused(
    asha: User, asha_card: PatientCard, first: int, last: int, field: str
) -> None:
    today = clock.today()
    with pytest.raises(Invalid) as caught:
        make_statement(
            actor=asha,
            patient_id=asha_card.id,
            first=today + timedelta(days=first),
            last=today + timedelta(days=last),
        )
    assert set(caught.value.errors) == {field}


def test_nobody_gets_anothers_statement(
    asha: User, dan: User, dr_bose: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    day = date(2026, 1, 1)
    for actor in (dan, dr_bose):
        with pytest.raises(NotFound):
            make_statement(actor=actor, patient_id=asha_card.id, first=day, last=day)
    paper = make_statement(actor=asha, patient_id=asha_card.id, first=day, last=day)
    with pytest.raises(NotFound):
        paper_url(actor=dan, paper_id=paper.id)
    assert not AccessEntry.objects.filter(actor_id=dan.id).exists()


def test_the_copy_of_a_patients_data_has_their_papers(
    part_paid: tuple[Invoice, Payment], asha_card: PatientCard
) -> None:
    paper = receipt(part_paid[1])
    tables = {name: list(rows) for name, rows in SECTION.tables(asha_card.id)}
    assert [row["number"] for row in tables["billing_papers"]] == [paper.number]
    assert {"reminders", "dunning_holds", "instalments"} <= tables.keys()
    (found,) = (file for file in SECTION.files(asha_card.id) if "receipt" in file.path)
    with found.open() as stored:
        assert stored.read() == bytes_of(paper)
