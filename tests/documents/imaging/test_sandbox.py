"""What a decoder does to itself costs one file, and never the worker."""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any

import numpy as np
import pytest

from documents.imaging import sandbox

SMALL = sandbox.Limits(seconds=10, memory=300 * 1024 * 1024)


def test_an_answer_comes_back() -> None:
    assert sandbox.run(lambda: {"pid": os.getpid()}, SMALL)["pid"] != os.getpid()


def test_an_error_says_its_name_and_nothing_else() -> None:
    def work() -> dict[str, Any]:
        raise ValueError("RAO^ASHA")

    with pytest.raises(sandbox.Failed) as caught:
        sandbox.run(work, SMALL)
    assert (caught.value.kind, "RAO" in str(caught.value)) == ("ValueError", False)


def test_a_bomb_bursts_in_its_own_process() -> None:
    def work() -> dict[str, Any]:
        return {"sum": int(np.ones(2 * 1024 * 1024 * 1024, "u1").sum())}

    with pytest.raises(sandbox.OutOfBounds):
        sandbox.run(work, SMALL)


def test_a_decoder_that_dies_is_noticed() -> None:
    def work() -> dict[str, Any]:
        ctypes.string_at(0)
        return {}

    with pytest.raises(sandbox.OutOfBounds):
        sandbox.run(work, SMALL)


def test_a_decoder_that_does_not_end_is_ended() -> None:
    def work() -> dict[str, Any]:
        while True:
            pass

    started = time.monotonic()
    with pytest.raises(sandbox.OutOfBounds):
        sandbox.run(work, sandbox.Limits(seconds=0.3))
    assert time.monotonic() - started < 5


def test_nothing_is_left_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - numbers of open files, no paths
    for _ in range(3):
        sandbox.run(dict, SMALL)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
