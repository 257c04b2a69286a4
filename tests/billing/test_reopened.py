"""A visit whose completion was a wrong click: its draft goes, and comes back when it is completed once more."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import permutations

import pytest

from billing.models import Invoice
from billing.services import discard_draft, edit_draft
from medisecure.accounts.models import User
from medisecure.kernel.events import Event
from medisecure.kernel.ids import new_id
from medisecure.notifications.interface import notices_for
from patients.interface import PatientCard, PractitionerCard
from tests.billing.test_events import completed, give
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

Three = tuple[Event, Event, Event]


@pytest.fixture
def three(asha_card: PatientCard, bose_card: PractitionerCard) -> Three:
    """Completed, taken back, completed once more: said in this order."""
    event = completed(asha_card, bose_card)

    def said(name: str) -> Event:
        time.sleep(0.002)  # the ids of events tell their order by the millisecond
        return replace(event, id=new_id(), name=name)

    return said("appointment.completed"), said("appointment.reopened"), said("appointment.completed")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_was_said_last_counts_in_whatever_order_it_arrives(
    price_list: None, three: Three, order: tuple[int, ...]
) -> None:
    for number in order:
        give(three[number])
        give(three[number])
    draft = Invoice.objects.get()
    assert (draft.status, draft.total_cents, draft.reason, str(draft.service_date)) == ("draft", 3000, "", "2026-07-01")


def test_completion_taken_back_leaves_no_draft(price_list: None, three: Three, carol: User) -> None:
    first, back, _last = three
    give(back)
    give(first)
    [row] = Invoice.objects.all()
    assert (row.status, row.reason) == ("discarded", "La visite n’était pas terminée : sa clôture a été annulée.")
    assert notices_for(carol.id) == []


def test_draft_that_a_clerk_worked_on_and_an_invoice_stay_and_the_clerks_are_told(
    price_list: None, three: Three, carol: User
) -> None:
    give(three[0])
    draft = Invoice.objects.get()
    edit_draft(actor=carol, invoice_id=draft.id, version=draft.version, lines=[])
    give(three[1])
    assert Invoice.objects.get().status == "draft"
    [notice] = notices_for(carol.id)
    assert notice.url == f"/admin/billing/invoice/{draft.id}/change/"
    give(three[2])
    assert Invoice.objects.get().total_cents == 0, "the clerk's work is not written over"


def test_what_a_clerk_discarded_stays_discarded(price_list: None, three: Three, carol: User) -> None:
    give(three[0])
    discard_draft(actor=carol, invoice_id=Invoice.objects.get().id, reason="Free of charge")
    give(three[1])
    give(three[2])
    assert Invoice.objects.get().reason == "Free of charge"
    assert notices_for(carol.id) == []
