"""The books: figures that add up, three faces that agree, tills that close once, and the export for the tax office."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connections
from django.test import Client
from pypdf import PdfReader

from billing import chart, fec_rules
from billing.account import account
from billing.books import fec, figures
from billing.books.entries import _METHODS, entries
from billing.books.faces import BOOKS, csv_of, paper_of, table, till_table
from billing.books.periods import Period, month_of
from billing.models import Invoice, Payment, Till, TillDay, TillEntry
from billing.rules import Line
from billing.services import bill_to, credit, issue_invoice, refund, write_off
from billing.services.tills import TillClosed, TillTaken, close_till, move_cash, open_till
from medisecure.accounts.models import User
from medisecure.kernel import clock, objects
from medisecure.kernel.append_only import AppendOnly
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, NotFound, Refused
from medisecure.kernel.transactions import atomic
from patients.interface import PatientCard, PractitionerCard
from tests.billing.fixtures import CONSULTATION, TELEVISION, MakeInvoice
from tests.billing.test_facturx import COMPANY
from tests.billing.test_payments import pay
from tests.billing.test_split import insured as insured
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def today() -> Period:
    return Period(clock.today(), clock.today())


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def till(carol: User) -> TillDay:
    return open_till(actor=carol, till_id=Till.objects.create(name="Accueil").id, float_cents=5000)


@pytest.fixture
def day(carol: User, draft: MakeInvoice, bose_card: PractitionerCard, till: TillDay) -> TillDay:
    """40.50 by Dr Bose, paid 10 in cash; 30 that a credit note takes back; 30 to a business, paid 20 by transfer."""
    first = issue_invoice(
        actor=carol, invoice_id=draft(lines=[CONSULTATION, TELEVISION], practitioner_id=bose_card.id).id
    )
    pay(carol, first, 1000, "cash", method="cash")
    second = issue_invoice(actor=carol, invoice_id=draft().id)
    credit(actor=carol, invoice_id=second.id, reason="Erreur")
    third = draft()
    bill_to(actor=carol, invoice_id=third.id, values=COMPANY)
    pay(carol, issue_invoice(actor=carol, invoice_id=third.id), 2000, "wire", method="transfer")
    return till


# --- Figures ----------------------------------------------------------------------------------------------------------
def test_the_figures_follow_from_what_was_issued(alice: User, day: TillDay) -> None:
    assert figures.by_month(today()).total[1:] == [6875, 175, 7050]
    assert [row[1:] for row in figures.by_practitioner(today()).rows] == [[3875, 175, 4050], [3000, 0, 3000]]
    assert figures.by_practitioner(today()).rows[0][0] == "Dr Anil Bose"
    acts = {row[0]: row[2:] for row in figures.by_act(today()).rows}
    assert {code: [str(row[0].normalize()), *row[1:]] for code, row in acts.items()} == {  # type: ignore[union-attr]
        "CS": ["2", 6000, 0, 6000],
        "TV": ["2.5", 875, 175, 1050],
    }
    assert [row[1:] for row in figures.vat(today()).rows] == [[875, 175, 1050], [6000, 0, 6000]]
    for name in ("month", "practitioner", "act", "vat"):
        assert table(actor=alice, name=name, period=today()).total[-1] == 7050


def test_what_is_owed_is_told_by_payer_and_age(day: TillDay) -> None:
    due = Invoice.objects.filter(kind="invoice").latest("due_date").due_date
    assert due is not None
    for late, index in ((0, 1), (1, 2), (30, 2), (31, 3), (61, 4), (91, 5)):
        found = figures.aged(due + timedelta(days=late))
        assert [row[0] for row in found.rows] == ["Patients", "Société d’Exemple & Fils"]
        assert [row[index] for row in found.rows] == [3050, 1000], late
        assert found.total[-1] == 4050
    assert figures.aged(clock.today() - timedelta(days=1)).rows == []


def test_a_month_without_anything_is_a_line_of_nothing() -> None:
    found = figures.by_month(Period(date(2025, 11, 15), date(2026, 1, 15)))
    assert [row[1:] for row in found.rows] == [[0, 0, 0]] * 3
    assert month_of(date(2026, 2, 11)) == Period(date(2026, 2, 1), date(2026, 2, 28))
    with pytest.raises(Invalid):
        Period(date(2026, 2, 2), date(2026, 2, 1))


# --- Page, PDF and CSV show the same ----------------------------------------------------------------------------------
AMOUNT = re.compile(r"-?\d[\d\u202f\u00a0]*,\d{2}[\u00a0\u202f ]€")


def cents_of(text: str) -> list[int]:
    return [int(re.sub(r"[^\d-]", "", found)) for found in AMOUNT.findall(text)]


def figures_of_page(client: Client, address: str) -> list[int]:
    response = client.get(address)
    assert response.status_code == 200
    found = re.search(r"<table[^>]*data-book.*?</table>", response.content.decode(), re.DOTALL)
    assert found is not None
    return cents_of(html.unescape(re.sub(r"<[^>]+>", " ", found[0])))


def figures_of_csv(text: str, money: list[int]) -> list[int]:
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))[1:]
    return [int(row[index].replace(".", "")) for row in rows for index in money if row[index]]


@pytest.mark.parametrize("name", [*BOOKS, "till"])
def test_page_pdf_and_csv_show_the_same_figures(carol: User, day: TillDay, name: str) -> None:
    if name in ("till", "tills"):
        close_till(actor=carol, till_day_id=day.id, counted_cents=5900, reason="Erreur de rendu")
    client = signed_in(carol)
    if name == "till":
        found, address = till_table(actor=carol, till_day_id=day.id), f"/admin/billing/tillday/{day.id}/sheet/"
        query = "?"
    else:
        found, address = table(actor=carol, name=name, period=today()), f"/admin/billing/tillday/books/{name}/"
        query = f"?first={clock.today()}&last={clock.today()}&"
    money = [index for index, column in enumerate(found.columns) if column.kind == "money"]
    computed = [row[index] for row in [*found.rows, found.total] for index in money if row[index] is not None]
    assert any(computed)
    with objects.documents().open(paper_of(actor=carol, found=found).pdf_key) as file:
        printed = "".join(page.extract_text() for page in PdfReader(io.BytesIO(file.read())).pages)
    assert figures_of_page(client, address + query) == computed
    assert sorted(cents_of(printed)) == sorted(computed)  # type: ignore[type-var]
    assert figures_of_csv(csv_of(found), money) == computed
    downloaded = client.get(f"{address}{query}format=csv")
    assert downloaded.content.decode() == csv_of(found)
    assert client.get(f"{address}{query}format=pdf").status_code == 302


def test_a_name_is_no_formula_to_a_spreadsheet(carol: User, draft: MakeInvoice) -> None:
    made = draft()
    bill_to(actor=carol, invoice_id=made.id, values=COMPANY | {"name": "=1+1"})
    issue_invoice(actor=carol, invoice_id=made.id)
    assert "\r\n'=1+1;" in csv_of(figures.aged(clock.today()))


def test_the_books_are_for_billing_and_administrators(
    carol: User, alice: User, dr_bose: User, rita: User, dan: User
) -> None:
    address = f"/admin/billing/tillday/books/month/?first={clock.today()}&last={clock.today()}"
    for user, status in ((carol, 200), (alice, 200), (dr_bose, 403), (rita, 403), (dan, 302)):
        assert signed_in(user).get(address).status_code == status, user.email
    with pytest.raises(Refused):
        table(actor=rita, name="month", period=today())
    assert signed_in(carol).get("/admin/billing/tillday/books/nothing/").status_code == 404
    wrong = signed_in(carol).get("/admin/billing/tillday/books/month/?first=2026-02-02&last=2026-02-01")
    assert wrong.status_code == 422


# --- Tills ------------------------------------------------------------------------------------------------------------
def test_a_till_is_one_persons_and_a_person_has_one(carol: User, till: TillDay) -> None:
    with pytest.raises(TillTaken):
        open_till(actor=carol, till_id=till.till_id, float_cents=0)
    with pytest.raises(TillTaken):
        open_till(actor=carol, till_id=Till.objects.create(name="Urgences").id, float_cents=0)
    close_till(actor=carol, till_day_id=till.id, counted_cents=5000)
    open_till(actor=carol, till_id=till.till_id, float_cents=0)


def test_counted_against_expected(carol: User, issued: MakeInvoice, till: TillDay) -> None:
    pay(carol, issued(), 1000, "cash", method="cash")
    pay(carol, issued(), 1000, "card")
    move_cash(actor=carol, till_day_id=till.id, kind="deposit", amount_cents=3000, reference="Sac 12")
    assert [row.amount_cents for row in till.entries.all()] == [1000, -3000]
    with pytest.raises(Invalid) as caught:
        close_till(actor=carol, till_day_id=till.id, counted_cents=2990)
    assert set(caught.value.errors) == {"reason"}
    closed = close_till(actor=carol, till_day_id=till.id, counted_cents=2990, reason="10 centimes manquants")
    assert (closed.expected_cents, closed.difference_cents, closed.open_till) == (3000, -10, None)
    for attempt in (
        lambda: close_till(actor=carol, till_day_id=till.id, counted_cents=3000),
        lambda: move_cash(actor=carol, till_day_id=till.id, kind="change", amount_cents=1, reference=""),
    ):
        with pytest.raises(TillClosed):
            attempt()


@pytest.mark.parametrize(
    ("kind", "cents", "field"), [("deposit", 5001, "amount"), ("change", 0, "amount"), ("refund", 1, "kind")]
)
def test_movements_that_cannot_be_are_refused(carol: User, till: TillDay, kind: str, cents: int, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        move_cash(actor=carol, till_day_id=till.id, kind=kind, amount_cents=cents, reference="")
    assert set(caught.value.errors) == {field}


def test_a_closed_day_is_frozen(carol: User, till: TillDay) -> None:
    move_cash(actor=carol, till_day_id=till.id, kind="change", amount_cents=100, reference="")
    close_till(actor=carol, till_day_id=till.id, counted_cents=5100)
    frozen = TillDay.objects.get(id=till.id)
    attempts: list[Any] = [
        frozen.save,
        frozen.delete,
        TillDay.objects.all().delete,
        lambda: TillDay.objects.update(counted_cents=1),
        lambda: TillEntry.objects.update(amount_cents=1),
    ]
    for attempt in attempts:
        with pytest.raises(AppendOnly):
            attempt()
    entry = TillEntry(till_day=frozen, kind="change", amount_cents=1, by=carol.id)
    with pytest.raises(DatabaseError, match="invoice-issued"), atomic(BILLING):
        entry.save(force_insert=True)
    for statement in (
        "UPDATE till_days SET counted_cents = 0",
        "UPDATE till_days SET closed_at = NULL",
        "DELETE FROM till_days",
        "UPDATE till_entries SET amount_cents = 1",
        "DELETE FROM till_entries",
    ):
        with (
            pytest.raises(DatabaseError, match="invoice-issued"),
            atomic(BILLING),
            connections[BILLING].cursor() as cursor,
        ):
            cursor.execute(statement)


def test_anothers_till_is_not_there(carol: User, alice: User, dan: User, till: TillDay) -> None:
    with pytest.raises(Refused):
        open_till(actor=dan, till_id=till.till_id, float_cents=0)
    with pytest.raises(Refused):
        close_till(actor=alice, till_day_id=till.id, counted_cents=0)
    with pytest.raises(NotFound):
        till_table(actor=dan, till_day_id=till.id)
    with pytest.raises(NotFound):
        close_till(actor=carol, till_day_id=UUID(int=0), counted_cents=0)


def test_cash_that_went_through_no_till_is_named(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    pay(carol, found, 1000, method="cash")
    assert not TillEntry.objects.exists()
    assert str(found.number) in str(table(actor=carol, name="tills", period=today()).notes[0])


# --- FEC --------------------------------------------------------------------------------------------------------------
def test_the_export_keeps_the_rules_and_balances(carol: User, day: TillDay) -> None:
    close_till(actor=carol, till_day_id=day.id, counted_cents=5990, reason="Dix centimes")
    year = clock.today().year
    lines = list(fec.export(year))
    assert lines[0].rstrip().split("\t") == list(fec_rules.COLUMNS)
    assert list(fec.check(lines, name=fec.file_name(year))) == []
    rows = [dict(zip(fec_rules.COLUMNS, line.rstrip("\r\n").split("\t"), strict=True)) for line in lines[1:]]
    entries = [row["EcritureNum"] for row in rows]
    assert sorted({int(number) for number in entries}) == list(range(1, 8))
    sums: dict[str, int] = {}
    for row in rows:
        cents = int(row["Debit"].replace(",", "")) - int(row["Credit"].replace(",", ""))
        sums[row["CompteNum"]] = sums.get(row["CompteNum"], 0) + cents
    assert sums == {"4111": 3050, "4112": 1000, "706": -6875, "44571": -175, "531": 990, "512": 2000, "658": 10}
    # No patient is named: their numbers are.
    text = "".join(lines)
    assert "Rao" not in text
    assert "Asha" not in text
    assert fec.file_name(2026) == "000000000FEC20261231.txt"


LINES = (
    "VE\tVentes\t1\t20260105\t4111\tClients\tP1\tPatient P1\tF1\t20260105\tFacture\t12,00\t0,00\t\t\t20260105\t\t\r\n",
    "VE\tVentes\t1\t20260105\t706\tPrestations\t\t\tF1\t20260105\tFacture\t0,00\t12,00\t\t\t20260105\t\t\r\n",
    "VE\tVentes\t2\t20260106\t4111\tClients\tP1\tPatient P1\tF2\t20260106\tFacture\t5,00\t0,00\t\t\t20260106\t\t\r\n",
    "VE\tVentes\t2\t20260106\t706\tPrestations\t\t\tF2\t20260106\tFacture\t0,00\t5,00\t\t\t20260106\t\t\r\n",
)
HEAD = "\t".join(fec_rules.COLUMNS) + "\r\n"


def test_a_right_file_has_no_fault() -> None:
    assert list(fec_rules.check([HEAD, *LINES], name="123456789FEC20261231.txt")) == []


@pytest.mark.parametrize(
    ("line", "old", "new", "column"),
    [
        (1, "0,00\t12,00", "0,00\t12,01", "Debit"),
        (2, "Ventes\t2", "Ventes\t3", "EcritureNum"),
        (0, "20260105\t4111", "2026-01-05\t4111", "EcritureDate"),
        (0, "12,00", "12.00", "Debit"),
        (0, "12,00\t0,00", "12,00\t12,00", "Debit"),
        (0, "4111", "911", "CompteNum"),
        (0, "\tF1\t", "\t\t", "PieceRef"),
        (0, "Patient P1", "", "CompAuxNum"),
        (2, "20260106\t\t", "20251231\t\t", "ValidDate"),
        (0, "20260105\t4111", "20270105\t4111", "EcritureDate"),
    ],
)
def test_the_check_finds_what_breaks_a_rule(line: int, old: str, new: str, column: str) -> None:
    lines = list(LINES)
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new)
    assert column in {fault.column for fault in fec_rules.check([HEAD, *lines], name="123456789FEC20261231.txt")}


def test_the_check_wants_the_name_and_the_columns() -> None:
    assert [fault.line for fault in fec_rules.check([HEAD, *LINES], name="books.txt")] == [0]
    assert [fault.line for fault in fec_rules.check([HEAD.replace("Debit", "Solde"), *LINES])] == [1]
    assert [fault.line for fault in fec_rules.check([])] == [0]
    assert [fault.text for fault in fec_rules.check([HEAD])] == ["there is no entry"]
    assert [fault.line for fault in fec_rules.check([HEAD, "a\tb\r\n", *LINES])] == [2]


def test_the_export_is_for_administrators(carol: User, alice: User, day: TillDay) -> None:
    address = f"/admin/billing/tillday/fec/?year={clock.today().year}"
    assert signed_in(carol).get(address).status_code == 403
    response = signed_in(alice).get(address)
    assert response.status_code == 200
    assert fec.file_name(clock.today().year) in response["Content-Disposition"]
    content = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    assert list(fec_rules.check(io.StringIO(content, newline=""))) == []


def test_every_account_may_be_named_in_the_settings(settings: Any) -> None:
    settings.BILLING_ACCOUNTS = {"patients": "411100"}
    assert chart.account("patients").number == "411100"
    assert chart.account("cash").number == "531"


def test_every_method_of_payment_has_its_account() -> None:
    assert set(_METHODS) == set(Payment.Method.values)


def test_insurers_refunds_and_write_offs_are_in_the_books(
    carol: User, alice: User, insured: PatientCard, draft: MakeInvoice
) -> None:
    """30 of care, 21 by the fund, 9 by the mutual; 100 of a room, 50 by the mutual, of which the fund's part is paid,
    of the patient's 50 20 are paid and 5 given back, and 10 given up."""
    room = Line("CP", "Chambre", Decimal(1), 10000, complementary_rate=5000)
    care = Line("CS", "Consultation", Decimal(1), 3000, mandatory_rate=7000, complementary_rate=3000)
    invoice = issue_invoice(actor=carol, invoice_id=draft(lines=[care, room], service_date=date(2026, 6, 1)).id)
    pay(carol, invoice, 2100, "fund", method="transfer", payer="mandatory")
    paid = pay(carol, invoice, 2000, "own").payment
    refund(
        actor=carol,
        payment_id=paid.id,
        amount_cents=500,
        method="transfer",
        reason="Trop perçu",
        idempotency_key="back",
        invoice_id=invoice.id,
    )
    write_off(
        actor=alice,
        invoice_id=invoice.id,
        payer="patient",
        amount_cents=1000,
        reason="Remise gracieuse",
        idempotency_key="off",
    )
    found = figures.aged(invoice.due_date)  # type: ignore[arg-type]
    assert [(row[0], row[-1]) for row in found.rows] == [
        ("Patients", 2500),
        ("Complémentaire (AMC) · Mutuelle des Tilleuls", 5900),
    ]
    period = fec.year_period(clock.today().year)
    sums: dict[str, int] = {}
    for entry in entries(period):
        assert entry.balanced
        for line in entry.lines:
            sums[line.account] = sums.get(line.account, 0) + line.debit_cents - line.credit_cents
    assert sums == {"4111": 2500, "4115": 0, "4116": 5900, "706": -13000, "512": 1600, "5115": 2000, "654": 1000}
    statement = account([insured.id], clock.today(), clock.today())
    assert [row.cents for row in statement.movements] == [5000, -2000, 500, -1000]
    assert statement.closing == 2500
