from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import Invoice, Payment
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from patients.interface import PatientCard
from tests.billing.fixtures import CONSULTATION, TELEVISION, MakeInvoice
from tests.cast import ALL_DATABASES
from tests.support import deliver_events

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

SignedIn = Callable[[User], Client]
LIST = "admin:billing_invoice_changelist"
INLINE = re.compile(
    rb"<style|<script(?![^>]*\bsrc=)(?![^>]*type=\"(?:application/json|text/template)\")|\sstyle=|\son\w+=\"", re.I
)


@pytest.fixture
def signed_in() -> SignedIn:
    def make(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return make


def page(name: str, invoice: Invoice) -> str:
    return reverse(f"admin:billing_invoice_{name}", args=[invoice.id])


def lines(invoice: Invoice, *rows: dict[str, Any]) -> dict[str, Any]:
    """The form of a draft with these lines, the ones it has first."""
    items = list(invoice.items.all())
    data: dict[str, Any] = {
        "version": invoice.version,
        "service_date": "15/01/2026",
        "practitioner_id": "",
        "items-TOTAL_FORMS": max(len(rows), len(items)),
        "items-INITIAL_FORMS": len(items),
        "items-MIN_NUM_FORMS": 0,
        "items-MAX_NUM_FORMS": 1000,
    }
    for index, row in enumerate(rows):
        data |= {f"items-{index}-{name}": value for name, value in row.items()}
        if index < len(items):
            data[f"items-{index}-id"] = str(items[index].id)
            data[f"items-{index}-invoice"] = str(invoice.id)
    return data


def row(item: Any = CONSULTATION, **change: Any) -> dict[str, Any]:
    values = {
        "code": item.code,
        "label": item.label,
        "quantity": str(item.quantity).replace(".", ","),
        "unit_price": f"{item.unit_price_cents / 100:.2f}".replace(".", ","),
        "vat": str(item.vat_rate) if item.vat_rate else "care",
    }
    return values | change


def test_the_list_shows_worklists_and_asks_the_same_for_one_and_many(
    carol: User, signed_in: SignedIn, draft: MakeInvoice, issued: MakeInvoice
) -> None:
    client = signed_in(carol)
    draft()
    client.get(reverse(LIST))
    with CaptureQueriesContext(connections[BILLING]) as few:
        response = client.get(reverse(LIST))
    assert response.status_code == 200
    assert "Asha Rao" in response.content.decode()
    for _ in range(6):
        issued()
    with CaptureQueriesContext(connections[BILLING]) as many:
        client.get(reverse(LIST))
    assert len(few) == len(many)


def test_worklists_find_what_is_to_be_done(
    carol: User, signed_in: SignedIn, draft: MakeInvoice, issued: MakeInvoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, waiting, open_one = signed_in(carol), draft(), issued()

    def found(worklist: str) -> set[Any]:
        rows = client.get(reverse(LIST), {"worklist": worklist}).context["cl"].result_list
        return {item.id for item in rows}

    assert found("to-issue") == {waiting.id}
    assert found("unpaid") == {open_one.id}
    assert found("overdue") == set()
    later = clock.today() + timedelta(days=31)
    monkeypatch.setattr("billing.admin.invoices.clock.today", lambda: later)
    assert found("overdue") == {open_one.id}


def test_pages_have_no_inline_script_or_style(
    carol: User, signed_in: SignedIn, draft: MakeInvoice, issued: MakeInvoice
) -> None:
    client, first, second = signed_in(carol), draft(), issued()
    paths = [
        reverse(LIST),
        reverse("admin:billing_invoice_add"),
        page("change", first),
        page("change", second),
        page("issue", first),
        page("discard", first),
        page("payment", second),
        page("credit", second),
    ]
    for path in paths:
        response = client.get(path)
        assert response.status_code == 200, path
        assert not INLINE.search(response.content), (path, INLINE.search(response.content))


def test_looking_at_an_invoice_is_audited(carol: User, signed_in: SignedIn, issued: MakeInvoice) -> None:
    found = issued()
    signed_in(carol).get(page("change", found))
    assert AccessEntry.objects.filter(actor_id=carol.id, action="view", resource_id=str(found.id)).count() == 1


def test_an_issued_invoice_is_read_only_and_nothing_is_deleted(
    carol: User, signed_in: SignedIn, issued: MakeInvoice
) -> None:
    client, found = signed_in(carol), issued()
    body = client.get(page("change", found)).content.decode()
    assert 'name="_save"' not in body
    assert 'name="items-0-label"' not in body
    assert client.post(page("change", found), lines(found, row())).status_code == 403
    assert client.post(reverse("admin:billing_invoice_delete", args=[found.id])).status_code == 403
    assert "delete_selected" not in client.get(reverse(LIST)).content.decode()


def test_lines_of_a_draft_are_edited_in_euros(carol: User, signed_in: SignedIn, draft: MakeInvoice) -> None:
    client, found = signed_in(carol), draft()
    data = lines(found, row(unit_price="31,50"), row(TELEVISION))
    response = client.post(page("change", found), data)
    assert response.status_code == 302, response.context["errors"]
    found.refresh_from_db()
    assert [(item.unit_price_cents, item.vat_rate) for item in found.items.all()] == [(3150, 0), (350, 2000)]
    assert found.total_cents == 3150 + 1050


def test_a_code_of_the_price_list_fills_the_rest(
    carol: User, signed_in: SignedIn, draft: MakeInvoice, price_list: None
) -> None:
    client, found = signed_in(carol), draft()
    data = lines(found, row(), {"code": "TV", "label": "", "quantity": "2", "unit_price": "", "vat": ""})
    assert client.post(page("change", found), data).status_code == 302
    item = found.items.get(code="TV")
    assert (item.label, item.unit_price_cents, item.vat_rate) == ("Location d’un téléviseur, par jour", 350, 2000)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quantity": "-1"}, "quantity"),
        ({"quantity": "0,0001"}, "quantity"),
        ({"unit_price": "-5"}, "unit_price"),
        ({"unit_price": "0,001"}, "unit_price"),
        ({"unit_price": "10000000"}, "unit_price"),
        ({"unit_price": ""}, "unit_price"),
        ({"label": ""}, "label"),
    ],
)
def test_a_line_that_cannot_be_is_shown_with_its_fault(
    carol: User, signed_in: SignedIn, draft: MakeInvoice, change: dict[str, str], field: str
) -> None:
    client, found = signed_in(carol), draft()
    response = client.post(page("change", found), lines(found, row(**change)))
    assert response.status_code == 200
    formset = response.context["inline_admin_formsets"][0].formset
    assert field in formset.forms[0].errors
    assert Invoice.objects.get(id=found.id).total_cents == 3000


