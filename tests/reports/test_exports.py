"""An export holds what the list shows its reader, in any order and of any size, and no cell computes."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock, objects
from medisecure.kernel.errors import Invalid, NotFound, Refused
from medisecure.notifications.models import Message
from medisecure.reports import asking, rows, rules
from medisecure.reports.lists import AdminList, Cell
from medisecure.reports.models import Job
from medisecure.reports.running import Run, run_job
from medisecure.reports.sheets import TooManyRows, sheet
from patients.interface import PatientCard
from patients.models import Patient
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES
from tests.reports.conftest import MakeVisit

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

COLUMNS = ["record_number", "family_name", "given_names", "birth_day"]


def ask(actor: User, label: str = "patients.patient", query: str = "", **changes: Any) -> Job:
    columns = changes.pop("columns", None) or [one.name for one in AdminList(actor, label).columns()]
    return asking.ask_export(
        actor=actor, label=label, query=query, columns=columns, format_=changes.pop("format_", "csv")
    )


def content(job: Job) -> bytes:
    file = Job.objects.get(id=job.id).files.get()
    with objects.documents().open(file.key) as found:
        return found.read()


def exported(actor: User, label: str = "patients.patient", query: str = "", **changes: Any) -> list[list[str]]:
    job = ask(actor, label, query, **changes)
    assert run_job(job.id), Job.objects.get(id=job.id).error
    data = content(job)
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=";"))


def people(count: int, **values: Any) -> None:
    Patient.objects.bulk_create(
        Patient(record_number=f"X{number:08}", family_name=f"Person {number:05}", given_names="Léa", **values)
        for number in range(count)
    )


def test_an_export_is_the_list_with_its_filters_search_and_order(
    alice: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    found = exported(alice, query="o=-1&p=3&active__exact=1", columns=COLUMNS)
    assert found[0] == ["Numéro de dossier", "Nom de naissance", "Prénoms", "Date de naissance"]
    assert [line[1] for line in found[1:]] == sorted((line[1] for line in found[1:]), reverse=True)
    assert {asha_card.record_number, dan_card.record_number} <= {line[0] for line in found}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", line[3]) for line in found[1:])
    alone = exported(alice, query=f"q={asha_card.record_number}", columns=["record_number"])
    assert alone[1:] == [[asha_card.record_number]]
    entry = AccessEntry.objects.filter(action="export", resource="list-export").first()
    assert entry is not None
    assert (entry.actor_id, entry.patient_id) == (alice.id, None)


def test_nobody_exports_more_than_they_see(
    alice: User, carol: User, rita: User, dan: User, asha_card: PatientCard, visit: MakeVisit
) -> None:
    # Billing clerks see no visits, receptionists export nothing, patients see no list.
    for actor, label, error in (
        (carol, "appointments.appointment", Refused),
        (rita, "patients.patient", Refused),
        (dan, "patients.patient", Refused),
        (alice, "audit.accessentry", Refused),
        (alice, "sessions.session", NotFound),
        (alice, "no.such", NotFound),
    ):
        with pytest.raises(error):
            asking.ask_export(actor=actor, label=label, query="", columns=["id"], format_="csv")
    # A doctor who may export gets their own visits alone, as in the list.
    from django.contrib.auth.models import Permission

    rita.groups.clear()
    rita.user_permissions.add(*Permission.objects.filter(codename__in=("export_list", "view_appointment")))
    visit("2026-03-02 09:00")
    assert len(exported(User.objects.get(id=rita.id), "appointments.appointment", "status__exact=completed")) == 1
    assert len(exported(alice, "appointments.appointment", "status__exact=completed")) == 2


def test_a_right_lost_before_it_is_made_and_before_it_is_fetched_counts(alice: User, olga: User) -> None:
    made, waiting = ask(alice), ask(alice, columns=["record_number"])
    assert run_job(made.id)
    assert asking.file_url(actor=alice, job_id=made.id, format_="csv")
    # Not even who may export lists gets another one's.
    with pytest.raises(NotFound):
        asking.file_url(actor=olga, job_id=made.id, format_="csv")
    alice.groups.clear()
    alice = User.objects.get(id=alice.id)
    with pytest.raises(Refused):
        asking.file_url(actor=alice, job_id=made.id, format_="csv")
    assert not run_job(waiting.id)
    assert Job.objects.get(id=waiting.id).error == "refused"


def test_what_is_wrong_is_said_by_field(alice: User) -> None:
    for changes, field in (
        ({"columns": ["family_name", "password"]}, "columns"),
        ({"columns": []}, "columns"),
        ({"format_": "exe"}, "format"),
        ({"query": "nonsense__exact=1"}, "query"),
        ({"query": "q=" + "a" * 3000}, "query"),
    ):
        values: dict[str, Any] = {"label": "patients.patient", "query": "", "columns": ["sex"], "format_": "csv"}
        with pytest.raises(Invalid) as error:
            asking.ask_export(actor=alice, **values | changes)
        assert set(error.value.errors) == {field}, changes
    assert not Job.objects.exists()


def test_every_list_of_the_admin_can_be_exported(alice: User) -> None:
    from django.contrib import admin

    boss = User.objects.create_superuser("boss@example.org", "x", full_name="Boss")
    lists = [model._meta.label_lower for model in admin.site._registry if model is not Job]
    assert len(lists) > 15
    for label in lists:
        shown = AdminList(boss, label)
        read = shown.reader([column.name for column in shown.columns()])
        for piece in rows.chunks(shown.rows()):
            read(piece)


# --- Cells ------------------------------------------------------------------------------------------------------------
def test_no_cell_computes(alice: User) -> None:
    bad = ["=HYPERLINK(1)", "+33 6", "-1+2", "@SUM", "\tx", "＝1", 'a";=1', "two\nlines"]
    Patient.objects.bulk_create(
        Patient(record_number=f"X{number}", family_name=text, given_names="Léa") for number, text in enumerate(bad)
    )
    names = {line[0] for line in exported(alice, columns=["family_name"])[1:]}
    assert names == {*(f"'{text}" for text in bad[:6]), *bad[6:]}
    job = ask(alice, columns=["family_name"], format_="xlsx")
    assert run_job(job.id)
    with zipfile.ZipFile(io.BytesIO(content(job))) as book:
        text = book.read("xl/worksheets/sheet1.xml").decode()
        styles = book.read("xl/styles.xml").decode()
    assert "<f>" not in text
    assert "hyperlink" not in text.lower().replace("=hyperlink(1)", "")
    assert "=HYPERLINK(1)" in text
    assert 'quotePrefix="1"' in styles


@pytest.mark.embedded
def test_numbers_days_and_instants_are_what_they_are() -> None:
    from decimal import Decimal

    values: list[Cell] = ["Rao", 5, Decimal("12.50"), date(2026, 3, 2), datetime(2026, 3, 2, 14, 30), True, None]  # noqa: DTZ001
    for language, line in (
        ("fr", "Rao;5;12,50;2026-03-02;2026-03-02 14:30:00;Oui;"),
        ("en", "Rao,5,12.50,2026-03-02,2026-03-02 14:30:00,Yes,"),
    ):
        out = io.BytesIO()
        with translation.override(language), sheet("csv", out) as written:
            written.write(values)
        assert out.getvalue().decode("utf-8-sig") == f"{line}\r\n"
    out = io.BytesIO()
    with sheet("xlsx", out) as written:
        written.write(["a"] * len(values))
        written.write(values)
    with zipfile.ZipFile(io.BytesIO(out.getvalue())) as book:
        text = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<v>12.50</v>" in text
    assert "<v>46083.6041" in text


@pytest.mark.embedded
def test_a_sheet_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "SHEET_ROWS", 2)
    with pytest.raises(TooManyRows), sheet("xlsx", io.BytesIO()) as written:
        for _ in range(3):
            written.write(["x"])


def test_a_list_too_long_for_a_sheet_is_refused_and_csv_is_not(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    people(3)
    monkeypatch.setattr(rules, "SHEET_ROWS", 3)
    with translation.override("fr"), pytest.raises(Invalid) as error:
        ask(alice, format_="xlsx")
    assert "1 048 576" in str(error.value.errors["format"][0])
    assert len(exported(alice, columns=["family_name"])) == 4


# --- Many rows --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", [("family_name",), ("-birth_date", "sex"), ("birth_date", "-family_name"), ("-pk",)])
def test_pieces_are_the_whole_in_its_order(order: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same values and NULLs on both sides of each cut; by pieces on every engine where NULLs come first."""
    people(5)
    people_with_dates = [date(1990, 1, 1), None, date(1980, 5, 5)]
    Patient.objects.bulk_create(
        Patient(record_number=f"Y{number}", family_name=f"P{number % 2}", given_names="A", birth_date=born)
        for number, born in enumerate(people_with_dates * 3)
    )
    whole = Patient.objects.order_by(*order, "-pk")
    for size in (1, 2, 3, 14, 50):
        pieces = list(rows.chunks(whole, size))
        assert [row.pk for piece in pieces for row in piece] == [row.pk for row in whole], size
        assert all(len(piece) <= size for piece in pieces)
    assert rows.plain_order(whole) is not None


