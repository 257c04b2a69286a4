"""The price list as a file: what each line would do is said before, and what was said is what is done."""

from __future__ import annotations

from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import Price
from billing.services import create_price, price_files
from billing.services.price_files import Outcome
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.errors import Invalid, Refused, Stale
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

HEAD = "code;label_fr;label_en;price;vat;appointment_type;valid_from;valid_until"
IMPORT = "/admin/billing/price/import/"


def file(*lines: str, head: str = HEAD) -> str:
    return "\r\n".join((head, *lines)) + "\r\n"


def price(code: str = "CS", cents: int = 3000, **values: Any) -> Price:
    defaults: dict[str, Any] = {"label_fr": "Consultation", "label_en": "Consultation", "valid_from": date(2020, 1, 1)}
    return create_price(code=code, price_cents=cents, **(defaults | values))


def outcomes(text: str) -> list[tuple[int, str]]:
    return [(line.number, line.outcome.value) for line in price_files.plan(text).lines]


def faults(line: str, head: str = HEAD) -> dict[str, str]:
    (only,) = price_files.plan(file(line, head=head)).lines
    assert only.outcome is Outcome.REFUSED
    return {column: str(text) for column, text in only.faults}


def bring(text: str, actor: User | None = None) -> price_files.Plan:
    return price_files.apply(actor=actor, text=text, digest=price_files.plan(text).digest)


def test_each_line_says_what_it_would_do_and_nothing_is_written() -> None:
    price()
    text = file(
        "CS;Consultation;Consultation;30,00;care;;2020-01-01;",
        "CS;Consultation;Consultation;31.50;care;;2026-01-01;",
        "TV;Télévision;Television;3,5;20 %;;01/02/2026;28/02/2026",
        "TV;Télévision;Television;4;20;;15/02/2026;",
    )
    assert outcomes(text) == [(2, "same"), (3, "changed"), (4, "new"), (5, "refused")]
    assert Price.objects.count() == 1


def test_what_was_shown_is_what_is_done(alice: User) -> None:
    price()
    bring(
        file("CS;Consultation;Consultation;31.50;care;;2026-01-01;", "TV;Télévision;Television;3,5;20;;01/02/2026;"),
        alice,
    )
    old, new = Price.objects.filter(code="CS").order_by("valid_from")
    assert (old.valid_until, new.price_cents, new.valid_from) == (date(2025, 12, 31), 3150, date(2026, 1, 1))
    television = Price.objects.get(code="TV")
    assert (television.price_cents, television.vat_rate, television.exemption) == (350, 2000, "")
    entry = AccessEntry.objects.get(action="import")
    assert (entry.actor_id, entry.resource, entry.resource_id) == (alice.id, "price", "lines:2")


def test_a_list_that_changed_meanwhile_is_shown_again() -> None:
    text = file("CS;Consultation;Consultation;31.50;care;;2026-01-01;")
    digest = price_files.plan(text).digest
    price()
    with pytest.raises(Stale):
        price_files.apply(actor=None, text=text, digest=digest)
    assert Price.objects.count() == 1


def test_another_file_than_the_one_shown_is_not_taken() -> None:
    digest = price_files.plan(file("CS;A;A;31.50;care;;2026-01-01;")).digest
    with pytest.raises(Stale):
        price_files.apply(actor=None, text=file("CS;A;A;3150;care;;2026-01-01;"), digest=digest)


@pytest.mark.parametrize("role", ["carol", "rita", "dr_bose", "asha"])
def test_only_who_keeps_the_price_list_may(role: str, request: pytest.FixtureRequest) -> None:
    text = file("CS;A;A;31.50;care;;2026-01-01;")
    with pytest.raises(Refused):
        bring(text, request.getfixturevalue(role))
    assert Price.objects.count() == 0


