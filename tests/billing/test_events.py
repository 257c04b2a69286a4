"""What billing does when events arrive: once, whatever the broker does."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from billing.models import InboxEntry, Invoice
from billing.services import credit, make_pdf, record_payment
from medisecure.accounts.models import User
from medisecure.kernel import objects, outbox
from medisecure.kernel.databases import BILLING
from medisecure.kernel.events import Event, consumers_of
from medisecure.kernel.ids import new_id
from medisecure.notifications.models import Message, Notice
from patients.interface import PatientCard, PractitionerCard
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES
from tests.support import deliver_events, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def completed(patient: PatientCard, practitioner: PractitionerCard) -> Event:
    return Event(
        new_id(),
        "appointment.completed",
        {
            "appointment_id": str(new_id()),
            "patient_id": str(patient.id),
            "practitioner_id": str(practitioner.id),
            # Half past midnight in Paris: the day of care is the hospital's and not UTC's.
            "start": "2026-06-30T22:30:00+00:00",
            "end": "2026-06-30T23:00:00+00:00",
            "type_code": "consultation",
            "sequence": 3,
        },
    )


def give(event: Event) -> None:
    for found in consumers_of(event.name):
        if found.name.startswith("billing."):
            outbox.consume(found, event)


def test_a_completed_appointment_comes_twice_and_makes_one_draft(
    price_list: None, asha_card: PatientCard, bose_card: PractitionerCard
) -> None:
    event = completed(asha_card, bose_card)
    give(event)
    give(event)
    # The same appointment under another event's id is no second draft either.
    give(Event(new_id(), event.name, event.payload))
    draft = Invoice.objects.get()
    assert (draft.patient_id, draft.practitioner_id, draft.total_cents) == (asha_card.id, bose_card.id, 3000)
    assert str(draft.service_date) == "2026-07-01"
    assert draft.snapshot is None


def test_an_issued_invoice_gets_its_paper_once(issued: MakeInvoice) -> None:
    found = issued()
    event = outbox.pending(BILLING).get()
    deliver_events()
    found.refresh_from_db()
    key = f"invoices/{found.year}/{found.number}-{found.id}.pdf"
    with objects.documents().open(key) as file:
        content = file.read()
    assert (found.pdf_key, found.pdf_sha256) == (key, hashlib.sha256(content).hexdigest())
    assert content.startswith(b"%PDF-")
    # The same event again, and another one for the same invoice.
    for event_id in (event.id, new_id()):
        give(Event(event_id, "invoice.issued", dict(event.payload)))
    again = Invoice.objects.get(id=found.id)
    assert (again.pdf_key, again.version) == (key, found.version)
    # The paper, and that it was sent.
    assert InboxEntry.objects.filter(event_id=event.id).count() == 2


def test_a_worker_killed_after_storing_leaves_one_paper(issued: MakeInvoice, monkeypatch: pytest.MonkeyPatch) -> None:
    found = issued()
    bucket = objects.documents()
    stored: list[str] = []
    real = objects.Bucket.save

    def save(self: objects.Bucket, key: str, *args: Any) -> str:
        stored.append(real(self, key, *args))
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(objects.Bucket, "save", save)
        with pytest.raises(RuntimeError):
            make_pdf(found.id)
    assert Invoice.objects.get(id=found.id).pdf_key == ""
    assert make_pdf(found.id) == stored[0]
    assert bucket.exists(stored[0])


def test_half_a_paper_left_behind_is_not_taken_for_the_whole(issued: MakeInvoice) -> None:
    import io

    found = issued()
    key = f"invoices/{found.year}/{found.number}-{found.id}.pdf"
    objects.documents().save(key, io.BytesIO(b"%PDF-1.7 half"), "application/pdf")
    assert make_pdf(found.id) != key


def test_the_patient_is_told_once_with_a_link_to_the_portal(issued: MakeInvoice, asha: User) -> None:
    found = issued()
    deliver_events()
    [mail] = send_mails()
    assert mail["To"] == asha.email
    assert str(found.number) in mail["Subject"]
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert f"/invoices/{found.id}/" in text
    assert "30,00\xa0€" in text
    assert "Consultation" not in text
    notice = Notice.objects.get(user_id=asha.id)
    assert (notice.kind, notice.url) == ("invoice-issued", f"/invoices/{found.id}/")


def test_a_credit_note_is_announced_as_one(carol: User, issued: MakeInvoice) -> None:
    note = credit(actor=carol, invoice_id=issued().id, reason="Wrong price")
    deliver_events()
    assert Message.objects.filter(subject__contains=str(note.number)).count() == 1
    assert Invoice.objects.filter(pdf_key="").count() == 0


def test_a_patient_without_an_address_gets_no_mail_and_still_a_paper(draft: MakeInvoice, carol: User) -> None:
    from billing.services import issue_invoice
    from patients.interface import Identity, register_patient

    nobody = register_patient(
        actor=None, identity=Identity(family_name="Sans", given_names="Adresse", birth_date=date(1990, 1, 1))
    )
    found = issue_invoice(actor=carol, invoice_id=draft(patient_id=nobody.id).id)
    deliver_events()
    assert not Message.objects.exists()
    assert Invoice.objects.get(id=found.id).pdf_key


def test_a_payment_is_noted_in_the_portal(carol: User, issued: MakeInvoice, asha: User) -> None:
    found = issued()
    record_payment(actor=carol, invoice_id=found.id, amount_cents=3000, method="cash", idempotency_key="k")
    names = deliver_events()
    assert names == ["invoice.issued", "payment.recorded", "invoice.paid"]
    assert set(Notice.objects.filter(user_id=asha.id).values_list("kind", flat=True)) == {
        "invoice-issued",
        "payment-recorded",
    }
    assert isinstance(found.id, UUID)


def test_events_carry_ids_and_no_text(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    record_payment(actor=carol, invoice_id=found.id, amount_cents=3000, method="cash", idempotency_key="k")
    for row in outbox.pending(BILLING):
        assert all(UUID(value) for value in row.payload.values())
