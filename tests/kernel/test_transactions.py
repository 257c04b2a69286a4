"""One `atomic` that is right on whatever engine stands behind each alias."""

from __future__ import annotations

import threading

import pytest
from django.db import DatabaseError, OperationalError, connections

from medisecure.kernel import transactions
from medisecure.kernel.databases import ALIASES
from medisecure.kernel.errors import Busy
from medisecure.kernel.outbox import outbox
from medisecure.kernel.transactions import atomic, in_atomic, on_commit, transactional
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)


class Planned(Exception):
    pass


def names(alias: str) -> list[str]:
    return list(outbox(alias).objects.order_by("id").values_list("name", flat=True))


@pytest.mark.parametrize("alias", ALIASES)
def test_what_is_inside_commits_together(alias: str) -> None:
    with atomic(alias):
        outbox(alias).objects.create(name="one")
        outbox(alias).objects.create(name="two")
        assert in_atomic(alias)
    assert names(alias) == ["one", "two"]
    assert not in_atomic(alias)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_error_undoes_everything(alias: str) -> None:
    with pytest.raises(Planned), atomic(alias):
        outbox(alias).objects.create(name="one")
        raise Planned
    assert names(alias) == []


@pytest.mark.parametrize("alias", ALIASES)
def test_a_failed_inner_block_never_leaves_half_of_itself(alias: str) -> None:
    """With savepoints the outer block goes on without it; without them (MongoDB) the outer block fails too."""
    has_savepoints = connections[alias].vendor != "mongodb"
    try:
        with atomic(alias):
            outbox(alias).objects.create(name="outer")
            with pytest.raises(Planned), atomic(alias):
                outbox(alias).objects.create(name="inner")
                raise Planned
    except transactions.TransactionDoomed:
        assert not has_savepoints
    assert names(alias) == (["outer"] if has_savepoints else [])


@pytest.mark.parametrize("alias", ALIASES)
def test_commit_hooks_run_after_the_commit_and_not_after_a_rollback(alias: str) -> None:
    seen: list[str] = []
    with atomic(alias):
        outbox(alias).objects.create(name="one")
        on_commit(alias, lambda: seen.append("committed"))
        assert seen == []
    assert seen == ["committed"]
    with pytest.raises(Planned), atomic(alias):
        on_commit(alias, lambda: seen.append("never"))
        raise Planned
    with atomic(alias):
        pass
    assert seen == ["committed"]


@pytest.mark.parametrize("alias", ALIASES)
def test_two_writers_of_one_row_both_arrive(alias: str) -> None:
    """Read, add one, write: whoever loses the race is run again, so no increment is lost."""
    outbox(alias).objects.create(name="counter", payload={"n": 0})
    start = threading.Barrier(8)
    errors: list[BaseException] = []

    @transactional(alias)
    def increment() -> None:
        rows = outbox(alias).objects.filter(name="counter")
        # The lock on engines that have one; MongoDB tells the loser of a conflict instead.
        row = rows.get() if connections[alias].vendor == "mongodb" else rows.select_for_update().get()
        row.payload = {"n": row.payload["n"] + 1}
        row.save(update_fields=["payload"])

    def run() -> None:
        start.wait()
        try:
            increment()
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)
        finally:
            connections[alias].close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert outbox(alias).objects.get(name="counter").payload == {"n": 8}


def test_a_lost_race_is_run_again_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "is_transient", lambda connection, error: isinstance(error, OperationalError))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    calls = []

    @transactional("default")
    def loses(times: int) -> str:
        calls.append(1)
        if len(calls) <= times:
            raise OperationalError("lost")
        return "done"

    assert loses(3) == "done"
    assert len(calls) == 4
    calls.clear()
    with pytest.raises(Busy):
        loses(1000)
    assert len(calls) == transactions.ATTEMPTS


def test_other_errors_are_not_run_again() -> None:
    calls = []

    @transactional("default")
    def fails() -> None:
        calls.append(1)
        raise DatabaseError("a fault")

    with pytest.raises(DatabaseError):
        fails()
    assert len(calls) == 1