def test_an_order_that_is_computed_is_followed_too() -> None:
    from django.db.models.functions import Length

    people(5)
    whole = Patient.objects.order_by(Length("family_name").desc(), "pk")
    assert rows.plain_order(whole) is None
    assert [row.pk for piece in rows.chunks(whole, 2) for row in piece] == [row.pk for row in whole]


def test_names_of_a_piece_cost_the_same_queries(
    alice: User, olga: User, asha_card: PatientCard, visit: MakeVisit, issued: MakeInvoice, price_list: None
) -> None:
    from contextlib import ExitStack

    def cost(actor: User, label: str) -> int:
        shown = AdminList(User.objects.get(id=actor.id), label)
        read = shown.reader([column.name for column in shown.columns()])
        with ExitStack() as stack:
            seen = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in ALL_DATABASES]
            for piece in rows.chunks(shown.rows()):
                read(piece)
        return sum(len(one) for one in seen)

    def more(count: int) -> None:
        for number in range(count):
            visit(f"2026-03-02 1{number}:{count:02}")
            issued()
            record_access(
                actor=olga, patient_id=asha_card.id, action="view", resource="record", purpose="care", right="role"
            )

    lists = [
        (alice, "appointments.appointment"),
        (alice, "billing.invoice"),
        (olga, "audit.accessentry"),
        (alice, "accounts.user"),
        (alice, "patients.patient"),
    ]
    more(1)
    few = [cost(*one) for one in lists]
    more(4)
    people(4)
    assert [cost(*one) for one in lists] == few