@pytest.mark.parametrize(
    ("line", "column"),
    [
        (";A;A;1;care;;2026-01-01;", "code"),
        ("X;;A;1;care;;2026-01-01;", "label_fr"),
        ("X;A;;1;care;;2026-01-01;", "label_en"),
        ("X;A;A;;care;;2026-01-01;", "price"),
        ("X;A;A;-1;care;;2026-01-01;", "price"),
        ("X;A;A;0.001;care;;2026-01-01;", "price"),
        ("X;A;A;1e9;care;;2026-01-01;", "price"),
        ("X;A;A;999999999;care;;2026-01-01;", "price"),
        ("X;A;A;١٢;care;;2026-01-01;", "price"),
        ("X;A;A;1;;;2026-01-01;", "vat"),
        ("X;A;A;1;19,6;;2026-01-01;", "vat"),
        ("X;A;A;1;0;;2026-01-01;", "vat"),
        ("X;A;A;1;care;;;", "valid_from"),
        ("X;A;A;1;care;;2026-02-30;", "valid_from"),
        ("X;A;A;1;care;;02/30/2026;", "valid_from"),
        ("X;A;A;1;care;;2026-01-01;2025-01-01", "valid_until"),
        ("X;A;A;1;care;;2026-01-01;soon", "valid_until"),
        (f"{'X' * 41};A;A;1;care;;2026-01-01;", "code"),
        (f"X;{'A' * 201};A;1;care;;2026-01-01;", "label_fr"),
        ("X;A\u202eB;A;1;care;;2026-01-01;", "label_fr"),
        ("X;A;A;1;care;;2026-01-01;;more", "line"),
    ],
)
def test_a_refused_line_names_the_column(line: str, column: str) -> None:
    assert column in faults(line)


@pytest.mark.parametrize(
    "text",
    ["", "code;label_fr\nCS;A\n", "nothing here", f"{HEAD}\n", f"{HEAD};code\nCS;A;A;1;care;;2026-01-01;;X\n", "\x00"],
)
def test_what_is_no_price_list_is_said_once(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        price_files.plan(text)
    assert list(refused.value.errors) == ["file"]


def test_two_lines_about_the_same_day_are_not_both_taken() -> None:
    text = file("CS;A;A;1;care;;2026-01-01;", "CS;A;A;2;care;;2026-01-01;")
    assert outcomes(text) == [(2, "new"), (3, "refused")]


def test_spreadsheets_of_western_europe_are_read() -> None:
    text = file("TV;Télévision;Television;3,5;20;;01/02/2026;")
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        (line,) = price_files.plan(price_files.decode(text.encode(encoding))).lines
        assert line.cells["label_fr"] == "Télévision"
    commas = file('TV,Télévision,"Television, small",3.5,20,,2026-02-01,', head=HEAD.replace(";", ","))
    assert outcomes(commas) == [(2, "new")]


def test_too_large_a_file_is_refused() -> None:
    with pytest.raises(Invalid):
        price_files.decode(b"x" * (price_files.MOST_BYTES + 1))
    with pytest.raises(Invalid):
        price_files.plan(file(*["CS;A;A;1;care;;2026-01-01;"] * (price_files.MOST_LINES + 1)))


LABELS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)


# A busy machine is slow to draw texts, which says nothing about the price list.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(label=LABELS, cents=st.integers(0, 10_000_000), rate=st.sampled_from([0, 210, 550, 1000, 2000]))
def test_what_goes_out_comes_in_the_same(label: str, cents: int, rate: int) -> None:
    made = Price(
        code="X",
        label_fr=label,
        label_en=label,
        price_cents=cents,
        vat_rate=rate,
        exemption="" if rate else "care",
        valid_from=date(2026, 1, 1),
    )
    text = "".join(price_files.export([made]))
    (line,) = price_files.plan(text.lstrip("\ufeff")).lines
    assert line.outcome is Outcome.NEW, line.faults
    assert line.price is not None
    assert (line.price.label_fr, line.price.price_cents, line.price.vat_rate) == (label, cents, rate)
    # No cell that a spreadsheet would run.
    cells = text.splitlines()[1].split(";")
    assert not any(cell.strip('"').startswith(("=", "+", "-", "@")) for cell in cells)


def test_an_exported_list_brought_back_changes_nothing(price_list: None) -> None:
    text = "".join(price_files.export(Price.objects.all()))
    assert {outcome for _line, outcome in outcomes(text.lstrip("\ufeff"))} == {"same"}


