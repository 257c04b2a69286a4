"""The end of the chain kept outside the database: a chain that was made anew, or cut, does not contain it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command

from medisecure.audit.anchors import FOLDER, anchor, anchors
from medisecure.audit.models import AccessSeal
from medisecure.audit.seals import seal
from medisecure.kernel import objects
from tests.audit.raw import tamper, write
from tests.audit.test_append_only import AHEAD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_anchors() -> Iterator[None]:
    bucket = objects.documents()
    for key in bucket.keys(FOLDER):
        bucket.delete(key)
    yield
    for key in bucket.keys(FOLDER):
        bucket.delete(key)


def verify() -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    try:
        call_command("verify_audit", "--anchors", "--json", stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def grow(count: int = 2) -> None:
    write(count)
    seal(settled=-AHEAD)


def test_an_anchor_is_written_once_for_each_end_and_found_again() -> None:
    assert anchor() is None, "there is no chain yet"
    grow()
    key = anchor()
    assert key is not None
    assert key.endswith("/000000000002.json")
    assert anchor() is None
    grow()
    assert anchor() is not None
    hashes = dict(AccessSeal.objects.values_list("sequence", "chain_hash"))
    assert [(one.sequence, one.chain_hash) for one in anchors()] == [(2, hashes[2]), (4, hashes[4])]
    assert verify() == (0, {**verify()[1], "well": True, "anchors": 2})


def test_a_chain_that_was_made_anew_is_found_by_its_anchors() -> None:
    grow()
    anchor()
    tamper("UPDATE access_entries SET action = 'nothing'")
    tamper("DELETE FROM access_seals")
    seal(settled=-AHEAD)
    code, report = verify()
    assert code == 1
    assert [(found["problem"], found["sequence"]) for found in report["findings"]] == [("anchor-missing", 2)]


def test_an_end_that_was_cut_off_is_found_by_its_anchor() -> None:
    grow(3)
    anchor()
    tamper("DELETE FROM access_seals WHERE sequence = 3")
    code, report = verify()
    assert code == 1
    assert ("anchor-missing", 3) in [(found["problem"], found["sequence"]) for found in report["findings"]]


def test_an_anchor_that_cannot_be_read_is_named() -> None:
    grow()
    key = anchor()
    assert key is not None
    objects.documents().delete(key)
    objects.documents().save(key, io.BytesIO(b"not json"), "application/json")
    code, report = verify()
    assert code == 1
    assert report["findings"][0]["detail"] == key
