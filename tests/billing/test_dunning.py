"""Reminders: three steps, each once, of what the patient owes of their own and only while nothing holds them back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connections
from pypdf import PdfReader

from billing.dunning_rules import Part, is_broken, next_step, plan_faults
from billing.models import DunningHold, Invoice, Paper, Reminder
from billing.services import bill_to, credit, dunning, issue_invoice, letters
from medisecure.accounts.models import User
from medisecure.kernel import objects
from medisecure.kernel.append_only import AppendOnly
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, InvoiceNotOpen, NotFound, Refused
from medisecure.kernel.transactions import atomic
from medisecure.notifications.models import Message
from patients.interface import PatientCard
from tests.billing.fixtures import MakeInvoice
from tests.billing.test_facturx import COMPANY
from tests.billing.test_payments import pay
from tests.cast import ALL_DATABASES
from tests.support import deliver_events, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAYS = (8, 30, 60)


@pytest.fixture
def clock_at() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def late(clock_at: Any, issued: MakeInvoice) -> Invoice:
    """Issued on 2 March, payable by 1 April; deliveries done."""
    found = issued()
    deliver_events()
    send_mails()
    return found


def go_to(clock_at: Any, days: int) -> None:
    """So many days after the day by which it was to be paid."""
    clock_at.move_to(START + timedelta(days=30 + days))


def letter_of(reminder: Reminder) -> str:
    assert reminder.paper is not None
    with objects.documents().open(reminder.paper.pdf_key) as file:
        pages = PdfReader(io.BytesIO(file.read())).pages
    return " ".join(" ".join(page.extract_text() for page in pages).replace("\xa0", " ").split())


# --- Rules ------------------------------------------------------------------------------------------------------------
def test_each_step_has_its_day_and_its_distance() -> None:
    due = date(2026, 4, 1)

    def step(days: int, made: list[int]) -> int | None:
        return next_step(due, due + timedelta(days=days), [due + timedelta(days=one) for one in made], DAYS)

    assert [step(days, []) for days in (0, 7, 8, 300)] == [None, None, 1, 1]
    assert [step(days, [8]) for days in (8, 29, 30)] == [None, None, 2]
    assert [step(days, [300]) for days in (300, 321, 322)] == [None, None, 2]
    assert [step(days, [8, 30]) for days in (59, 60)] == [None, 3]
    assert step(1000, [8, 30, 60]) is None


def test_a_plan_adds_up_and_lies_ahead() -> None:
    today = date(2026, 4, 1)
    good = [Part(today, 1000), Part(today + timedelta(days=30), 2000)]
    assert plan_faults(good, 3000, today) == []
    assert plan_faults([], 3000, today) == ["none"]
    assert plan_faults(good, 3001, today) == ["sum"]
    assert plan_faults(good[::-1], 3000, today) == ["order"]
    assert plan_faults([Part(today - timedelta(days=1), 3000)], 3000, today) == ["past"]
    assert plan_faults([Part(today, 0), *good[1:]], 2000, today) == ["amount"]
    assert plan_faults([Part(today + timedelta(days=1200), 3000)], 3000, today) == ["too-long"]


def test_a_plan_is_broken_after_some_days_of_grace() -> None:
    parts = [Part(date(2026, 4, 1), 1000), Part(date(2026, 5, 1), 2000)]
    assert not is_broken(parts, 0, date(2026, 4, 6))
    assert is_broken(parts, 999, date(2026, 4, 7))
    assert not is_broken(parts, 1000, date(2026, 4, 7))
    assert is_broken(parts, 1000, date(2026, 5, 7))


# --- Steps ------------------------------------------------------------------------------------------------------------
def test_three_steps_by_mail_and_letter(clock_at: Any, asha: User, asha_card: PatientCard, late: Invoice) -> None:
    titles = []
    for days in (7, 8, 9, 29, 30, 60, 200):
        go_to(clock_at, days)
        dunning.look()
        dunning.look()
        deliver_events()
        titles += [str(mail["Subject"]) for mail in send_mails()]
    assert titles == [
        f"Premier rappel · {late.number}",
        f"Deuxième rappel · {late.number}",
        f"Mise en demeure · {late.number}",
    ]
    found = list(Reminder.objects.order_by("step"))
    assert [row.step for row in found] == [1, 2, 3]
    for row, title in zip(found, ("Rappel de paiement", "Deuxième rappel", "Mise en demeure"), strict=True):
        text = letter_of(row)
        assert title in text
        assert "30,00 €" in text
        assert str(late.number) in text
    assert Paper.objects.filter(kind="reminder").count() == 3


def test_what_was_paid_or_credited_before_the_mail_leaves_is_not_dunned(
    clock_at: Any, carol: User, late: Invoice, issued: MakeInvoice
) -> None:
    other = Invoice.objects.get(id=late.id)
    go_to(clock_at, 8)
    assert dunning.look() == 1
    deliver_events()
    pay(carol, other, 3000)
    assert send_mails() == []
    assert Message.objects.get(template="invoice_reminder").status == "dropped"


def test_what_was_paid_before_the_worker_came_gets_neither_mail_nor_letter(
    clock_at: Any, carol: User, late: Invoice
) -> None:
    go_to(clock_at, 8)
    assert dunning.look() == 1
    credit(actor=carol, invoice_id=late.id, reason="Erreur")
    deliver_events()
    assert not Message.objects.filter(template="invoice_reminder").exists()
    assert not Paper.objects.filter(kind="reminder").exists()
    assert letters.make_letter(Reminder.objects.get().id) is None


def test_only_what_patients_owe_of_their_own(clock_at: Any, carol: User, draft: MakeInvoice, late: Invoice) -> None:
    clock_at.move_to(START)
    made = draft()
    bill_to(actor=carol, invoice_id=made.id, values=COMPANY)
    issue_invoice(actor=carol, invoice_id=made.id)
    draft()
    go_to(clock_at, 8)
    assert dunning.look() == 1
    assert Reminder.objects.get().invoice_id == late.id


def test_a_part_that_came_is_not_asked_for(clock_at: Any, carol: User, late: Invoice) -> None:
    pay(carol, late, 1000)
    go_to(clock_at, 8)
    dunning.look()
    assert Reminder.objects.get().owed_cents == 2000


def test_a_worker_that_died_is_followed_and_nothing_is_sent_twice(
    clock_at: Any, late: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_to(clock_at, 8)
    with monkeypatch.context() as broken:
        broken.setattr(dunning, "emit", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dunning.look()
    # Its event did not come, so the step did not either.
    assert not Reminder.objects.exists()
    assert dunning.look() == 1
    reminder = Reminder.objects.get()
    deliver_events()
    assert letters.make_letter(reminder.id) == letters.make_letter(reminder.id)
    assert len(send_mails()) == 1
    with pytest.raises(DatabaseError), atomic(BILLING):
        Reminder.objects.create(invoice=late, patient_id=late.patient_id, step=1, owed_cents=1)


def test_the_look_asks_as_often_for_many(
    clock_at: Any, issued: MakeInvoice, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    for _number in range(3):
        issued()
    go_to(clock_at, 1)
    with django_assert_num_queries(2, using=BILLING):
        assert dunning.look() == 0


# --- What holds it back -----------------------------------------------------------------------------------------------
def test_a_dispute_holds_reminders_back_until_it_is_over(clock_at: Any, carol: User, late: Invoice) -> None:
    dunning.dispute(actor=carol, invoice_id=late.id, reason="Acte non réalisé")
    with pytest.raises(dunning.OnHold):
        dunning.dispute(actor=carol, invoice_id=late.id, reason="Encore")
    go_to(clock_at, 20)
    assert dunning.look() == 0
    dunning.resume(actor=carol, invoice_id=late.id, reason="Acte confirmé par le service")
    with pytest.raises(NotFound):
        dunning.resume(actor=carol, invoice_id=late.id, reason="Encore")
    assert dunning.look() == 1


def test_a_dispute_after_the_look_stops_the_mail(clock_at: Any, carol: User, late: Invoice) -> None:
    go_to(clock_at, 8)
    dunning.look()
    deliver_events()
    dunning.dispute(actor=carol, invoice_id=late.id, reason="Acte non réalisé")
    assert send_mails() == []


def test_a_plan_that_is_kept_holds_and_a_broken_one_does_not(clock_at: Any, carol: User, late: Invoice) -> None:
    today = START.date()
    parts = [Part(today + timedelta(days=30), 1000), Part(today + timedelta(days=60), 2000)]
    with pytest.raises(Invalid) as caught:
        dunning.agree_plan(actor=carol, invoice_id=late.id, parts=parts[:1], reason="Échelonnement")
    assert set(caught.value.errors) == {"parts"}
    plan = dunning.agree_plan(actor=carol, invoice_id=late.id, parts=parts, reason="Échelonnement")
    go_to(clock_at, 5)
    assert dunning.look() == 0
    pay(carol, late, 1000)
    go_to(clock_at, 34)
    assert dunning.look() == 0
    go_to(clock_at, 36)
    assert dunning.look() == 1
    plan.refresh_from_db()
    assert (plan.ended, plan.holds) == ("broken", None)
    assert Reminder.objects.get().owed_cents == 2000


def test_a_plan_that_was_paid_ends_by_itself(clock_at: Any, carol: User, late: Invoice) -> None:
    dunning.agree_plan(actor=carol, invoice_id=late.id, parts=[Part(START.date(), 3000)], reason="Échelonnement")
    pay(carol, late, 3000)
    dunning.look()
    assert DunningHold.objects.get().ended == "settled"


def test_who_may_hold_reminders_back(
    carol: User, alice: User, dan: User, asha: User, asha_card: PatientCard, dan_card: PatientCard, issued: MakeInvoice
) -> None:
    found = issued()
    for actor in (alice, asha):
        with pytest.raises(Refused):
            dunning.dispute(actor=actor, invoice_id=found.id, reason="Non")
    with pytest.raises(NotFound):
        dunning.dispute(actor=dan, invoice_id=found.id, reason="Non")
    with pytest.raises(Invalid):
        dunning.dispute(actor=carol, invoice_id=found.id, reason=" ")
    pay(carol, found, 3000)
    with pytest.raises(InvoiceNotOpen):
        dunning.dispute(actor=carol, invoice_id=found.id, reason="Trop tard")


# --- Written once -----------------------------------------------------------------------------------------------------
def test_reminders_and_their_letters_are_frozen(clock_at: Any, carol: User, alice: User, late: Invoice) -> None:
    go_to(clock_at, 8)
    dunning.look()
    deliver_events()
    reminder = Reminder.objects.get()
    with pytest.raises(Refused):
        letters.note_posted(actor=alice, reminder_ids=[reminder.id])
    assert letters.note_posted(actor=carol, reminder_ids=[reminder.id]) == 1
    assert letters.note_posted(actor=carol, reminder_ids=[reminder.id]) == 0
    attempts: list[Any] = [
        reminder.save,
        reminder.delete,
        Reminder.objects.all().delete,
        lambda: Reminder.objects.update(owed_cents=1),
        lambda: Reminder.objects.update(printed_at=None, printed_by=None),
    ]
    for attempt in attempts:
        with pytest.raises(AppendOnly):
            attempt()
    hold = dunning.dispute(actor=carol, invoice_id=late.id, reason="Contestée")
    dunning.resume(actor=carol, invoice_id=late.id, reason="Réglée")
    for statement in (
        "UPDATE reminders SET owed_cents = 1",
        "UPDATE reminders SET printed_at = NULL",
        "DELETE FROM reminders",
        "UPDATE dunning_holds SET reason = 'x'",
        "DELETE FROM dunning_holds",
    ):
        with (
            pytest.raises(DatabaseError, match="invoice-issued"),
            atomic(BILLING),
            connections[BILLING].cursor() as cursor,
        ):
            cursor.execute(statement)
    hold.refresh_from_db()
    assert hold.reason == "Contestée"
