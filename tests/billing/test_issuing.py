from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.test import override_settings

from billing import legal
from billing.models import Invoice, InvoiceCounter
from billing.services import credit, edit_draft, issue_invoice, record_payment
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, InvoiceIssued, InvoiceNotOpen, NotFound, Refused
from medisecure.kernel.outbox import pending
from patients.interface import PatientCard, PractitionerCard
from patients.models import Patient
from tests.billing.fixtures import CONSULTATION, TELEVISION, MakeInvoice
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def frozen(invoice: Invoice) -> dict[str, Any]:
    """The snapshot as it is in the table."""
    found = Invoice.objects.get(id=invoice.id).snapshot
    assert isinstance(found, dict)
    return found


def events() -> list[str]:
    return [row.name for row in pending(BILLING)]


def test_issuing_gives_number_date_and_due_date(issued: MakeInvoice) -> None:
    with time_machine.travel(datetime(2026, 5, 4, 9, tzinfo=UTC), tick=False):
        first, second = issued(), issued()
    assert (first.number, second.number) == ("F2026-000001", "F2026-000002")
    assert (first.status, first.due_date) == ("issued", date(2026, 6, 3))
    assert events() == ["invoice.issued", "invoice.issued"]


def test_the_year_is_that_of_the_hospitals_wall_clock(issued: MakeInvoice) -> None:
    with time_machine.travel(datetime(2026, 12, 31, 22, 59, tzinfo=UTC), tick=False):
        assert issued(service_date=None).number == "F2026-000001"
    with time_machine.travel(datetime(2026, 12, 31, 23, 1, tzinfo=UTC), tick=False):
        assert issued(service_date=None).number == "F2027-000001"


def test_dates_go_up_with_numbers_when_the_clock_is_set_back(issued: MakeInvoice) -> None:
    with time_machine.travel(datetime(2026, 5, 4, 9, tzinfo=UTC), tick=False):
        first = issued()
    with time_machine.travel(datetime(2026, 5, 4, 8, tzinfo=UTC), tick=False):
        second = issued()
    assert first.issued_at is not None
    assert second.issued_at is not None
    assert second.issued_at >= first.issued_at


def test_people_and_mentions_are_frozen(
    carol: User, draft: MakeInvoice, asha_card: PatientCard, bose_card: PractitionerCard
) -> None:
    first = draft(practitioner_id=bose_card.id, lines=[CONSULTATION, TELEVISION])
    found = issue_invoice(actor=carol, invoice_id=first.id)
    Patient.objects.filter(id=asha_card.id).update(family_name="Changed")
    copy = frozen(found)
    assert copy["patient"] == {
        "name": "Asha Rao",
        "record_number": asha_card.record_number,
        "address": list(asha_card.address_lines),
    }
    assert copy["practitioner"] == "Dr Anil Bose"
    assert copy["mentions"] == {"care": "TVA non applicable, art. 261-4-1° du CGI"}
    assert copy["seller"]["siret"] == legal.SELLER["siret"]


def test_a_hospital_of_its_own_name_issues_under_it(issued: MakeInvoice) -> None:
    with override_settings(BILLING_SELLER={**legal.SELLER, "name": "Hôpital Saint-Exemple"}):
        found = issued()
    assert frozen(found)["seller"]["name"] == "Hôpital Saint-Exemple"


def test_labels_of_the_price_list_are_in_the_patients_language(
    carol: User, draft: MakeInvoice, dan_card: PatientCard, price_list: None
) -> None:
    own = "Avis écrit à la demande du patient"
    lines = [TELEVISION, CONSULTATION, type(CONSULTATION)("CS", own, CONSULTATION.quantity, 100)]
    found = issue_invoice(actor=carol, invoice_id=draft(patient_id=dan_card.id, lines=lines).id)
    assert [item.label for item in found.items.all()] == ["Television rental, per day", "Consultation", own]
    assert frozen(found)["language"] == "en"


def test_a_draft_without_a_line_is_not_issued(carol: User, draft: MakeInvoice) -> None:
    with pytest.raises(Invalid):
        issue_invoice(actor=carol, invoice_id=draft(lines=[]).id)
    assert not InvoiceCounter.objects.exists()


