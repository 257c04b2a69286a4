"""Many readers of one key cost one computation: threads, processes, an expiring key, a dead holder, no cache at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache, caches

from medisecure.kernel import single_flight
from medisecure.kernel.cache import READS, forget, remember
from medisecure.kernel.single_flight import try_lock

READERS = 50


class Slow:
    """A computation that takes a while and counts how often it was done."""

    def __init__(self, value: object = "value", seconds: float = 0.3) -> None:
        self.value, self.seconds, self.count = value, seconds, 0
        self._lock = threading.Lock()

    def __call__(self) -> object:
        with self._lock:
            self.count += 1
        time.sleep(self.seconds)
        return self.value


def at_once(read: Callable[[], Any], readers: int = READERS) -> list[Any]:
    """The answers of so many threads that start together."""
    answers: list[Any] = []
    start = threading.Barrier(readers)

    def one() -> None:
        start.wait()
        answers.append(read())

    threads = [threading.Thread(target=one) for _number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def reads(result: str) -> float:
    return READS.labels("other", result)._value.get()  # type: ignore[no-any-return, unused-ignore]


def test_fifty_threads_compute_a_cold_key_once() -> None:
    slow, waited = Slow(), reads("wait")
    answers = at_once(lambda: remember("x", 60, slow))
    assert slow.count == 1
    assert [value for value, _kept in answers] == ["value"] * READERS
    assert sum(not kept for _value, kept in answers) == 1
    assert reads("wait") - waited == READERS - 1


def test_a_dropped_key_is_computed_once_too() -> None:
    remember("x", 60, lambda: "old")
    forget("x")
    slow = Slow("new")
    assert {value for value, _kept in at_once(lambda: remember("x", 60, slow))} == {"new"}
    assert slow.count == 1


@pytest.mark.long
def test_before_a_key_expires_one_reader_renews_it_and_nobody_waits() -> None:
    remember("x", 2, lambda: "old")
    time.sleep(1.7)  # in the last fifth
    slow, renewed = Slow("new", seconds=0.5), reads("renew")
    started = time.monotonic()
    waits: list[float] = []

    def read() -> object:
        value, _kept = remember("x", 2, slow)
        waits.append(time.monotonic() - started)
        return value

    answers = at_once(read, 20)
    assert slow.count == 1
    assert (answers.count("old"), answers.count("new")) == (19, 1)
    assert sorted(waits)[-2] < 0.5, "only the one who renews takes its time"
    assert reads("renew") - renewed == 1
    assert remember("x", 2, lambda: "later") == ("new", True)


@pytest.mark.long
def test_eight_processes_compute_a_cold_key_once(tmp_path: Path) -> None:
    log = tmp_path / "computed"
    go = tmp_path / "go"
    code = f"""
import django, time, pathlib
django.setup()
from medisecure.kernel.cache import remember
def slow():
    with open({str(log)!r}, "a") as file:
        file.write("x")
    time.sleep(0.5)
    return 7
print("ready", flush=True)
while not pathlib.Path({str(go)!r}).exists():
    time.sleep(0.005)
print(remember("shared", 60, slow)[0])
"""
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "medisecure.settings"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _number in range(8)
    ]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    go.touch()
    assert [program.communicate(timeout=60)[0] for program in programs] == ["7\n"] * 8
    assert log.read_text() == "x"


@pytest.mark.long
def test_a_holder_that_died_blocks_for_no_longer_than_its_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_flight, "LOCK_SECONDS", 0.5)
    redis = "redis" in settings.CACHES["default"]["BACKEND"].lower()
    remember("x", 60, lambda: 0)
    generation = cache.get("generation:x")
    cache.delete(f"x::{generation}")
    slow = Slow(seconds=0.1)
    if redis:
        # Taken and never released, as by a process that was killed; Redis itself ends it.
        cache.lock(f"lock:x::{generation}", timeout=0.5, blocking=False).acquire()  # type: ignore[attr-defined]
    else:
        program = subprocess.Popen(
            [sys.executable, "-c", _HOLD % (f"x::{generation}",)],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "medisecure.settings"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert program.stdout is not None
        assert program.stdout.readline() == "held\n"
        program.kill()
        program.wait()
    started = time.monotonic()
    assert {value for value, _kept in at_once(lambda: remember("x", 60, slow), 10)} == {"value"}
    assert slow.count == 1
    assert time.monotonic() - started < 3


_HOLD = """
import django, time
django.setup()
from medisecure.kernel.single_flight import try_lock
with try_lock(%r) as mine:
    assert mine
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_holder_that_never_ends_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medisecure.kernel.cache.WAIT_SECONDS", 0.2)
    monkeypatch.setattr(single_flight, "LOCK_SECONDS", 30)
    remember("x", 60, lambda: 0)
    generation = cache.get("generation:x")
    cache.delete(f"x::{generation}")
    with try_lock(f"x::{generation}") as mine:
        assert mine
        with try_lock(f"x::{generation}") as second:
            assert not second
        assert remember("x", 60, lambda: "own") == ("own", False)


def test_a_failure_is_the_callers_and_is_not_kept() -> None:
    def fail() -> object:
        raise LookupError

    with pytest.raises(LookupError):
        remember("x", 60, fail)
    assert remember("x", 60, lambda: "well") == ("well", False)


def test_without_a_cache_threads_of_a_process_share_one_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError

    for name in ("get", "set", "get_or_set"):
        # On the class: each thread has a client of its own.
        monkeypatch.setattr(type(caches["default"]), name, away)
    slow, errors = Slow(["a list"]), reads("error")
    answers = at_once(lambda: remember("x", 60, slow)[0])
    assert slow.count == 1
    assert reads("error") - errors == READERS
    # Copies: what one reader does to its answer is not another's.
    answers[0].append("mine")
    assert sum(answer == ["a list"] for answer in answers) == READERS - 1
    forget("x")
    assert remember("x", 60, lambda: "after the change") == ("after the change", False)


def test_the_metric_tells_hits_from_misses() -> None:
    hits, misses = reads("hit"), reads("miss")
    remember("x", 60, lambda: 1)
    remember("x", 60, lambda: 1)
    remember("y", 60, lambda: 1)
    assert (reads("hit") - hits, reads("miss") - misses) == (1, 2)