def test_progress_is_noted_and_a_cancelled_export_stops(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    people(5)
    monkeypatch.setattr(rows.chunks, "__defaults__", (2,))
    monkeypatch.setattr("medisecure.reports.running._PAUSE", 0)
    seen: list[tuple[int, int]] = []
    original = Run.step

    def step(run: Run, percent: int, count: int | None = None, **options: Any) -> None:
        original(run, percent, count, **options)
        seen.append(Job.objects.filter(id=run.job.id).values_list("progress", "rows").get())
        if count == 4:
            asking.cancel(actor=alice, job_id=run.job.id)

    monkeypatch.setattr(Run, "step", step)
    job = ask(alice, query="q=")
    assert not run_job(job.id)
    assert [count for _percent, count in seen] == [0, 2, 4]
    assert seen[1][0] < seen[2][0] < 96
    row = Job.objects.get(id=job.id)
    assert (row.status, list(objects.documents().keys(f"reports/{job.id}"))) == ("cancelled", [])


def test_what_was_searched_for_goes_with_the_file(alice: User, asha_card: PatientCard) -> None:
    from medisecure.kernel.errors import Conflict
    from medisecure.reports.running import expire_jobs

    job = ask(alice, query="q=rao")
    assert run_job(job.id)
    Job.objects.filter(id=job.id).update(expires_at=clock.now() - timedelta(seconds=1))
    assert expire_jobs() == 1
    row = Job.objects.get(id=job.id)
    assert "query" not in row.parameters
    with pytest.raises(Conflict):
        asking.ask_again(actor=alice, job_id=job.id)
    assert "rao" not in f"{row} {row.parameters}".lower()
    assert not Message.objects.filter(text__icontains="rao@").exclude(to_email=alice.email).exists()
    assert isinstance(row.id, UUID)


def test_who_is_locked_away_is_not_named_in_an_export(
    alice: User, asha_card: PatientCard, dan_card: PatientCard, visit: MakeVisit
) -> None:
    from patients.models import DataProtection

    visit("2026-03-02 09:00")
    visit("2026-03-02 10:00", patient_id=dan_card.id)
    DataProtection.objects.create(patient_id=asha_card.id, restricted_at=clock.now())
    text = str(exported(alice, "appointments.appointment", "status__exact=completed"))
    assert dan_card.record_number in text
    assert asha_card.record_number not in text
    assert "Rao" not in text
