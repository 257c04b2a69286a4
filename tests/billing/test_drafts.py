from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from billing import rules
from billing.models import Invoice, Price
from billing.services import create_draft, create_price, discard_draft, draft_for_appointment, edit_draft
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid, InvoiceIssued, NotFound, Refused, Stale
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard, PractitionerCard
from tests.billing.fixtures import CONSULTATION, TELEVISION, MakeInvoice
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def completed(patient_id: UUID, type_code: str = "consultation", day: date = date(2026, 1, 15)) -> Invoice:
    return draft_for_appointment(
        appointment_id=new_id(), patient_id=patient_id, practitioner_id=new_id(), type_code=type_code, service_date=day
    )


def test_a_completed_appointment_is_charged_with_the_price_of_its_type(price_list: None) -> None:
    draft = completed(new_id(), "ecg")
    assert [(item.code, item.total_cents) for item in draft.items.all()] == [("ECG", 1426)]
    assert (draft.status, draft.total_cents, draft.number) == ("draft", 1426, None)


def test_the_price_is_that_of_the_day_of_care(price_list: None) -> None:
    create_price(
        code="CS",
        label_fr="Consultation",
        label_en="Consultation",
        price_cents=3500,
        appointment_type="consultation",
        valid_from=date(2026, 2, 1),
    )
    assert completed(new_id(), day=date(2026, 1, 31)).total_cents == 3000
    assert completed(new_id(), day=date(2026, 2, 1)).total_cents == 3500


def test_a_type_may_be_named_by_the_code_of_its_price(price_list: None) -> None:
    create_price(code="mine", label_fr="Soin", label_en="Care", price_cents=100, valid_from=date(2020, 1, 1))
    assert completed(new_id(), "mine").total_cents == 100


def test_a_type_without_a_price_still_waits_in_the_worklist(price_list: None) -> None:
    draft = completed(new_id(), "unheard-of")
    assert (draft.status, draft.total_cents, draft.items.count()) == ("draft", 0, 0)


def test_a_draft_by_hand_has_its_totals(draft: MakeInvoice) -> None:
    found = draft(lines=[CONSULTATION, TELEVISION])
    assert (found.net_cents, found.vat_cents, found.total_cents) == (3875, 175, 4050)


def test_each_wrong_line_is_named(draft: MakeInvoice) -> None:
    with pytest.raises(Invalid) as caught:
        draft(lines=[CONSULTATION, replace(CONSULTATION, quantity=Decimal(-1), label="")])
    assert set(caught.value.errors) == {"lines.1.quantity", "lines.1.label"}


def test_a_total_beyond_reason_is_refused(draft: MakeInvoice) -> None:
    huge = replace(CONSULTATION, quantity=Decimal(9999), unit_price_cents=rules.MAX_UNIT_PRICE_CENTS)
    with pytest.raises(Invalid):
        draft(lines=[huge])


def test_care_of_tomorrow_cannot_be_charged(draft: MakeInvoice) -> None:
    with pytest.raises(Invalid) as caught:
        draft(service_date=clock.today() + timedelta(days=1))
    assert set(caught.value.errors) == {"service_date"}


def test_a_draft_for_nobody_is_not_made(carol: User) -> None:
    with pytest.raises(NotFound):
        create_draft(actor=carol, patient_id=new_id(), lines=[CONSULTATION])


def test_only_billing_makes_drafts(dr_bose: User, asha: User, asha_card: PatientCard) -> None:
    for actor in (dr_bose, asha):
        with pytest.raises(Refused):
            create_draft(actor=actor, patient_id=asha_card.id, lines=[CONSULTATION])
    assert not Invoice.objects.exists()


def test_an_edit_replaces_the_lines(carol: User, draft: MakeInvoice, bose_card: PractitionerCard) -> None:
    first = draft()
    found = edit_draft(
        actor=carol,
        invoice_id=first.id,
        version=first.version,
        lines=[TELEVISION],
        practitioner_id=bose_card.id,
    )
    assert [item.code for item in found.items.all()] == ["TV"]
    assert (found.total_cents, found.practitioner_id, found.version > first.version) == (1050, bose_card.id, True)


def test_an_edit_of_what_somebody_changed_is_stale(carol: User, draft: MakeInvoice) -> None:
    first = draft()
    edit_draft(actor=carol, invoice_id=first.id, version=first.version, lines=[TELEVISION])
    with pytest.raises(Stale):
        edit_draft(actor=carol, invoice_id=first.id, version=first.version, lines=[CONSULTATION])
    assert Invoice.objects.get(id=first.id).total_cents == 1050


def test_an_issued_invoice_is_not_edited_nor_discarded(carol: User, issued: MakeInvoice) -> None:
    found = issued()
    with pytest.raises(InvoiceIssued):
        edit_draft(actor=carol, invoice_id=found.id, version=found.version, lines=[TELEVISION])
    with pytest.raises(InvoiceIssued):
        discard_draft(actor=carol, invoice_id=found.id, reason="no")


def test_a_discarded_draft_is_kept_with_its_reason(carol: User, draft: MakeInvoice) -> None:
    found = discard_draft(actor=carol, invoice_id=draft().id, reason="  double   entry ")
    assert (found.status, found.reason, found.number) == ("discarded", "double entry", None)


def test_the_audit_entry_names_actor_patient_and_invoice(carol: User, draft: MakeInvoice) -> None:
    found = draft()
    discard_draft(actor=carol, invoice_id=found.id, reason="double entry")
    entry = AccessEntry.objects.filter(resource="invoice", action="discard").get()
    assert (entry.actor_id, entry.patient_id, entry.resource_id) == (carol.id, found.patient_id, str(found.id))
    assert (entry.purpose, entry.right) == ("billing", "role:billing_clerk")


def test_a_new_price_ends_the_one_before() -> None:
    values = {"code": "A", "label_fr": "A", "label_en": "A", "price_cents": 100}
    first = create_price(**values, valid_from=date(2026, 1, 1))  # type: ignore[arg-type]
    create_price(**values, valid_from=date(2026, 7, 1))  # type: ignore[arg-type]
    assert Price.objects.get(id=first.id).valid_until == date(2026, 6, 30)


def test_two_prices_of_one_code_never_overlap() -> None:
    values = {"code": "A", "label_fr": "A", "label_en": "A", "price_cents": 100}
    create_price(**values, valid_from=date(2026, 3, 1), valid_until=date(2026, 3, 31))  # type: ignore[arg-type]
    for start, end in ((date(2026, 3, 31), None), (date(2026, 1, 1), None), (date(2026, 2, 1), date(2026, 3, 1))):
        with pytest.raises(Invalid):
            create_price(**values, valid_from=start, valid_until=end)  # type: ignore[arg-type]
    assert Price.objects.count() == 1


def test_the_clerk_does_not_write_the_price_list(carol: User) -> None:
    with pytest.raises(Refused):
        create_price(actor=carol, code="A", label_fr="A", label_en="A", price_cents=1, valid_from=date(2026, 1, 1))