def test_a_stale_form_changes_nothing(carol: User, signed_in: SignedIn, draft: MakeInvoice) -> None:
    client, found = signed_in(carol), draft()
    data = lines(found, row(unit_price="31,00"))
    assert client.post(page("change", found), data).status_code == 302
    client.post(page("change", found), data | {"items-0-unit_price": "99,00"})
    assert Invoice.objects.get(id=found.id).total_cents == 3100


def test_a_draft_by_hand(carol: User, signed_in: SignedIn, asha_card: PatientCard) -> None:
    client = signed_in(carol)
    data = lines(Invoice(version=1), row()) | {"patient_id": str(asha_card.id)}
    response = client.post(reverse("admin:billing_invoice_add"), data)
    assert response.status_code == 302, response.context["errors"]
    made = Invoice.objects.get()
    assert (made.patient_id, made.total_cents, made.status) == (asha_card.id, 3000, "draft")


def test_issuing_asks_first(carol: User, signed_in: SignedIn, draft: MakeInvoice) -> None:
    client, found = signed_in(carol), draft()
    assert client.get(page("issue", found)).status_code == 200
    assert Invoice.objects.get(id=found.id).status == "draft"
    assert client.post(page("issue", found)).status_code == 302
    assert Invoice.objects.get(id=found.id).status == "issued"
    assert client.post(page("issue", found)).status_code == 422


