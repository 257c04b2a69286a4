"""Who pays which part of an invoice: from the patient's insurers to what each still owes."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.apps import apps
from django.db import DatabaseError, connections
from django.test import Client
from django.urls import reverse

from billing import rules, seals
from billing.interface import invoice_card, invoices_for_patient
from billing.models import Invoice, InvoiceShare, Payment, Price
from billing.querysets import PaymentQuerySet
from billing.rules import Line, Payer
from billing.services import (
    create_draft,
    create_price,
    credit,
    draft_for_appointment,
    edit_draft,
    issue_invoice,
    record_payment,
)
from billing.triggers import GUARD
from billing.verification import Problem, Verification, verify
from medisecure.accounts.models import User
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import DraftOutdated, Invalid, InvoiceIssued
from medisecure.kernel.ids import new_id
from medisecure.kernel.models import PinnedQuerySet
from medisecure.kernel.transactions import atomic
from patients.interface import Details, InsurerEntry, PatientCard, save_patient
from patients.models import Patient
from tests.billing.fixtures import MakeInvoice
from tests.billing.test_paper import pdf_of, text_of
from tests.cast import ALL_DATABASES
from tests.support import api, deliver_events

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

CARE = Line("CS", "Consultation", Decimal(1), 3000, mandatory_rate=7000, complementary_rate=3000)
ROOM = Line("CP", "Chambre particulière", Decimal(2), 6500, discount_rate=1000, complementary_rate=5000)
FUND = InsurerEntry(role="mandatory", payer="Caisse de Valmont", ends_on=date(2026, 6, 30))
MUTUAL = InsurerEntry(role="complementary", payer="Mutuelle des Tilleuls")


@pytest.fixture
def insured(rita: User, asha_card: PatientCard) -> PatientCard:
    insure(rita, asha_card, FUND, MUTUAL)
    return asha_card


def insure(actor: User, card: PatientCard, *insurers: InsurerEntry) -> None:
    version = Patient.objects.get(id=card.id).version
    save_patient(actor=actor, patient_id=card.id, version=version, details=Details(insurers=insurers))


def asked(invoice: Invoice) -> list[tuple[str, str, int, int]]:
    rows = InvoiceShare.objects.filter(invoice=invoice)
    return [(row.payer, row.insurer, row.covered_cents, row.amount_cents) for row in rows]


def pay(carol: User, invoice: Invoice, cents: int, payer: str, key: str) -> None:
    record_payment(
        actor=carol, invoice_id=invoice.id, amount_cents=cents, method="transfer", payer=payer, idempotency_key=key
    )


def test_an_invoice_is_shared_between_the_insurers_and_the_patient(insured: PatientCard, issued: MakeInvoice) -> None:
    found = issued(lines=[CARE, ROOM])
    # 30.00 at 70 and 30 %; 117.00 after discount at 50 %.
    assert asked(found) == [
        ("mandatory", "Caisse de Valmont", 2100, 2100),
        ("complementary", "Mutuelle des Tilleuls", 6750, 6750),
        ("patient", "", 5850, 5850),
    ]
    assert (found.total_cents, found.balance_cents, found.insurers_balance_cents) == (14700, 5850, 8850)


def test_insurers_are_those_of_the_day_of_care(insured: PatientCard, issued: MakeInvoice) -> None:
    found = issued(lines=[CARE], service_date=date(2026, 7, 1))
    assert asked(found) == [
        ("complementary", "Mutuelle des Tilleuls", 900, 900),
        ("patient", "", 2100, 2100),
    ]


def test_without_third_party_payment_the_patient_pays_and_the_paper_says_what_comes_back(
    carol: User, insured: PatientCard, draft: MakeInvoice
) -> None:
    found = draft(lines=[CARE], third_party={Payer.MANDATORY: False, Payer.COMPLEMENTARY: True})
    found = issue_invoice(actor=carol, invoice_id=found.id)
    assert [(row.payer, row.covered_cents, row.amount_cents) for row in found.shares.all()] == [
        ("mandatory", 2100, 0),
        ("complementary", 900, 900),
        ("patient", 0, 2100),
    ]
    assert found.snapshot is not None
    assert [row["amount_cents"] for row in found.snapshot["payers"]] == [0, 900, 2100]


def test_what_an_insurer_owes_is_never_the_patients_debt(
    asha: User, carol: User, insured: PatientCard, issued: MakeInvoice
) -> None:
    found = issued(lines=[CARE, ROOM])
    pay(carol, found, 5850, "patient", "p")
    card = invoice_card(actor=asha, invoice_id=found.id)
    assert (card.status, card.balance_cents, card.insurers_balance_cents, card.overdue) == ("issued", 0, 8850, False)
    assert sum(one.balance_cents for one in invoices_for_patient(actor=asha, patient_id=insured.id)) == 0
    body = api(asha).get(f"/api/invoices/{found.id}").json()
    assert (body["balance_cents"], body["insurers_balance_cents"]) == (0, 8850)
    assert [row["balance_cents"] for row in body["shares"]] == [2100, 6750, 0]


def test_late_insurers_do_not_make_the_patient_late(carol: User, insured: PatientCard, issued: MakeInvoice) -> None:
    found = issued(lines=[CARE])
    late = date(2099, 1, 1)
    assert (found.is_overdue(late), found.insurers_overdue(late)) == (False, True)


def test_each_payer_pays_their_own_part_and_no_more(carol: User, insured: PatientCard, issued: MakeInvoice) -> None:
    found = issued(lines=[CARE, ROOM])
    with pytest.raises(Invalid):
        pay(carol, found, 2101, "mandatory", "too-much")
    for payer, cents in (("mandatory", 2100), ("complementary", 6750), ("patient", 5850)):
        assert Invoice.objects.get(id=found.id).status == "issued"
        pay(carol, found, cents, payer, payer)
    assert Invoice.objects.get(id=found.id).status == "paid"
    assert [row for row in verify(Verification()) if row] == []


def test_a_credit_note_mirrors_the_split(carol: User, insured: PatientCard, issued: MakeInvoice) -> None:
    found = issued(lines=[CARE, ROOM])
    note = credit(actor=carol, invoice_id=found.id, reason="Wrong price")
    assert asked(note) == asked(found)
    found.refresh_from_db()
    assert (found.balance_cents, found.insurers_balance_cents, note.balance_cents) == (0, 0, 0)
    assert [row for row in verify(Verification()) if row] == []


def test_a_completed_visit_is_shared_by_the_price_lists_rates(insured: PatientCard) -> None:
    create_price(
        code="CS",
        label_fr="Consultation",
        label_en="Consultation",
        price_cents=3000,
        mandatory_rate=7000,
        complementary_rate=2000,
        appointment_type="consultation",
        valid_from=date(2020, 1, 1),
    )
    found = draft_for_appointment(
        appointment_id=new_id(),
        patient_id=insured.id,
        practitioner_id=new_id(),
        type_code="consultation",
        service_date=date(2026, 1, 15),
    )
    assert [cents for *_rest, cents in asked(found)] == [2100, 600, 300]


def test_an_edit_keeps_what_was_chosen_and_reads_the_insurers_anew(
    carol: User, rita: User, insured: PatientCard, draft: MakeInvoice
) -> None:
    found = draft(lines=[CARE], third_party={Payer.MANDATORY: False})
    insure(rita, insured, FUND)
    edited = edit_draft(
        actor=carol, invoice_id=found.id, version=found.version, lines=[CARE], service_date=date(2026, 1, 15)
    )
    assert asked(edited) == [("mandatory", "Caisse de Valmont", 2100, 0), ("patient", "", 900, 3000)]


# --- what changes while a draft is open -------------------------------------------------------------------------------
def price(cents: int, day: date) -> Price:
    return create_price(code="CS", label_fr="Consultation", label_en="Consultation", price_cents=cents, valid_from=day)


def test_a_price_that_changed_while_the_draft_was_open_is_not_issued_unseen(
    carol: User, asha_card: PatientCard, draft: MakeInvoice
) -> None:
    price(3000, date(2020, 1, 1))
    found = draft()
    price(3200, date(2026, 1, 1))
    with pytest.raises(DraftOutdated) as caught:
        issue_invoice(actor=carol, invoice_id=found.id)
    assert "32,00" in str(caught.value.errors["lines.0.unit_price_cents"][0])
    assert Invoice.objects.get(id=found.id).number is None
    # Looked at and saved again, at the old price or the new one, it goes out.
    edit_draft(
        actor=carol,
        invoice_id=found.id,
        version=found.version,
        lines=[Line("CS", "Consultation", Decimal(1), 3200)],
        service_date=date(2026, 1, 15),
    )
    assert issue_invoice(actor=carol, invoice_id=found.id).total_cents == 3200


def test_insurers_that_changed_while_the_draft_was_open_are_not_passed_over(
    carol: User, rita: User, asha_card: PatientCard, draft: MakeInvoice
) -> None:
    found = draft(lines=[CARE])
    insure(rita, asha_card, FUND)
    with pytest.raises(DraftOutdated) as caught:
        issue_invoice(actor=carol, invoice_id=found.id)
    assert set(caught.value.errors) == {"payers"}


# --- held by the database, and proven ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "values",
    [
        {"amount_cents": -1},
        {"paid_cents": 9999},
        {"written_off_cents": 1, "paid_cents": 3000},
        {"third_party": True},
        {"payer": "mandatory", "third_party": True, "amount_cents": 1},
        {"payer": "mandatory", "third_party": False, "amount_cents": 1},
        {"payer": "stranger"},
    ],
)
def test_the_database_refuses_a_share_that_makes_no_sense(draft: MakeInvoice, values: dict[str, Any]) -> None:
    share = InvoiceShare.objects.get(invoice=draft())
    with pytest.raises(DatabaseError), atomic(BILLING):
        InvoiceShare.objects.filter(id=share.id).update(**values)


def test_shares_of_an_issued_invoice_do_not_change(issued: MakeInvoice) -> None:
    share = InvoiceShare.objects.get(invoice=issued())
    for attempt in (share.save, share.delete, InvoiceShare.objects.all().delete):
        with pytest.raises(InvoiceIssued):
            attempt()
    with pytest.raises(InvoiceIssued):
        InvoiceShare.objects.update(amount_cents=0)
    more = InvoiceShare(invoice=share.invoice, payer="mandatory")
    with pytest.raises(DatabaseError, match="invoice-issued"), atomic(BILLING):
        InvoiceShare.objects.bulk_create([more])


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE invoice_shares SET amount_cents = 1, covered_cents = 1 WHERE payer = 'mandatory'", Problem.SHARES),
        ("UPDATE invoice_shares SET insurer = 'Other' WHERE payer = 'mandatory'", Problem.SEAL),
        ("DELETE FROM invoice_shares WHERE payer = 'mandatory'", Problem.SHARES),
    ],
)
def test_an_altered_share_is_found(insured: PatientCard, issued: MakeInvoice, statement: str, problem: Problem) -> None:
    issued(lines=[CARE])
    GUARD.remove()
    try:
        with atomic(BILLING), connections[BILLING].cursor() as cursor:
            cursor.execute(statement)
        assert next(row.problem for row in verify(Verification()) if row) is problem
    finally:
        GUARD.install()


def test_an_invoice_of_the_patients_alone_is_sealed_as_before_there_were_shares(issued: MakeInvoice) -> None:
    found = Invoice.objects.get(id=issued().id)
    items, shares = list(found.items.all()), list(found.shares.all())
    assert seals.canonical(found, items, shares) == seals.canonical(found, items)
    assert b"share" not in seals.canonical(found, items, shares)
    assert b"discount" not in seals.canonical(found, items, shares)
    assert b"payers" not in seals.canonical(found, items, shares)


def test_the_migration_gives_the_whole_of_every_old_invoice_to_the_patient(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    pay(carol, found, 1000, "patient", "k")
    GUARD.remove()
    try:
        with atomic(BILLING), connections[BILLING].cursor() as cursor:
            cursor.execute("DELETE FROM payment_allocations")
            cursor.execute("DELETE FROM invoice_shares")
            cursor.execute("UPDATE payments SET patient_id = NULL")
        shares = import_module("billing.migrations.0005_shares_of_what_was_there")
        payments = import_module("billing.migrations.0007_allocations_of_what_was_paid")
        editor: Any = type("Editor", (), {"connection": connections[BILLING]})
        for _twice in range(2):
            shares.give_all_to_the_patient(apps, editor)
            with patch.object(PaymentQuerySet, "update", PinnedQuerySet.update):
                payments.allocate(apps, editor)
    finally:
        GUARD.install()
    share = InvoiceShare.objects.get()
    assert (share.payer, share.amount_cents, share.paid_cents) == (Payer.PATIENT.value, 3000, 1000)
    assert Payment.objects.get().patient_id == found.patient_id
    assert [row for row in verify(Verification()) if row] == []


def test_rates_above_the_whole_are_refused(carol: User, asha_card: PatientCard) -> None:
    line = Line("CS", "x", Decimal(1), 3000, mandatory_rate=7000, complementary_rate=3001)
    with pytest.raises(Invalid) as caught:
        create_draft(actor=carol, patient_id=asha_card.id, lines=[line])
    assert set(caught.value.errors) == {"lines.0.complementary_rate"}
    assert rules.WHOLE == 10_000


# --- worklists --------------------------------------------------------------------------------------------------------
def test_the_worklists_part_what_is_to_do(
    carol: User, rita: User, asha_card: PatientCard, draft: MakeInvoice, issued: MakeInvoice, monkeypatch: Any
) -> None:
    drafted, unpaid = draft(), issued()
    insure(rita, asha_card, FUND, MUTUAL)
    shared = issued(lines=[CARE])
    client = Client()
    client.force_login(carol, backend="allauth.account.auth_backends.AuthenticationBackend")

    def listed(worklist: str) -> set[Any]:
        answer: Any = client.get(reverse("admin:billing_invoice_changelist") + f"?worklist={worklist}")
        return {row.id for row in answer.context_data["cl"].result_list}

    assert listed("to-issue") == {drafted.id}
    assert listed("to-send") == {unpaid.id, shared.id}
    # Told by mail, so not for the post; the one without an address waits.
    deliver_events()
    assert listed("to-send") == set()
    Invoice.objects.filter(id=unpaid.id).update(sent_at=None)
    sent = reverse("admin:billing_invoice_sent", args=[unpaid.id])
    assert listed("to-send") == {unpaid.id}
    assert client.post(sent).status_code == 302
    assert listed("to-send") == set()
    assert listed("overdue") == listed("overdue-insurers") == set()
    monkeypatch.setattr("billing.admin.invoices.clock.today", lambda: date(2099, 1, 1))
    assert (listed("overdue"), listed("overdue-insurers")) == ({unpaid.id}, {shared.id})


def test_the_paper_asks_the_patient_for_their_part_alone(
    insured: PatientCard, issued: MakeInvoice, tmp_path: Path
) -> None:
    text = text_of(pdf_of(issued(lines=[CARE, ROOM])), tmp_path)
    # Long names go on below their amount.
    assert re.search(r"Assurance maladie obligatoire \(Caisse de.* 21,00 €", text)
    assert re.search(r"Assurance complémentaire \(Mutuelle.* 67,50 €", text)
    assert "À payer par le patient 58,50 €" in text
    assert "Total TTC 147,00 €" in text
    assert "Remise 13,00 € (10 %)" in text
    assert "Total TTC à payer" not in text
