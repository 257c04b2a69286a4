"""`manage.py verify_audit` finds what raw SQL did to the log, names it, and exits 1."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from medisecure.audit import verification
from medisecure.audit.models import AccessEntry, AccessSeal
from medisecure.audit.seals import START, seal
from tests.audit.raw import tamper, write

pytestmark = pytest.mark.django_db

#: So that entries of this very moment are settled.
AHEAD = timedelta(hours=-1)


@pytest.fixture
def entries() -> list[UUID]:
    """Six entries, sealed as 1 to 6."""
    found = write(6)
    seal(settled=AHEAD)
    return found


def verify(*arguments: str) -> tuple[int, dict[str, Any]]:
    """(exit code, the JSON report)"""
    out = io.StringIO()
    try:
        call_command("verify_audit", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def findings(*arguments: str) -> list[tuple[str, str, int | None]]:
    """(problem, entry, seal) of each finding."""
    code, report = verify(*arguments)
    assert code == (1 if report["findings"] else 0)
    assert report["well"] is not bool(report["findings"])
    return [(row["problem"], row["entry_id"], row["sequence"]) for row in report["findings"]]


def head() -> str:
    return AccessSeal.objects.order_by("-sequence")[0].chain_hash


def test_an_untouched_log_is_well(entries: list[UUID]) -> None:
    code, report = verify("--expect", head())
    assert (code, report["well"], report["entries"], report["seals"]) == (0, True, 6, 6)
    assert (report["chain_hash"], report["last_sequence"], report["expected_at"]) == (head(), 6, 6)


def test_an_empty_log_is_well() -> None:
    assert verify()[1]["chain_hash"] == START
    assert verify("--expect", START)[0] == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "search"),
        ("resource", "patient"),
        ("resource_id", "x"),
        ("purpose", "self"),
        ('"right"', "self"),
        ("at", "2026-01-02 03:04:05.000006"),
        ("address", "203.0.113.9"),
        ("patient_id", None),
        ("actor_id", "01890000000070008000000000000001"),
    ],
)
def test_an_altered_entry_is_named(entries: list[UUID], column: str, value: str | None) -> None:
    tamper(f"UPDATE access_entries SET {column} = %s WHERE id = %s", value, entries[2])
    assert findings() == [("altered", str(entries[2]), 3)]


def test_a_removed_entry_is_named(entries: list[UUID]) -> None:
    tamper("DELETE FROM access_entries WHERE id = %s", entries[3])
    assert findings() == [("removed", str(entries[3]), 4)]


def test_an_entry_that_got_another_id_is_named(entries: list[UUID]) -> None:
    other = UUID(int=entries[0].int - 2**101)
    tamper("UPDATE access_entries SET id = %s WHERE id = %s", other, entries[1])
    assert findings() == [("removed", str(entries[1]), 2), ("unsealed", str(other), None)]


def test_an_alteration_whose_seal_was_made_anew_is_named(entries: list[UUID]) -> None:
    from medisecure.audit.seals import FIELDS, hash_entry, hash_link

    before = AccessSeal.objects.get(sequence=2).chain_hash
    tamper("UPDATE access_entries SET action = 'search' WHERE id = %s", entries[2])
    digest = hash_entry(AccessEntry.objects.values(*FIELDS).get(id=entries[2]))
    chain = hash_link(before, digest)
    tamper("UPDATE access_seals SET entry_hash = %s, chain_hash = %s WHERE sequence = 3", digest, chain)
    assert findings() == [("chain-broken", str(entries[3]), 4)]


def test_reordered_seals_are_named(entries: list[UUID]) -> None:
    for old, new in ((2, 99), (3, 2), (99, 3)):
        tamper("UPDATE access_seals SET sequence = %s WHERE sequence = %s", new, old)
    assert [row for row in findings() if row[0] != "chain-broken"] == []
    assert [row[1:] for row in findings()] == [(str(entries[2]), 2), (str(entries[1]), 3), (str(entries[3]), 4)]


def test_seals_that_swapped_their_entries_are_named(entries: list[UUID]) -> None:
    spare = UUID(int=1)
    for old, new in ((entries[1], spare), (entries[2], entries[1]), (spare, entries[2])):
        tamper("UPDATE access_seals SET entry_id = %s WHERE entry_id = %s", new, old)
    assert findings() == [("altered", str(entries[2]), 2), ("altered", str(entries[1]), 3)]


def test_a_removed_seal_is_named_by_its_number(entries: list[UUID]) -> None:
    tamper("DELETE FROM access_seals WHERE sequence IN (2, 3)")
    found = findings("--minutes", "0")
    assert found[0] == ("seals-missing", "", 2)
    assert verify()[1]["findings"][0]["detail"] == "2-3"


def test_removed_seals_whose_numbers_were_closed_up_are_named(entries: list[UUID]) -> None:
    tamper("DELETE FROM access_entries WHERE id = %s", entries[2])
    tamper("DELETE FROM access_seals WHERE sequence = 3")
    for number in (4, 5, 6):
        tamper("UPDATE access_seals SET sequence = %s WHERE sequence = %s", number - 1, number)
    assert findings() == [("chain-broken", str(entries[3]), 3)]


def test_an_end_that_was_cut_off_is_found_by_the_hash_that_was_kept(entries: list[UUID]) -> None:
    kept = head()
    tamper("DELETE FROM access_entries WHERE id IN (%s, %s)", entries[4], entries[5])
    tamper("DELETE FROM access_seals WHERE sequence > 4")
    assert findings() == []  # nothing inside the database tells
    assert findings("--expect", kept) == [("anchor-missing", "", None)]
    assert verify("--expect", kept)[1]["findings"][0]["detail"] == kept


def test_a_chain_that_was_made_anew_is_found_by_the_hash_that_was_kept(entries: list[UUID]) -> None:
    kept = head()
    tamper("UPDATE access_entries SET action = 'search' WHERE id = %s", entries[0])
    tamper("DELETE FROM access_seals")
    seal(settled=AHEAD)
    assert findings() == []
    assert findings("--expect", kept) == [("anchor-missing", "", None)]


def test_a_hash_that_was_kept_stays_in_a_chain_that_grows(entries: list[UUID]) -> None:
    kept = head()
    write(3)
    seal(settled=AHEAD)
    code, report = verify("--expect", kept.upper())
    assert (code, report["expected_at"], report["last_sequence"]) == (0, 6, 9)


def test_entries_without_a_seal_are_named_once_they_are_old(make_old: Callable[[], UUID]) -> None:
    write()
    assert findings() == []
    old = make_old()
    assert findings() == [("unsealed", str(old), None)]
    assert findings("--minutes", "60") == []


@pytest.fixture
def make_old() -> Callable[[], UUID]:
    from medisecure.kernel import clock
    from tests.audit.test_seals import entry_of

    return lambda: entry_of(clock.now() - timedelta(minutes=20))


def test_batches_do_not_show(entries: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    tamper("UPDATE access_entries SET action = 'search' WHERE id = %s", entries[2])
    tamper("DELETE FROM access_entries WHERE id = %s", entries[4])
    whole = list(verification.verify(verification.Verification()))
    for batch in (1, 2, 5, 6, 7):
        seen = verification.Verification()
        assert list(verification.verify(seen, batch=batch)) == whole
        assert (seen.seals, seen.entries) == (6, 5)


def test_people_read_which_entry_and_what_to_keep(entries: list[UUID]) -> None:
    tamper("UPDATE access_entries SET action = 'search' WHERE id = %s", entries[2])
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit", "--expect", head(), stdout=out)
    assert ended.value.code == 1
    assert out.getvalue().splitlines() == [
        f"entry {entries[2]} (seal 3) was altered",
        "6 entries, 6 seals, 1 problems",
        "expected hash: at seal 6",
        f"last seal 6, chain hash {head()}",
    ]


@pytest.mark.parametrize("text", ["abc", "g" * 64, "0" * 65])
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        call_command("verify_audit", "--expect", text, stdout=io.StringIO())
