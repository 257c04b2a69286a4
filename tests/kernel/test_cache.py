"""Hot reads: kept, dropped at a change, and never stale because of a slow reader."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.cache import cache

from medisecure.kernel.cache import forget, forget_on_commit, remember
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import atomic


def test_the_second_read_is_kept() -> None:
    assert remember("x", 60, lambda: "value") == ("value", False)
    assert remember("x", 60, lambda: "another") == ("value", True)


def test_nothing_is_a_value_too() -> None:
    kept: list[str | None] = [None, "other"]
    remember("x", 60, lambda: kept[0])
    assert remember("x", 60, lambda: kept[1]) == (None, True)


def test_a_scope_has_several_names() -> None:
    remember("x", 60, lambda: 1, name="a")
    assert remember("x", 60, lambda: 2, name="b") == (2, False)
    forget("x")
    assert remember("x", 60, lambda: 3, name="a") == (3, False)


def test_forgetting_one_scope_leaves_the_others() -> None:
    remember("x", 60, lambda: 1)
    remember("y", 60, lambda: 1)
    forget("x")
    assert remember("y", 60, lambda: 2) == (1, True)


def test_a_slow_reader_does_not_bring_back_what_was_dropped() -> None:
    """It read the old value before the change and writes it after: under a mark where nobody looks."""

    def slow() -> str:
        forget("x")
        return "old"

    assert remember("x", 60, slow) == ("old", False)
    assert remember("x", 60, lambda: "new") == ("new", False)


@pytest.mark.django_db(transaction=True)
def test_a_change_drops_at_its_commit_and_not_at_its_rollback() -> None:
    class Planned(Exception):
        pass

    remember("x", 60, lambda: 1)
    with pytest.raises(Planned), atomic(DEFAULT):
        forget_on_commit(DEFAULT, "x")
        raise Planned
    assert remember("x", 60, lambda: 2) == (1, True)
    with atomic(DEFAULT):
        assert remember("x", 60, lambda: 2) == (1, True)
        forget_on_commit(DEFAULT, "x")
    assert remember("x", 60, lambda: 2) == (2, False)


@pytest.mark.django_db(transaction=True)
def test_what_is_not_committed_is_not_kept() -> None:
    class Planned(Exception):
        pass

    remember("x", 60, lambda: "before")
    with pytest.raises(Planned), atomic(DEFAULT):
        forget_on_commit(DEFAULT, "x", "y")
        # The writer reads its own change; nobody else does, and it is undone.
        assert remember("x", 60, lambda: "never committed") == ("never committed", False)
        assert remember("y", 60, lambda: "never committed") == ("never committed", False)
        raise Planned
    assert remember("x", 60, lambda: "other") == ("before", True)
    assert remember("y", 60, lambda: "right") == ("right", False)


@pytest.mark.django_db(transaction=True)
def test_a_process_that_dies_before_it_drops_leaves_the_old_value_for_its_lifetime_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remember("x", 1, lambda: "old")
    with atomic(DEFAULT):
        forget_on_commit(DEFAULT, "x")
        # What a kill between the commit and the dropping leaves undone.
        monkeypatch.setattr("medisecure.kernel.cache.forget", lambda *scopes: None)
    assert remember("x", 1, lambda: "new") == ("old", True)
    time.sleep(1.1)
    assert remember("x", 1, lambda: "new") == ("new", False)


def test_a_cache_that_is_away_costs_speed_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError

    for name in ("get", "set", "get_or_set"):
        monkeypatch.setattr(cache, name, away)
    assert remember("x", 60, lambda: 1) == (1, False)
    forget("x")
