from __future__ import annotations

from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from billing.models import Invoice
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.databases import BILLING, DEFAULT
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard
from tests.billing.fixtures import CONSULTATION, TELEVISION, MakeInvoice
from tests.cast import ALL_DATABASES
from tests.support import api, deliver_events, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

PAYMENT = {"amount_cents": 1000, "method": "card", "reference": "T-1"}


def results(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def test_patients_list_their_own_issued_invoices(
    asha: User, dan: User, dan_card: PatientCard, draft: MakeInvoice, issued: MakeInvoice
) -> None:
    mine, _mine_to_be, his = issued(), draft(), issued(patient_id=dan_card.id)
    assert results(api(asha).get("/api/invoices")) == [str(mine.id)]
    assert results(api(dan).get("/api/invoices")) == [str(his.id)]
    assert results(api(asha).get(f"/api/invoices?patient={dan_card.id}")) == []
    assert results(api(asha).get("/api/invoices?status=draft")) == []


def test_the_clerk_lists_all_and_filters(
    carol: User, asha_card: PatientCard, dan_card: PatientCard, draft: MakeInvoice, issued: MakeInvoice
) -> None:
    first, second, third = draft(), issued(), issued(patient_id=dan_card.id)
    client = api(carol)
    assert results(client.get("/api/invoices")) == [str(row.id) for row in (third, second, first)]
    assert results(client.get("/api/invoices?status=draft")) == [str(first.id)]
    assert len(results(client.get("/api/invoices?status=draft&status=issued"))) == 3
    assert results(client.get(f"/api/invoices?patient={dan_card.id}")) == [str(third.id)]
    page = client.get("/api/invoices?page=2&page_size=1").json()
    assert (page["count"], len(page["results"]), page["results"][0]["id"]) == (3, 1, str(second.id))


@pytest.mark.parametrize("query", ["status=nonsense", "patient=42", "patient="])
def test_a_filter_that_cannot_be_is_named(carol: User, query: str) -> None:
    body = problem(api(carol).get(f"/api/invoices?{query}"), 422, "invalid")
    assert set(body["errors"]) == {query.split("=")[0]}


def test_a_look_is_audited_before_it_is_answered(asha: User, carol: User, issued: MakeInvoice) -> None:
    found = issued()
    AccessEntry.objects.all()
    api(asha).get(f"/api/invoices/{found.id}")
    api(carol).get(f"/api/invoices/{found.id}")
    rows = AccessEntry.objects.filter(resource="invoice", action="view").order_by("id")
    assert [(row.actor_id, row.purpose, row.right) for row in rows] == [
        (asha.id, "self", "self"),
        (carol.id, "billing", "role:billing_clerk"),
    ]


def test_one_invoice_has_lines_payments_and_balance(asha: User, carol: User, issued: MakeInvoice) -> None:
    found = issued(lines=[CONSULTATION, TELEVISION])
    api(carol).post(f"/api/invoices/{found.id}/payments", PAYMENT, format="json")
    body = api(asha).get(f"/api/invoices/{found.id}").json()
    assert (body["number"], body["total_cents"], body["paid_cents"], body["balance_cents"]) == (
        found.number,
        4050,
        1000,
        3050,
    )
    assert [(item["code"], item["quantity"], item["total_cents"]) for item in body["items"]] == [
        ("CS", "1.000", 3000),
        ("TV", "2.500", 1050),
    ]
    assert [row["amount_cents"] for row in body["payments"]] == [1000]


def test_issue_pay_and_close(carol: User, draft: MakeInvoice) -> None:
    client, path = api(carol), f"/api/invoices/{draft().id}"
    body = client.post(f"{path}/issue").json()
    assert (body["status"], body["number"][:1]) == ("issued", "F")
    problem(client.post(f"{path}/issue"), 409, "invoice-issued")
    response = client.post(f"{path}/payments", PAYMENT | {"amount_cents": 3000}, format="json")
    assert response.status_code == 201
    assert client.get(path).json()["status"] == "paid"


def test_a_draft_without_lines_answers_422(carol: User, draft: MakeInvoice) -> None:
    body = problem(api(carol).post(f"/api/invoices/{draft(lines=[]).id}/issue"), 422, "invalid")
    assert set(body["errors"]) == {"lines"}


def test_a_payment_sent_twice_with_its_key_is_one(carol: User, issued: MakeInvoice) -> None:
    client, path = api(carol), f"/api/invoices/{issued().id}/payments"
    first = client.post(path, PAYMENT, format="json", HTTP_IDEMPOTENCY_KEY="abc")
    again = client.post(path, PAYMENT, format="json", HTTP_IDEMPOTENCY_KEY="abc")
    assert (first.status_code, again.status_code, first.json() == again.json()) == (201, 200, True)
    other = client.post(path, PAYMENT | {"amount_cents": 1001}, format="json", HTTP_IDEMPOTENCY_KEY="abc")
    assert set(problem(other, 422, "invalid")["errors"]) == {"idempotency_key"}


def test_two_payments_without_a_key_are_two(carol: User, issued: MakeInvoice) -> None:
    client, found = api(carol), issued()
    for _ in range(2):
        assert client.post(f"/api/invoices/{found.id}/payments", PAYMENT, format="json").status_code == 201
    assert Invoice.objects.get(id=found.id).paid_cents == 2000


@pytest.mark.parametrize(
    "change",
    [
        {"amount_cents": 0},
        {"amount_cents": -5},
        {"amount_cents": 3001},
        {"amount_cents": 10**30},
        {"amount_cents": 10.5},
        {"amount_cents": 10.0},
        {"amount_cents": "1000"},
        {"amount_cents": True},
        {"amount_cents": None},
        {"method": "shells"},
        {"reference": "x" * 101},
    ],
)
def test_a_payment_that_cannot_be_is_named(carol: User, issued: MakeInvoice, change: dict[str, Any]) -> None:
    response = api(carol).post(f"/api/invoices/{issued().id}/payments", PAYMENT | change, format="json")
    assert set(problem(response, 422, "invalid")["errors"]) == set(change)


def test_a_body_that_is_no_object_is_refused(carol: User, issued: MakeInvoice) -> None:
    response = api(carol).post(f"/api/invoices/{issued().id}/payments", [1], format="json")
    problem(response, 422, "invalid")


def test_credit_answers_with_the_credit_note(carol: User, issued: MakeInvoice) -> None:
    client, found = api(carol), issued()
    response = client.post(f"/api/invoices/{found.id}/credit", {"reason": "Wrong price"}, format="json")
    assert response.status_code == 201
    assert (response.json()["kind"], response.json()["credits_id"]) == ("credit_note", str(found.id))
    again = client.post(f"/api/invoices/{found.id}/credit", {"reason": "Again"}, format="json")
    problem(again, 409, "invoice-not-open")
    problem(client.post(f"/api/invoices/{found.id}/credit", {}, format="json"), 422, "invalid")


def test_the_pdf_is_announced_and_then_served(asha: User, issued: MakeInvoice) -> None:
    client, found = api(asha), issued()
    response = client.get(f"/api/invoices/{found.id}/pdf")
    problem(response, 409, "pdf-not-ready")
    assert int(response["Retry-After"]) > 0
    deliver_events()
    response = client.get(f"/api/invoices/{found.id}/pdf")
    assert response.status_code == 302
    assert AccessEntry.objects.filter(action="download", resource_id=str(found.id), actor_id=asha.id).count() == 1


def test_the_signed_address_serves_the_pdf_to_whoever_holds_it(asha: User, issued: MakeInvoice, client: Any) -> None:
    from django.conf import settings

    found = issued()
    deliver_events()
    url = api(asha).get(f"/api/invoices/{found.id}/pdf")["Location"]
    if settings.S3 is not None:
        pytest.skip("the storage itself serves it")
    response = client.get(url.removeprefix(settings.PUBLIC_URL))
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    assert f'filename="{found.number}.pdf"' in response["Content-Disposition"]
    assert b"".join(response.streaming_content).startswith(b"%PDF-")


ENDPOINTS = [
    ("get", ""),
    ("get", "/pdf"),
    ("post", "/issue"),
    ("post", "/payments"),
    ("post", "/credit"),
]


@pytest.mark.parametrize(("method", "suffix"), ENDPOINTS)
def test_outsiders_get_404_for_anothers_invoice(
    dan: User, dan_card: PatientCard, dr_bose: User, nurse_chen: User, rita: User, issued: MakeInvoice, method: str,
    suffix: str,
) -> None:  # fmt: skip
    found = issued()
    body: dict[str, Any] = PAYMENT | {"reason": "x"}
    before = AccessEntry.objects.filter(resource_id=str(found.id)).count()
    for actor in (dan, dr_bose, nurse_chen, rita):
        path = f"/api/invoices/{found.id}{suffix}"
        response = api(actor).get(path) if method == "get" else api(actor).post(path, body, format="json")
        problem(response, 404, "not-found")
    assert AccessEntry.objects.filter(resource_id=str(found.id)).count() == before
    assert Invoice.objects.get().status == "issued"


@pytest.mark.parametrize(("method", "suffix"), ENDPOINTS)
def test_without_a_token_there_is_nothing(method: str, suffix: str) -> None:
    path = f"/api/invoices/{new_id()}{suffix}"
    assert getattr(api(), method)(path).status_code == 401


@pytest.mark.parametrize("suffix", ["/issue", "/payments", "/credit"])
def test_a_patient_looks_at_their_own_and_does_no_more(asha: User, issued: MakeInvoice, suffix: str) -> None:
    body: dict[str, Any] = PAYMENT | {"reason": "x"}
    problem(api(asha).post(f"/api/invoices/{issued().id}{suffix}", body, format="json"), 403, "refused")


def test_a_draft_is_not_there_for_its_patient(asha: User, draft: MakeInvoice) -> None:
    problem(api(asha).get(f"/api/invoices/{draft().id}"), 404, "not-found")


def test_an_administrator_sees_and_does_not_act(alice: User, issued: MakeInvoice) -> None:
    found = issued()
    assert api(alice).get(f"/api/invoices/{found.id}").status_code == 200
    problem(api(alice).post(f"/api/invoices/{found.id}/payments", PAYMENT, format="json"), 403, "refused")


def counted(client: Any, path: str) -> tuple[int, int]:
    """(queries to DEFAULT, queries to BILLING) of one GET."""
    with (
        CaptureQueriesContext(connections[DEFAULT]) as default,
        CaptureQueriesContext(connections[BILLING]) as billing,
    ):
        assert client.get(path).status_code == 200
    return len(default), len(billing)


def test_a_list_costs_the_same_for_one_and_for_many(carol: User, draft: MakeInvoice) -> None:
    draft()
    client = api(carol)
    few = counted(client, "/api/invoices")
    for _ in range(12):
        draft()
    assert counted(client, "/api/invoices") == few
    assert few[1] == 3  # the count, the page, and its shares


def test_one_invoice_costs_six_queries(carol: User, issued: MakeInvoice) -> None:
    found = issued(lines=[CONSULTATION] * 10)
    # found with its shares, read again with its lines, shares and payments
    assert counted(api(carol), f"/api/invoices/{found.id}")[1] == 6
