"""`manage.py reconcile` and `expire_uploads`."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from documents import rules
from documents.models import Document
from medisecure.kernel import objects
from medisecure.kernel.ids import new_id
from medisecure.kernel.owners import owners
from medisecure.ops import reconcile
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import AddDocument

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture(autouse=True)
def _clean_buckets() -> None:
    for bucket in (objects.documents(), objects.images()):
        for item in list(bucket.walk()):
            bucket.delete(item.key)


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored in this test counts as old."""
    monkeypatch.setattr(reconcile, "GRACE", timedelta(days=-1))


def _run(*options: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    out, code = io.StringIO(), 0
    try:
        call_command("reconcile", "--json", *options, stdout=out)
    except SystemExit as ended:
        code = int(str(ended.code))
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return code, lines[:-1], lines[-1]


def _leftover() -> str:
    key = rules.object_key(new_id(), new_id(), "0" * 64)
    return objects.images().save(key, io.BytesIO(b"x"))


def test_what_agrees_is_said_to(old: None, add_document: AddDocument) -> None:
    add_document()
    objects.documents().save("audit-anchors/2026/01/01/1.json", io.BytesIO(b"{}"))
    code, differences, report = _run()
    assert (code, differences, report["objects"], report["rows"]) == (0, [], 2, 1)


def test_both_sides_are_compared_and_only_leftovers_of_ours_are_deleted(
    old: None, add_document: AddDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    lost, changed, kept = add_document(), add_document(), add_document()
    objects.documents().delete(lost.key)
    Document.objects.filter(id=changed.id).update(size=1)
    leftover = _leftover()
    strange = objects.documents().save("somebody/else", io.BytesIO(b"x"))
    waiting = objects.documents().save(rules.incoming_key(new_id()), io.BytesIO(b"x"))
    code, differences, _report = _run()
    assert code == 1
    assert {(row["kind"], row["bucket"], row["key"]) for row in differences} == {
        ("missing", "documents", lost.key),
        ("size", "documents", changed.key),
        ("leftover", "images", leftover),
        ("leftover", "documents", waiting),
        ("unknown", "documents", strange),
    }
    assert f"document {lost.id}" in [row["row"] for row in differences]
    code, differences, report = _run("--fix")
    assert {row["key"] for row in differences if row["fixed"]} == {leftover, waiting}
    assert (code, report["left"]) == (1, 3), "what cannot be fixed is still told"
    assert not objects.images().exists(leftover)
    assert objects.documents().exists(strange)
    assert objects.documents().exists(kept.key)
    objects.documents().delete(strange)
    Document.objects.filter(id__in=(lost.id, changed.id)).delete()
    objects.documents().delete(changed.key)
    assert _run()[0] == 0


def test_what_is_young_may_be_on_its_way() -> None:
    leftover = _leftover()
    code, differences, report = _run("--fix")
    assert (code, differences, report["young"]) == (0, [], 1)
    assert objects.images().exists(leftover)


def test_rows_are_read_a_few_at_a_time(old: None, add_document: AddDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medisecure.kernel.owners._CHUNK", 2)
    monkeypatch.setattr(reconcile, "_BATCH", 2)
    rows = [add_document() for _number in range(5)]
    named = [one.row_id for owner in owners() if owner.name == "document" for one in owner.rows()]
    assert named == sorted(str(row.id) for row in rows)
    assert _run()[0] == 0


def test_expire_uploads_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("expire_uploads")
    assert capsys.readouterr().out.startswith("0 uploads expired")