def test_the_action_asks_first_and_names_what_it_could_not_issue(
    carol: User, signed_in: SignedIn, draft: MakeInvoice
) -> None:
    client, good, empty = signed_in(carol), draft(), draft(lines=[])
    data = {"action": "issue_selected", "_selected_action": [str(good.id), str(empty.id)]}
    assert client.post(reverse(LIST), data).status_code == 200
    assert not Invoice.objects.issued().exists()
    client.post(reverse(LIST), data | {"confirmed": "1"})
    assert [item.id for item in Invoice.objects.issued()] == [good.id]


def test_the_button_pressed_twice_takes_one_payment(carol: User, signed_in: SignedIn, issued: MakeInvoice) -> None:
    client, found = signed_in(carol), issued()
    form = client.get(page("payment", found)).context["form"]
    data = {"amount": "10,00", "payer": "patient", "method": "cash", "reference": "", "key": str(form.initial["key"])}
    for _ in range(2):
        assert client.post(page("payment", found), data).status_code == 302
    assert [payment.amount_cents for payment in Payment.objects.all()] == [1000]
    response = client.post(page("payment", found), data | {"amount": "50,00", "key": str(found.id)})
    assert (response.status_code, bool(response.context["faults"])) == (422, True)


def test_a_credit_note_asks_for_a_reason(carol: User, signed_in: SignedIn, issued: MakeInvoice) -> None:
    client, found = signed_in(carol), issued()
    assert client.post(page("credit", found), {"reason": ""}).status_code == 422
    assert client.post(page("credit", found), {"reason": "Wrong price"}).status_code == 302
    assert Invoice.objects.get(id=found.id).status == "credited"


def test_the_pdf_link_leads_to_the_paper_once_it_is_made(carol: User, signed_in: SignedIn, issued: MakeInvoice) -> None:
    client, found = signed_in(carol), issued()
    assert client.get(page("pdf", found))["Location"] == page("change", found)
    deliver_events()
    assert client.get(page("pdf", found))["Location"] != page("change", found)
    assert page("pdf", found) in client.get(page("change", found)).content.decode()


@pytest.mark.parametrize("name", ["change", "issue", "payment", "credit", "discard", "pdf"])
def test_other_staff_find_no_invoices(
    dr_bose: User, rita: User, signed_in: SignedIn, issued: MakeInvoice, name: str
) -> None:
    found = issued()
    for user in (dr_bose, rita):
        client = signed_in(user)
        assert client.get(page(name, found)).status_code == 404
        assert client.get(reverse(LIST)).status_code == 403


@pytest.mark.parametrize("spell", [str, lambda number: f" {number[:4].lower()} {number[4:]} "])
def test_a_draft_is_for_the_patient_of_a_record_number(
    carol: User, asha_card: PatientCard, signed_in: SignedIn, spell: Callable[[str], str]
) -> None:
    data = lines(Invoice(version=1), row()) | {"patient_id": spell(asha_card.record_number)}
    assert signed_in(carol).post("/admin/billing/invoice/add/", data).status_code == 302
    assert Invoice.objects.get().patient_id == asha_card.id


@pytest.mark.parametrize("text", ["P000000019", "P99999999X", "Asha", "0190b6a0-0000-7000-8000-000000000000"])
def test_a_record_number_of_nobody_is_a_field_error(carol: User, signed_in: SignedIn, text: str) -> None:
    answer = signed_in(carol).post(
        "/admin/billing/invoice/add/", lines(Invoice(version=1), row()) | {"patient_id": text}
    )
    assert answer.status_code == 200
    assert "patient_id" in answer.context["adminform"].form.errors
    assert not Invoice.objects.exists()


def test_patients_do_not_enter(dan: User, signed_in: SignedIn, issued: MakeInvoice) -> None:
    response = signed_in(dan).get(page("change", issued()))
    assert response.status_code in (302, 403)


def test_an_administrator_looks_and_is_offered_nothing(alice: User, signed_in: SignedIn, issued: MakeInvoice) -> None:
    client, found = signed_in(alice), issued()
    body = client.get(page("change", found)).content.decode()
    assert page("payment", found) not in body
    assert client.post(page("payment", found), {}).status_code == 403
    assert not Payment.objects.exists()
