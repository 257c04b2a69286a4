"""The pages of papers, buyers and reminders, for staff and in the portal."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from pypdf import PdfReader

from billing.admin.dunning import monthly
from billing.models import Buyer, DunningHold, Invoice, Paper, Reminder
from billing.services import bill_to, dunning, issue_invoice
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from patients.interface import PatientCard
from tests.billing.fixtures import MakeInvoice
from tests.billing.test_books import signed_in
from tests.billing.test_facturx import COMPANY
from tests.billing.test_payments import pay
from tests.cast import ALL_DATABASES
from tests.support import deliver_events

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

#: How an address begins that the storage signs, or embedded we ourselves.
SIGNED = settings.S3["public_endpoint"] if settings.S3 else "/files/"


@pytest.fixture
def desk(carol: User) -> Client:
    return signed_in(carol)


@pytest.fixture
def reminded(issued: MakeInvoice) -> Reminder:
    found = issued()
    with time_machine.travel(clock.now() + timedelta(days=40)):
        dunning.look()
        deliver_events()
    return Reminder.objects.get(invoice=found)


def test_a_draft_is_made_out_to_a_company_and_back(desk: Client, draft: MakeInvoice) -> None:
    made = draft()
    address = f"/admin/billing/paper/buyer/{made.id}/"
    assert address in desk.get(f"/admin/billing/invoice/{made.id}/change/").content.decode()
    wrong = desk.post(address, COMPANY | {"registration": "123"})
    assert wrong.status_code == 422
    assert "SIREN" in wrong.content.decode()
    assert desk.post(address, COMPANY).status_code == 302
    assert COMPANY["name"] in desk.get(address).content.decode().replace("&amp;", "&")
    assert desk.post(address, {"country": "FR"}).status_code == 302
    assert not Buyer.objects.exists()


def test_the_clerk_makes_a_statement(desk: Client, issued: MakeInvoice, asha_card: PatientCard) -> None:
    issued()
    address = f"/admin/billing/paper/statement/?patient={asha_card.id}"
    assert asha_card.record_number in desk.get(address).content.decode()
    days = {"patient": asha_card.record_number, "first": clock.today().isoformat(), "last": clock.today().isoformat()}
    assert desk.post(address, days).status_code == 302
    paper = Paper.objects.get(kind="statement")
    listed = desk.get("/admin/billing/paper/").content.decode()
    assert f"/admin/billing/paper/{paper.id}/pdf/" in listed
    assert desk.get(f"/admin/billing/paper/{paper.id}/pdf/").status_code == 302
    assert desk.post(address, days | {"last": "2001-01-01"}).status_code == 422


def test_letters_are_printed_as_one_file_and_noted(desk: Client, reminded: Reminder, carol: User) -> None:
    address = "/admin/billing/reminder/"
    listed = desk.get(f"{address}?letters=to-post").content.decode()
    assert str(reminded.invoice.number) in listed
    chosen = {"action": "print_letters", "_selected_action": [str(reminded.id)]}
    printed = desk.post(address, chosen)
    assert len(PdfReader(io.BytesIO(printed.content)).pages) == 1
    assert AccessEntry.objects.filter(action="download", actor_id=carol.id).exists()
    asked = desk.post(address, chosen | {"action": "note_posted"})
    assert 'name="confirmed"' in asked.content.decode()
    assert Reminder.objects.get().printed_at is None
    desk.post(address, chosen | {"action": "note_posted", "confirmed": "1"})
    assert Reminder.objects.get().printed_at is not None
    assert str(reminded.id) not in desk.get(f"{address}?letters=to-post").content.decode()


def test_what_was_settled_is_not_to_be_posted(desk: Client, reminded: Reminder, carol: User) -> None:
    pay(carol, reminded.invoice, 3000)
    assert str(reminded.id) not in desk.get("/admin/billing/reminder/?letters=to-post").content.decode()


def test_reminders_are_held_back_and_taken_up_on_the_invoices_page(desk: Client, issued: MakeInvoice) -> None:
    found = issued()
    course = f"/admin/billing/reminder/invoice/{found.id}/"
    assert course in desk.get(f"/admin/billing/invoice/{found.id}/change/").content.decode()
    assert desk.post(f"{course}dispute/", {"reason": " "}).status_code == 422
    assert desk.post(f"{course}dispute/", {"reason": "Acte non réalisé"}).status_code == 302
    page = desk.get(course).content.decode()
    assert "Acte non réalisé" in page
    assert f"{course}resume/" in page
    assert f"{course}plan/" not in page
    assert desk.post(f"{course}resume/", {"reason": "Confirmé"}).status_code == 302
    plan = {"first": clock.today().isoformat(), "count": "4", "reason": "Échelonnement"}
    assert desk.post(f"{course}plan/", plan).status_code == 302
    parts = DunningHold.objects.get(kind="plan").instalments.all()
    assert [part.amount_cents for part in parts] == [750] * 4
    assert desk.post(f"{course}plan/", plan).status_code == 422


def test_instalments_keep_to_the_month_and_add_up() -> None:
    from datetime import date

    parts = monthly(1000, date(2026, 1, 31), 3)
    assert [(part.due_on, part.cents) for part in parts] == [
        (date(2026, 1, 31), 334),
        (date(2026, 2, 28), 333),
        (date(2026, 3, 31), 333),
    ]


def test_nobody_else_enters_these_pages(
    alice: User, rita: User, dr_bose: User, dan: User, asha_card: PatientCard, reminded: Reminder
) -> None:
    invoice = reminded.invoice_id
    pages = [
        ("reminder/", 200),
        (f"reminder/{reminded.id}/letter/", 302),
        (f"reminder/invoice/{invoice}/", 200),
        (f"reminder/invoice/{invoice}/dispute/", 403),
        ("paper/", 200),
        ("paper/statement/", 200),
        ("tillday/", 200),
        ("tillday/open/", 403),
        ("till/", 200),
    ]
    for address, status in pages:
        assert signed_in(alice).get(f"/admin/billing/{address}").status_code == status, address
        for user in (rita, dr_bose):
            assert signed_in(user).get(f"/admin/billing/{address}").status_code in (403, 404), address
        answer = signed_in(dan).get(f"/admin/billing/{address}")
        assert answer.status_code == 302
        assert "login" in answer["Location"]


def test_lists_ask_as_often_for_many(
    desk: Client, carol: User, issued: MakeInvoice, django_assert_max_num_queries: Any
) -> None:
    for number in range(3):
        pay(carol, issued(), 1000, f"key-{number}")
    deliver_events()
    with time_machine.travel(clock.now() + timedelta(days=40)):
        dunning.look()
        deliver_events()
    for address in ("paper/", "reminder/"):
        with django_assert_max_num_queries(10, using="billing"):
            assert desk.get(f"/admin/billing/{address}").status_code == 200


def test_the_patient_downloads_receipts_and_statements(
    carol: User, asha: User, dan: User, dan_card: PatientCard, issued: MakeInvoice
) -> None:
    found = issued()
    payment = pay(carol, found, 1000).payment
    portal = signed_in(asha)
    address = f"/invoices/{found.id}/receipts/{payment.id}/"
    assert portal.get(address)["Location"] == f"/invoices/{found.id}/"
    deliver_events()
    assert address in portal.get(f"/invoices/{found.id}/").content.decode()
    assert SIGNED in portal.get(address)["Location"]
    assert portal.get(f"/invoices/{found.id}/receipts/{uuid4()}/").status_code == 404
    days = {"first": clock.today().isoformat(), "last": clock.today().isoformat()}
    assert SIGNED in portal.post("/invoices/statement/", days)["Location"]
    refused = portal.post("/invoices/statement/", days | {"last": "2001-01-01"})
    assert refused.status_code == 422
    assert re.search(r'class="errorlist[^"]*"', refused.content.decode())
    outsider = signed_in(dan)
    assert outsider.get(address).status_code == 404
    outsider.post("/invoices/statement/", days)
    assert [paper.patient_id for paper in Paper.objects.filter(kind="statement").order_by("id")][1:] == [dan_card.id]


def test_what_a_company_pays_is_no_debt_of_the_patients(carol: User, asha: User, draft: MakeInvoice) -> None:
    made = draft()
    bill_to(actor=carol, invoice_id=made.id, values=COMPANY)
    found: Invoice = issue_invoice(actor=carol, invoice_id=made.id)
    page = signed_in(asha).get(f"/invoices/{found.id}/").content.decode()
    assert "Société d’Exemple" in page
    listed = signed_in(asha).get("/invoices/").content.decode()
    assert re.search(r'class="sum"', listed) is None
