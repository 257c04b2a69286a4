"""Figures against what was counted by hand, and the paper against the CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from appointments.interface import add_leave
from billing.models import Payment
from billing.services import Part, record_split_payment, refund, write_off
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.errors import Refused
from medisecure.reports.figures import Column, Plot, Report, Table, Unit, cell, shown
from medisecure.reports.kinds import Asked, build
from medisecure.reports.paper import as_csv, as_pdf, paper
from medisecure.reports.plots import draw
from medisecure.reports.rules import Kind
from patients.interface import PatientCard, PractitionerCard
from patients.models import Unit as Ward
from patients.models import UnitStay
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES
from tests.reports.conftest import FIRST, LAST, MakeVisit, instant

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def made(kind: Kind, actor: User, **changes: Any) -> Report:
    with translation.override("en"):
        values: dict[str, Any] = {"first": FIRST, "last": LAST}
        return build(Asked(kind, actor, **values | changes), lambda percent: None)


def facts(report: Report) -> list[Any]:
    return [value for _name, value, _unit in report.facts]


def rows(report: Report, title: str) -> list[list[Any]]:
    return [list(row) for row in next(table for table in report.tables if table.title == title).rows]


@pytest.fixture
def ward(asha_card: PatientCard, dan_card: PatientCard) -> Ward:
    unit = Ward.objects.create(code="cardio", name="Cardiology")
    UnitStay.objects.create(
        patient_id=asha_card.id,
        unit=unit,
        starts_at=instant("2026-02-27 10:00"),
        ends_at=instant("2026-03-04 00:00"),
        ending="discharge",
    )
    UnitStay.objects.create(patient_id=dan_card.id, unit=unit, starts_at=instant("2026-03-07 00:00"))
    return unit


@pytest.mark.usefixtures("week")
def test_activity_counts_each_visit_of_the_local_days_once(alice: User, ward: Ward) -> None:
    report = made(Kind.ACTIVITY, alice)
    assert facts(report) == [7, 4, 1, 1]
    by_day = rows(report, "Visits over time")
    assert [row[1:] for row in by_day] == [
        [3, 2, 1, 0, 0],
        [2, 0, 0, 1, 1],
        [0] * 5,
        [0] * 5,
        [1, 1, 0, 0, 0],
        [0] * 5,
        [1, 1, 0, 0, 0],
    ]
    assert rows(report, "By type of visit") == [
        ["Consultation", 6, 4, 1, 1, 0],
        ["Check", 1, 0, 0, 0, 1],
        ["Total", 7, 4, 1, 1, 1],
    ]
    # Two days of the first stay and two of the second are in the week.
    assert rows(report, "Stays by unit") == [["Cardiology", 1, 1, 4.0]]


@pytest.mark.usefixtures("week")
def test_missed_visits_are_a_share_of_those_that_were_due(alice: User) -> None:
    report = made(Kind.NO_SHOWS, alice)
    assert facts(report) == [1, 5, 20.0]
    assert rows(report, "By weekday")[0] == ["Monday", 1, 3, 33.3]
    assert rows(report, "By how long before it was booked")[:3] == [
        ["up to a day before", 1, 1, 100.0],
        ["2 to 7 days before", 0, 0, None],
        ["8 to 30 days before", 0, 4, 0.0],
    ]


@pytest.mark.usefixtures("week")
def test_waiting_is_days_from_the_booking_and_minutes_from_the_arrival(
    alice: User, bose_card: PractitionerCard
) -> None:
    report = made(Kind.WAITING, alice)
    name = bose_card.full_name
    assert rows(report, "From the booking to the visit") == [[name, 6, 10, 10, 10], ["Everybody", 6, 10, 10, 10]]
    assert rows(report, "From the arrival to the start") == [[name, 2, 15, 40, 40], ["Everybody", 2, 15, 40, 40]]


@pytest.mark.usefixtures("week")
def test_occupancy_is_booked_minutes_of_those_offered(alice: User, bose_card: PractitionerCard) -> None:
    """Eight hours a day. Monday: an hour, of which half an hour twice. Tuesday: half an hour, what was cancelled none.
    Friday: the quarter within the hours. Sunday evening: none."""
    report = made(Kind.OCCUPANCY, alice)
    assert [row[1:] for row in rows(report, "Occupancy over time")] == [
        [12.5, 60, 480],
        [6.3, 30, 480],
        [0.0, 0, 480],
        [0.0, 0, 480],
        [3.1, 15, 480],
        [0.0, 0, 480],
        [0.0, 0, 480],
    ]
    assert facts(report) == [3.1, 105, 7 * 480]
    # Leave is not offered, and a visit in it is not booked of what is.
    add_leave(
        practitioner_id=bose_card.id, start=instant("2026-03-02 08:00"), end=instant("2026-03-02 09:30"), reason="other"
    )
    assert rows(made(Kind.OCCUPANCY, alice), "Occupancy over time")[0][1:] == [7.7, 30, 390]


@pytest.mark.usefixtures("week")
def test_reports_are_narrowed_to_a_place_and_a_practitioner(alice: User, chen_card: PractitionerCard) -> None:
    assert facts(made(Kind.ACTIVITY, alice, place="Building B, room 12"))[0] == 7
    assert facts(made(Kind.ACTIVITY, alice, place="Elsewhere"))[0] == 0
    assert facts(made(Kind.OCCUPANCY, alice, practitioner_id=chen_card.id)) == [None, 0, 0]


@pytest.mark.usefixtures("price_list")
def test_revenue_counts_invoices_credit_notes_and_payments(
    alice: User, issued: MakeInvoice, bose_card: PractitionerCard
) -> None:
    today = clock.today()
    paid, open_ = issued(), issued(practitioner_id=bose_card.id)
    Payment.objects.create(invoice=paid, amount_cents=1000, method="card", idempotency_key="one")
    report = made(Kind.REVENUE, alice, first=today - timedelta(days=2), last=today)
    total = paid.total_cents + open_.total_cents
    assert facts(report) == [total, 1000, total - paid.paid_cents - open_.paid_cents]
    assert [row[1:] for row in rows(report, "Over time")] == [[0, 0, 0, 0], [0, 0, 0, 0], [2, total, 0, 1000]]
    assert rows(report, "Payments by means") == [["Card", 1, 1000]]
    alone = made(Kind.REVENUE, alice, first=today, last=today, practitioner_id=bose_card.id)
    assert facts(alone)[:2] == [open_.total_cents, 0]


@pytest.mark.usefixtures("price_list")
def test_what_was_given_back_and_up_stands_apart(
    alice: User, carol: User, issued: MakeInvoice, bose_card: PractitionerCard
) -> None:
    today = clock.today()
    other, bill = issued(), issued(practitioner_id=bose_card.id)
    parts = [Part(other.id, 1000), Part(bill.id, 800)]
    taken = record_split_payment(actor=carol, amount_cents=1800, method="card", parts=parts, idempotency_key="k")
    refund(
        actor=carol,
        payment_id=taken.payment.id,
        invoice_id=bill.id,
        amount_cents=300,
        method="card",
        reason="Twice",
        idempotency_key="r",
    )
    write_off(actor=alice, invoice_id=bill.id, amount_cents=200, reason="Small", idempotency_key="w", payer="patient")
    whole = made(Kind.REVENUE, alice, first=today, last=today)
    assert facts(whole)[1:] == [1800, other.total_cents + bill.total_cents - 1800 + 300 - 200]
    assert rows(whole, "Given back and given up") == [["Refunds", 1, 300], ["Written off", 1, 200]]
    # Of one practitioner, the part of a payment that pays their invoices.
    alone = made(Kind.REVENUE, alice, first=today, last=today, practitioner_id=bose_card.id)
    assert facts(alone)[1:] == [500, bill.total_cents - 500 - 200]


def test_the_use_of_records_names_staff_and_no_patient(
    alice: User, olga: User, dr_bose: User, asha: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    today = clock.today()
    before = facts(made(Kind.AUDIT, olga, first=today, last=today))[0]
    for actor, patient, action in (
        (dr_bose, asha_card, "view"),
        (dr_bose, asha_card, "view"),
        (dr_bose, dan_card, "break-glass"),
        (asha, asha_card, "view"),
        (None, asha_card, "view"),
    ):
        record_access(
            actor=actor, patient_id=patient.id, action=action, resource="record", purpose="care", right="role"
        )
    report = made(Kind.AUDIT, olga, first=today, last=today)
    assert facts(report)[0] == before + 5
    bose = next(row for row in rows(report, "By member of staff") if row[0] == dr_bose.full_name)
    assert bose[2:] == [3, 2, 0, 1]
    assert rows(report, "Who is not named")[0][1] == 1
    text = json.dumps(paper(report, made_at=clock.now())) + as_csv(report, made_at=clock.now()).decode()
    assert dr_bose.full_name in text
    assert asha.full_name not in text
    assert asha_card.full_name not in text


@pytest.mark.usefixtures("week", "price_list", "ward")
@pytest.mark.parametrize("language", ["fr", "en"])
def test_paper_and_csv_say_the_same(language: str, alice: User, issued: MakeInvoice) -> None:
    issued()
    today = clock.today()
    for kind in Kind:
        now = kind in (Kind.REVENUE, Kind.AUDIT)
        asked = Asked(kind, alice, today - timedelta(days=1) if now else FIRST, today if now else LAST)
        with translation.override(language):
            report = build(asked, lambda percent: None)
            printed = paper(report, made_at=clock.now())
            lines = as_csv(report, made_at=clock.now()).decode("utf-8-sig")
        read = list(csv.reader(io.StringIO(lines), delimiter=";" if language == "fr" else ","))
        figures = 0
        for table in printed["tables"]:
            start = read.index([table["title"]]) + 2
            for row, line in zip(table["rows"], read[start : start + len(table["rows"])], strict=True):
                for shown_, cell_, is_figure in zip(row, line, table["figures"], strict=True):
                    assert _figure(shown_, language) == _figure(cell_, language) if is_figure else shown_ == cell_
                    figures += is_figure
        assert figures > 4, kind


def _figure(text: str, language: str) -> float | None:
    """The number in a text as people read it in their language, or as a CSV holds it."""
    kept = re.sub(r"[^\d,.-]", "", text.replace("–", ""))
    if not kept:
        return None
    return float(kept.replace(".", "").replace(",", ".") if language == "fr" else kept.replace(",", ""))


@pytest.mark.usefixtures("week")
def test_the_paper_is_a_pdf_with_plots(alice: User) -> None:
    report = build(Asked(Kind.ACTIVITY, alice, FIRST, LAST), lambda percent: None)
    assert as_pdf(report, made_at=clock.now()).startswith(b"%PDF-")
    assert len([plot for plot in paper(report, made_at=clock.now())["plots"] if plot["svg"]]) == 2


def test_a_plot_shows_what_a_column_holds_and_escapes_names() -> None:
    table = Table(
        "T", [Column("Who", Unit.TEXT), Column("Visits")], [["<A & B>", 12], ["C", 6], ["Total", 18]], total=True
    )
    svg = draw(Plot("P", table, (1,)))
    assert "&lt;A &amp; B&gt;" in svg
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', svg)]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert "18" not in re.findall(r">([^<]+)</text>", svg)
    assert draw(Plot("P", Table("T", table.columns, [["C", 0]]), (1,))) == ""


def test_cells_are_for_machines_and_words_for_people() -> None:
    with translation.override("fr"):
        assert [cell(1234567, Unit.CENTS), cell(12.5, Unit.PERCENT), cell(None, Unit.COUNT)] == ["12345,67", "12,5", ""]
        assert shown(12.5, Unit.PERCENT) == "12,5\u00a0%"
        assert cell("=cmd", Unit.TEXT) == "'=cmd"
    with translation.override("en"):
        assert [cell(-1234, Unit.CENTS), shown(90, Unit.MINUTES)] == ["-12.34", "90\u00a0min"]


def test_a_right_that_was_taken_away_counts(carol: User, rita: User) -> None:
    for kind, actor in ((Kind.REVENUE, rita), (Kind.ACTIVITY, carol), (Kind.AUDIT, carol)):
        with pytest.raises(Refused):
            made(kind, actor)


@pytest.mark.usefixtures("week", "price_list")
def test_the_number_of_queries_does_not_grow(alice: User, visit: MakeVisit, issued: MakeInvoice) -> None:
    today = clock.today()

    def count(kind: Kind) -> int:
        period = {"first": today, "last": today} if kind in (Kind.REVENUE, Kind.AUDIT) else {}
        with ExitStack() as stack:
            seen = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in ALL_DATABASES]
            made(kind, User.objects.get(id=alice.id), **period)
        return sum(len(one) for one in seen)

    issued()
    few = {kind: count(kind) for kind in Kind}
    for hour in range(9, 12):
        visit(f"2026-03-05 {hour:02}:00", arrived_at=instant("2026-03-05 08:50"), started=f"2026-03-05 {hour:02}:05")
    issued()
    assert {kind: count(kind) for kind in Kind} == few
    assert max(few.values()) <= 12


def test_months_are_named_and_counted(alice: User, visit: MakeVisit) -> None:
    visit("2025-12-31 23:30")
    visit("2026-01-01 09:00")
    report = made(Kind.ACTIVITY, alice, first=date(2025, 10, 1), last=date(2026, 9, 30))
    course = [row[:2] for row in rows(report, "Visits over time")]
    assert course[2:4] == [["12/2025", 1], ["01/2026", 1]]
    assert len(course) == 12
