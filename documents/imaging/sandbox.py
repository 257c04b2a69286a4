"""Runs code that reads strangers' bytes in a process of its own, with an end to its time and memory.

Decoders are C and C++. What a damaged or hostile file makes of them must cost one file and not the worker: a message
whose worker dies comes back, and would kill the next one.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

_ANSWER: Final = 4 * 1024 * 1024
_PR_SET_PDEATHSIG: Final = 1


class OutOfBounds(Exception):
    """The work needed more time or memory than it may have, or its process died."""


class Failed(Exception):
    """The work raised; `kind` is the name of the error's class, and nothing of what it says."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds on the wall and bytes beyond what the worker has already; `file_bytes` for each file that is written."""

    seconds: float = 240.0
    memory: int = 1536 * 1024 * 1024
    file_bytes: int = 4 * 1024 * 1024 * 1024


def run(work: Callable[[], dict[str, Any]], limits: Limits) -> dict[str, Any]:
    """What `work` returns (it goes through JSON), done in a child of this process. Raises `OutOfBounds`, `Failed`."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_child(work, limits, writing)
    os.close(writing)
    try:
        answer = _listen(reading, limits.seconds)
    finally:
        os.close(reading)
        _kill(child)
        status = os.waitpid(child, 0)[1]
    if answer is None:
        log.warning("imaging: a decoder was stopped after %.0f s", limits.seconds)
        raise OutOfBounds
    if not answer:
        log.warning("imaging: a decoder died (%s)", os.waitstatus_to_exitcode(status))
        raise OutOfBounds
    found: dict[str, Any] = json.loads(answer)
    if "failed" in found:
        if found["failed"] == "MemoryError":
            raise OutOfBounds
        raise Failed(str(found["failed"]))
    result: dict[str, Any] = found["result"]
    return result


def _listen(reading: int, seconds: float) -> bytes | None:
    """The whole answer; empty when the child died before it; None when its time was over."""
    deadline = time.monotonic() + seconds
    pieces: list[bytes] = []
    size = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            return None
        piece = os.read(reading, 65536)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
        if size > _ANSWER:
            return b""


def _kill(child: int) -> None:
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:  # pragma: no cover - it is not waited for yet, so it is there
        return


def _be_child(work: Callable[[], dict[str, Any]], limits: Limits, writing: int) -> None:
    """Never returns: nothing of the parent (connections, `atexit`) may be used or closed here."""
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if sys.platform.startswith("linux"):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # What the parent has open (databases, broker) is no business of a decoder.
        os.closerange(3, writing)
        os.closerange(writing + 1, 4096)
        # A decoder that complains would quote the file in our log.
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        _limit(limits)
        try:
            answer: dict[str, Any] = {"result": work()}
        except BaseException as error:  # noqa: BLE001 - whatever a decoder raises, its name goes to the parent
            answer = {"failed": type(error).__name__}
        view = memoryview(json.dumps(answer).encode())
        while view:
            view = view[os.write(writing, view) :]
        code = 0
    finally:
        os._exit(code)


def _limit(limits: Limits) -> None:
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_bytes, limits.file_bytes))
    if sys.platform.startswith("linux"):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        size = pages * resource.getpagesize() + limits.memory
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
