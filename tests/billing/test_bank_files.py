"""A bank's file: what names one invoice and pays what is owed is a payment, the rest waits, nothing counts twice."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from billing.models import BankLine, Invoice, Payment
from billing.services import bank_files, bank_lines, credit_cents, record_payment
from billing.services.bank_files import Outcome, cents_of, numbers_in
from billing.verification import Verification, verify
from medisecure.accounts.models import User
from medisecure.kernel.errors import Invalid, NotFound, Refused, Stale
from patients.interface import PatientCard
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def statement(*rows: str, head: str = "Date;Libellé;Référence;Montant") -> str:
    return "\r\n".join(("Compte 123;solde;;1 000,00", head, *rows))


def bring(actor: User | None, text: str) -> bank_files.Plan:
    return bank_files.apply(actor=actor, text=text, digest=bank_files.plan(text).digest)


def outcomes(text: str) -> list[str]:
    return [line.outcome.value for line in bank_files.plan(text).lines]


def now(invoice: Invoice) -> tuple[str, int]:
    found = Invoice.objects.get(id=invoice.id)
    return found.status, found.paid_cents


def books_are_well() -> None:
    assert [finding for finding in verify(Verification()) if finding] == []


def test_number_and_amount_make_a_payment_once(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    text = statement(f"15/01/2026;VIR SEPA MME RAO {found.number};NOTPROVIDED;30,00")
    bring(carol, text)
    assert (now(found), Payment.objects.get().method) == (("paid", 3000), "transfer")
    # The same file again, and the same line in another file.
    assert outcomes(text) == ["known"]
    bring(carol, text)
    bring(carol, statement("14/01/2026;INTERETS;;1,00", *text.splitlines()[2:]))
    assert (Payment.objects.count(), BankLine.objects.count()) == (1, 2)
    books_are_well()


def test_what_does_not_fit_waits_with_its_reason(carol: User, issued: MakeInvoice) -> None:
    first, second, paid = issued(), issued(), issued()
    record_payment(actor=carol, invoice_id=paid.id, amount_cents=3000, method="cash", idempotency_key="k")
    text = statement(
        "15/01/2026;LOYER;;30,00",
        "15/01/2026;F2026-999999;;30,00",
        f"15/01/2026;{first.number};;29,99",
        f"15/01/2026;{first.number} {second.number};;60,00",
        f"15/01/2026;{paid.number};;30,00",
        f"15/01/2026;{first.number};a;30,00",
        f"15/01/2026;{first.number};b;30,00",
        "15/01/2026;FRAIS;;-12,00",
    )
    made = bring(carol, text)
    assert [(line.outcome.value, line.why) for line in made.lines] == [
        ("unmatched", "no-number"),
        ("unmatched", "unknown"),
        ("unmatched", "amount"),
        ("unmatched", "several"),
        ("unmatched", "closed"),
        ("matched", ""),
        ("unmatched", "twice"),
        ("debit", ""),
    ]
    assert (now(first), now(second)) == (("paid", 3000), ("issued", 0))
    assert BankLine.objects.filter(status="open").count() == 6
    books_are_well()


def test_two_lines_alike_are_two_sums(carol: User) -> None:
    text = statement("15/01/2026;DON;;10,00", "15/01/2026;DON;;10,00")
    bring(carol, text)
    assert BankLine.objects.count() == 2
    assert outcomes(text) == ["known", "known"]


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("Date;Libellé;Montant", "15/01/2026;{n};30,00"),
        ("Date opération;Libellé;Débit;Crédit", "15/01/2026;{n};;30,00"),
        ("Booking date,Description,Amount", '2026-01-15,{n},"30.00"'),
        ("date\tlabel\tamount", "2026-01-15\t{n}\t+30.00 €"),
        ("DATE;LIBELLE;REFERENCE;MONTANT(EUR)", "15/01/2026;x;{n};30,00 EUR"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_the_ways_of_banks_are_read(issued: MakeInvoice, head: str, row: str, encoding: str) -> None:
    text = statement(row.format(n=issued().number), head=head).encode(encoding)
    assert outcomes(bank_files.decode(text)) == ["matched"]


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("1 234,56", 123456),
        ("1\u202f234,56 €", 123456),
        ("1.234,56", 123456),
        ("1,234.56", 123456),
        ("12.5", 1250),
        ("-3,00", -300),
        ("+7", 700),
        ("1.234", None),
        ("1.234.56", None),
        ("0.001", None),
        ("1e9", None),
        ("", None),
        ("٣", None),
        ("NaN", None),
    ],
)
def test_amounts_are_read_to_the_cent_or_refused(text: str, cents: int | None) -> None:
    assert cents_of(text) == cents


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_amounts_and_numbers(text: str) -> None:
    assert cents_of(text) is None or isinstance(cents_of(text), int)
    assert all(number.startswith("F") for number in numbers_in(text))


def test_a_number_is_found_as_people_write_it() -> None:
    assert numbers_in("fact f2026 000012, F2026000013 et F2026-000012") == ["F2026-000012", "F2026-000013"]
    assert numbers_in("REF2026-000012 XF2026-000001 F2026-00001") == []


@pytest.mark.parametrize(
    "text", ["", "a;b\n1;2", "Date;Libellé;Montant\n", "\x00\x01", "Date;Montant\n15/01/2026;30,00", "é" * 1_000_001]
)
def test_what_is_no_file_of_a_bank_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        bank_files.plan(text)


def test_refused_lines_are_named_and_the_others_taken(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    text = statement(
        f"31/02/2026;{found.number};;30,00",
        f"15/01/2026;{found.number};;30,001",
        f"15/01/2026;{found.number};;99999999,00",
        f"15/01/2026;{found.number};;30,00",
    )
    made = bring(carol, text)
    assert [line.outcome for line in made.lines] == [Outcome.REFUSED] * 3 + [Outcome.MATCHED]
    assert [line.split(":")[0] for line in bank_files.refused_lines(made)] == ["3", "4", "5"]
    assert now(found) == ("paid", 3000)


def test_what_changed_since_the_preview_is_looked_at_again(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    text = statement(f"15/01/2026;{found.number};;30,00")
    digest = bank_files.plan(text).digest
    record_payment(actor=carol, invoice_id=found.id, amount_cents=1, method="cash", idempotency_key="k")
    with pytest.raises(Stale):
        bank_files.apply(actor=carol, text=text, digest=digest)
    assert not BankLine.objects.exists()


# --- the worklist -----------------------------------------------------------------------------------------------------
def test_a_clerk_assigns_or_sets_aside_once(carol: User, asha_card: PatientCard, issued: MakeInvoice) -> None:
    first, second = issued(), issued()
    bring(carol, statement("15/01/2026;RAO ASHA;;65,00", "15/01/2026;INTERETS;;1,00"))
    line, other = BankLine.objects.order_by("-amount_cents")
    numbers = [first.number or "", second.number or ""]
    with pytest.raises(Invalid):
        bank_lines.assign(actor=carol, line_id=line.id, numbers=numbers, payer="patient")
    with pytest.raises(Invalid):
        bank_lines.assign(actor=carol, line_id=line.id, numbers=["F2026-999999"], payer="patient")
    bank_lines.assign(actor=carol, line_id=line.id, numbers=numbers, payer="patient", keep_rest=True)
    assert (now(first), now(second), credit_cents(asha_card.id)) == (("paid", 3000), ("paid", 3000), 500)
    with pytest.raises(bank_lines.BankLineDecided):
        bank_lines.assign(actor=carol, line_id=line.id, numbers=numbers, payer="patient", keep_rest=True)
    with pytest.raises(Invalid):
        bank_lines.set_aside(actor=carol, line_id=other.id, reason=" ")
    bank_lines.set_aside(actor=carol, line_id=other.id, reason="Interest")
    with pytest.raises(bank_lines.BankLineDecided):
        bank_lines.set_aside(actor=carol, line_id=other.id, reason="Interest")
    books_are_well()


def test_others_neither_see_nor_decide(alice: User, asha: User, dan: User, carol: User) -> None:
    text = statement("15/01/2026;DON;;10,00")
    for actor in (alice, asha, dan):
        with pytest.raises(Refused):
            bank_files.apply(actor=actor, text=text, digest="")
    bring(carol, text)
    line = BankLine.objects.get()
    for actor in (asha, dan):
        with pytest.raises(NotFound):
            bank_lines.set_aside(actor=actor, line_id=line.id, reason="x")
    with pytest.raises(Refused):
        bank_lines.set_aside(actor=alice, line_id=line.id, reason="x")


def test_the_pages_show_confirm_and_decide(
    carol: User, alice: User, issued: MakeInvoice, django_assert_num_queries: Any
) -> None:
    found, later = issued(), issued()
    clerk, boss = Client(), Client()
    for client, user in ((clerk, carol), (boss, alice)):
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    address = reverse("admin:billing_bankline_import")
    assert boss.get(address).status_code == 403
    text = statement(f"15/01/2026;{found.number};;30,00", "15/01/2026;=cmd|RAO;;30,00", "x;y;;z")
    file = SimpleUploadedFile("releve.csv", text.encode("cp1252"), "text/csv")
    shown = clerk.post(address, {"file": file})
    assert (shown.status_code, Payment.objects.count()) == (200, 0)
    confirm = {"text": shown.context["text"], "digest": shown.context["digest"]}
    for _twice in range(2):
        assert clerk.post(address, confirm).status_code in (302, 409)
    assert (now(found), BankLine.objects.filter(status="open").count()) == (("paid", 3000), 1)
    listing = clerk.get(reverse("admin:billing_bankline_changelist") + "?status__exact=open").content.decode()
    assert "RAO" in listing
    line = BankLine.objects.get(status="open")
    decide = reverse("admin:billing_bankline_assign", args=[line.id])
    assert boss.get(decide).status_code == 403
    assert clerk.post(decide, {"numbers": "F1", "payer": "patient"}).status_code == 422
    assert clerk.post(decide, {"numbers": later.number, "payer": "patient"}).status_code == 302
    assert now(later) == ("paid", 3000)
    assert clerk.post(reverse("admin:billing_bankline_aside", args=[line.id]), {"reason": "x"}).status_code == 422
    assert clerk.post(address, {"file": SimpleUploadedFile("a.csv", b"nothing")}).status_code == 422


def test_the_command_takes_a_file_and_says_nothing_of_people(issued: MakeInvoice, tmp_path: Path) -> None:
    found = issued()
    path = tmp_path / "releve.csv"
    path.write_text(statement(f"15/01/2026;RAO {found.number};;30,00", "15/01/2026;RAO;;1,00"), encoding="utf-8")
    out = StringIO()
    call_command("bank_import", str(path), "--dry-run", stdout=out)
    assert not BankLine.objects.exists()
    call_command("bank_import", str(path), stdout=out)
    call_command("bank_import", str(path), stdout=out)
    assert "1 matched, 1 unmatched" in out.getvalue()
    assert "2 known" in out.getvalue()
    assert "RAO" not in out.getvalue()
    path.write_text(statement("x;y;;z"), encoding="utf-8")
    with pytest.raises(SystemExit):
        call_command("bank_import", str(path), stdout=out, stderr=StringIO())