def test_the_number_of_queries_is_the_same_for_many_lines(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1, using="billing"):
        price_files.plan(file(*[f"C{number};A;A;1;care;;2026-01-01;" for number in range(300)]))


# --- the page ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def admin(alice: User) -> Client:
    client = Client()
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def upload(text: str | bytes) -> SimpleUploadedFile:
    content = text if isinstance(text, bytes) else text.encode()
    return SimpleUploadedFile("prices.csv", content, content_type="text/csv")


def _text(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def context(response: Any) -> dict[str, Any]:
    found: dict[str, Any] = response.context_data
    return found


def test_the_page_shows_and_then_adds(admin: Client) -> None:
    price()
    text = file("CS;Consultation;Consultation;31.50;care;;2026-01-01;", "X;A;A;minus;care;;2026-01-01;")
    shown = admin.post(IMPORT, {"file": upload(text)})
    assert shown.status_code == 200
    assert Price.objects.count() == 1
    page = context(shown)
    assert page["counts"] == {"new": 0, "changed": 1, "same": 0, "refused": 1}
    done = admin.post(IMPORT, {"text": page["text"], "digest": page["digest"]})
    assert done.status_code == 302
    assert Price.objects.filter(code="CS").count() == 2


def test_a_stale_preview_is_shown_again_with_what_is_true_now(admin: Client) -> None:
    text = file("CS;Consultation;Consultation;31.50;care;;2026-01-01;")
    page = context(admin.post(IMPORT, {"file": upload(text)}))
    price()
    again = admin.post(IMPORT, {"text": page["text"], "digest": page["digest"]})
    assert again.status_code == 409
    assert context(again)["counts"]["changed"] == 1
    assert Price.objects.count() == 1


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00", b"x" * 1_000_001])
def test_a_file_that_is_none_is_said_at_its_field(admin: Client, content: bytes) -> None:
    answer = admin.post(IMPORT, {"file": upload(content)})
    assert answer.status_code == 422
    assert context(answer)["form"].errors["file"]


def test_refused_lines_come_back_as_a_file_with_reasons(admin: Client) -> None:
    text = file("X;A;A;minus;care;;2026-01-01;", "Y;A;A;1;care;;2026-01-01;")
    answer = admin.post(f"{IMPORT}refused/", {"text": text})
    body = _text(answer).removeprefix("\ufeff").encode().decode("utf-8-sig")
    assert body.splitlines()[0].endswith(";line;reasons")
    assert [line.split(";")[0] for line in body.splitlines()[1:]] == ["X"]
    # It can be brought in again as it is.
    assert outcomes(body) == [(2, "refused")]


def test_the_export_is_for_who_sees_prices(admin: Client, price_list: None, nurse_chen: User) -> None:
    answer = admin.get(reverse("admin:billing_price_export"))
    assert _text(answer).removeprefix("\ufeff").encode().decode("utf-8-sig").startswith("code;label_fr")
    other = Client()
    other.force_login(nurse_chen, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert other.get(reverse("admin:billing_price_export")).status_code == 403
    assert other.get(IMPORT).status_code == 403
    assert other.post(f"{IMPORT}refused/", {"text": ""}).status_code == 403


# --- the command ------------------------------------------------------------------------------------------------------
def test_the_command_writes_and_reads(price_list: None, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    call_command("price_list", "export", str(path))
    before = Price.objects.count()
    path.write_text(path.read_text(encoding="utf-8-sig") + "NEW;A;A;1;care;;2026-01-01;\r\n", encoding="utf-8")
    out = StringIO()
    call_command("price_list", "import", str(path), "--dry-run", stdout=out)
    assert f"1 new, {before} same" in out.getvalue()
    assert Price.objects.count() == before
    call_command("price_list", "import", str(path), stdout=StringIO())
    assert Price.objects.count() == before + 1


def test_the_command_names_refused_lines_and_exits_with_one(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(file("X;A;A;minus;care;;2026-01-01;"), encoding="utf-8")
    error = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("price_list", "import", str(path), stdout=StringIO(), stderr=error)
    assert "line 2: price:" in error.getvalue()
    with pytest.raises(CommandError):
        call_command("price_list", "import", str(tmp_path / "none.csv"))
