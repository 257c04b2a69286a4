"""Tasks that a real worker runs in test_local_broker; each line they write is one thing that happened."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import Task, shared_task


def _say(*words: object) -> None:
    # O_APPEND: lines of several processes do not mix.
    handle = os.open(Path(os.environ["DATA_DIR"]) / "happened", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, (" ".join(map(str, words)) + "\n").encode())
    os.close(handle)


@shared_task(name="tests.slow")
def slow(seconds: float) -> None:
    _say("slow started")
    time.sleep(seconds)
    _say("slow ended")


@shared_task(bind=True, name="tests.second_time_lucky")
def second_time_lucky(self: Task[Any, Any]) -> None:
    _say("lucky try", self.request.retries)
    if self.request.retries == 0:
        raise self.retry(countdown=1)


@shared_task(name="tests.fails")
def fails() -> None:
    _say("fails started")
    raise ValueError("a name that must not be in any log")


@shared_task(name="tests.dies")
def dies() -> None:
    _say("dies")
    os.kill(os.getpid(), signal.SIGKILL)
