"""The chain over the log: what is hashed, that nothing is left out, that two sealers do not make two chains."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connections
from pytest_django import DjangoAssertNumQueries

from medisecure.accounts.models import User
from medisecure.audit import seals
from medisecure.audit.models import AccessEntry, AccessSeal
from medisecure.audit.seals import FIELDS, REACH, START, floor_id, hash_entry, hash_link, instant_of, seal
from medisecure.audit.tasks import seal_late
from medisecure.kernel import clock
from medisecure.kernel.append_only import AppendOnly
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.ids import new_id
from medisecure.schedule import SCHEDULE
from tests.audit.raw import write
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db

#: So that entries of this very moment are settled.
AHEAD = timedelta(hours=-1)


def sealed() -> list[UUID]:
    return list(AccessSeal.objects.order_by("sequence").values_list("entry_id", flat=True))


def entry_of(instant: datetime) -> UUID:
    """An entry whose id was made at that instant, and that commits now."""
    id_ = UUID(int=floor_id(instant).int | (new_id().int & (2**80 - 1)))
    AccessEntry.objects.create(id=id_, action="view", resource="record", purpose="care", right="self", at=instant)
    return id_


def test_every_field_of_an_entry_is_hashed() -> None:
    assert set(FIELDS) == {found.attname for found in AccessEntry._meta.concrete_fields}


def test_the_canonical_form_never_changes() -> None:
    """Hashes of years ago must still be found: this literal text is the contract."""
    values = {
        "id": UUID("01890000-0000-7000-8000-000000000001"),
        "at": datetime(2026, 1, 2, 3, 4, 5, 6000, UTC),
        "actor_id": None,
        "patient_id": UUID("01890000-0000-7000-8000-000000000002"),
        "action": "view",
        "resource": "record",
        "resource_id": "é",
        "purpose": "care",
        "right": "self",
        "address": "2001:db8::1",
    }
    text = (
        '{"action":"view","actor_id":null,"address":"2001:db8::1","at":"2026-01-02T03:04:05.006000+00:00",'
        '"id":"01890000-0000-7000-8000-000000000001","patient_id":"01890000-0000-7000-8000-000000000002",'
        '"purpose":"care","resource":"record","resource_id":"é","right":"self"}'
    )
    assert seals.canonical(values).decode() == text
    assert json.loads(text)["resource_id"] == "é"
    assert hash_entry(values) == hashlib.sha256(text.encode()).hexdigest()


def test_entries_are_sealed_in_the_order_of_their_ids_without_a_gap(dr_bose: User) -> None:
    entries = write(5)
    assert seal(settled=AHEAD) == 5
    rows = list(AccessSeal.objects.order_by("sequence"))
    assert [row.sequence for row in rows] == [1, 2, 3, 4, 5]
    assert [row.entry_id for row in rows] == sorted(entries)
    chain = START
    for row in rows:
        assert row.entry_hash == hash_entry(AccessEntry.objects.values(*FIELDS).get(id=row.entry_id))
        chain = hash_link(chain, row.entry_hash)
        assert row.chain_hash == chain
    assert seal(settled=AHEAD) == 0


def test_an_entry_of_this_moment_waits() -> None:
    write()
    assert seal() == 0


def test_an_entry_that_commits_late_is_sealed_too() -> None:
    late = clock.now() - timedelta(minutes=5)
    newer = entry_of(clock.now() - timedelta(minutes=1))
    assert seal() == 1
    older = entry_of(late)
    assert seal() == 1
    assert sealed() == [newer, older]


def test_what_is_out_of_reach_of_the_frequent_run_is_sealed_at_night() -> None:
    entry_of(clock.now() - timedelta(minutes=1))
    seal()
    very_late = entry_of(clock.now() - REACH - timedelta(hours=1))
    assert seal() == 0
    assert seal_late() == 1
    assert sealed()[-1] == very_late


def test_a_sealer_that_was_down_for_long_leaves_nothing_out() -> None:
    entry_of(clock.now() - timedelta(days=9))
    seal()
    entries = [entry_of(clock.now() - timedelta(days=days)) for days in (8, 5, 1)]
    assert seal() == 3
    assert sealed()[1:] == entries


def test_many_entries_are_sealed_in_batches(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(seals, "BATCH", 4)
    write(10)
    assert seal(settled=AHEAD) == 10
    assert AccessSeal.objects.count() == 10
    monkeypatch.setattr(seals, "BATCHES", 2)
    write(10)
    assert seal(settled=AHEAD) == 8
    assert seal(settled=AHEAD) == 2
    lock = int(connections[DEFAULT].vendor == "postgresql")
    with django_assert_num_queries(5 + lock):  # the reach, a savepoint, the last one, those to seal, its release
        assert seal(settled=AHEAD) == 0


def test_a_seal_cannot_be_changed_nor_removed() -> None:
    write()
    seal(settled=AHEAD)
    found = AccessSeal.objects.get()
    with pytest.raises(AppendOnly):
        found.save()
    with pytest.raises(AppendOnly):
        found.delete()
    with pytest.raises(AppendOnly):
        AccessSeal.objects.update(entry_hash=START)


def test_ids_tell_their_time() -> None:
    instant = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    assert instant_of(floor_id(instant)) == instant
    assert instant_of(UUID(int=2**128 - 1)).year == 1970


def test_the_scheduler_seals() -> None:
    schedule = SCHEDULE
    assert schedule["seal-access-log"]["task"] == "audit.seal"
    assert schedule["seal-access-log"]["schedule"] <= 30
    assert schedule["seal-late-entries"]["task"] == "audit.seal_late"


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_several_sealers_and_writers_at_once_make_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "BATCH", 7)
    write(40)
    failures: list[Exception] = []
    start = threading.Barrier(4)

    def run(sealer: bool) -> None:
        try:
            start.wait(timeout=10)
            for _turn in range(3):
                if sealer:
                    seal(settled=AHEAD)
                else:
                    write(10)
        except Exception as error:  # noqa: BLE001 - shown by the test
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number < 3,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    seal(settled=AHEAD)
    assert failures == []
    rows = list(AccessSeal.objects.order_by("sequence"))
    assert [row.sequence for row in rows] == list(range(1, 71))
    chain = START
    for row in rows:
        chain = hash_link(chain, row.entry_hash)
        assert row.chain_hash == chain