def test_an_invoice_is_issued_once(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    with pytest.raises(InvoiceIssued):
        issue_invoice(actor=carol, invoice_id=found.id)
    assert InvoiceCounter.objects.get().last == 1


def test_an_invoice_over_nothing_is_settled_at_once(draft: MakeInvoice, carol: User) -> None:
    free = type(CONSULTATION)("", "Geste offert", CONSULTATION.quantity, 0)
    found = issue_invoice(actor=carol, invoice_id=draft(lines=[free]).id)
    assert (found.status, events()) == ("paid", ["invoice.issued", "invoice.paid"])


def test_a_failure_after_the_number_gives_it_back(
    carol: User, draft: MakeInvoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = draft(), draft()

    def fail(*args: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr("billing.services.issuing.emit", fail)
        with pytest.raises(RuntimeError):
            issue_invoice(actor=carol, invoice_id=first.id)
    assert Invoice.objects.get(id=first.id).number is None
    assert issue_invoice(actor=carol, invoice_id=second.id).number is not None
    assert [row.sequence for row in Invoice.objects.issued()] == [1]


def test_an_administrator_looks_and_does_not_issue(alice: User, draft: MakeInvoice) -> None:
    with pytest.raises(Refused):
        issue_invoice(actor=alice, invoice_id=draft().id)


@pytest.mark.usefixtures("dan_card")
def test_issuing_is_out_of_sight_for_everybody_else(
    dan: User, dr_bose: User, rita: User, asha: User, draft: MakeInvoice
) -> None:
    first = draft()
    for actor in (dan, dr_bose, rita, asha):
        with pytest.raises(NotFound):
            issue_invoice(actor=actor, invoice_id=first.id)
    assert not AccessEntry.objects.filter(action="issue").exists()


def test_a_credit_note_cancels_in_its_own_series(carol: User, issued: MakeInvoice) -> None:
    found = issued(lines=[CONSULTATION, TELEVISION])
    note = credit(actor=carol, invoice_id=found.id, reason="Wrong price")
    found.refresh_from_db()
    assert (note.kind, note.status, note.credits_id) == ("credit_note", "issued", found.id)
    assert note.number == f"A{note.year}-000001"
    assert (note.net_cents, note.vat_cents, note.total_cents) == (found.net_cents, found.vat_cents, found.total_cents)
    assert (found.status, found.balance_cents, note.balance_cents) == ("credited", 0, 0)
    assert events() == ["invoice.issued", "invoice.issued"]


def test_a_credit_note_says_what_is_to_be_given_back(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    record_payment(
        actor=carol, invoice_id=found.id, amount_cents=1000, method="card", reference="", idempotency_key="k"
    )
    note = credit(actor=carol, invoice_id=found.id, reason="Wrong price")
    assert frozen(note)["credited"]["paid_cents"] == 1000
    assert frozen(note)["credited"]["number"] == found.number


def test_what_is_no_open_invoice_cannot_be_credited(carol: User, draft: MakeInvoice, issued: MakeInvoice) -> None:
    found = issued()
    note = credit(actor=carol, invoice_id=found.id, reason="Wrong price")
    for invoice_id in (draft().id, found.id, note.id):
        with pytest.raises(InvoiceNotOpen):
            credit(actor=carol, invoice_id=invoice_id, reason="Again")
    assert Invoice.objects.filter(kind="credit_note").count() == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201, "a\u202eb"])
def test_a_credit_note_needs_a_reason_that_can_be_printed(carol: User, issued: MakeInvoice, reason: str) -> None:
    with pytest.raises(Invalid):
        credit(actor=carol, invoice_id=issued().id, reason=reason)


def test_a_draft_edited_meanwhile_is_issued_as_it_is_now(carol: User, draft: MakeInvoice) -> None:
    first = draft()
    edit_draft(actor=carol, invoice_id=first.id, version=first.version, lines=[TELEVISION])
    assert issue_invoice(actor=carol, invoice_id=first.id).total_cents == 1050


def test_totals_of_the_paper_follow_from_its_lines(carol: User, draft: MakeInvoice) -> None:
    first = draft()
    # Something wrote a wrong total on the draft.
    Invoice.objects.filter(id=first.id).update(net_cents=1, total_cents=1)
    assert issue_invoice(actor=carol, invoice_id=first.id).total_cents == 3000


def test_overdue_starts_the_day_after_the_due_date(issued: MakeInvoice) -> None:
    found = issued()
    assert found.due_date is not None
    assert not found.is_overdue(found.due_date)
    assert found.is_overdue(found.due_date + timedelta(days=1))
    assert isinstance(found.id, UUID)
