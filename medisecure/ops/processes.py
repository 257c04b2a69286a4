"""Runs several programs as one: started together, logged to files, restarted when they fall, stopped together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

_PR_SET_PDEATHSIG = 1
RESTARTS = 5
STOP_SECONDS = 10.0


def _die_with_parent() -> None:
    """Linux: the child is told to stop when this process ends, even when it is killed outright."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Program:
    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    falls: int = 0

    def start(self, environment: Mapping[str, str]) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            # A session of its own, so that Ctrl-C in the terminal reaches the supervisor alone and the order of
            # stopping is ours.
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self.started = time.monotonic()

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int, *, group: bool = False) -> None:
        if self.process is None or (not group and self.process.poll() is not None):
            return
        try:
            if group:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
        except ProcessLookupError:
            return

    def tail(self, lines: int = 15) -> str:
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


class Fell(Exception):
    """A program ended by itself more often than a passing fault explains."""


@dataclass
class Supervisor:
    """Use as a context manager: whatever happens inside, every program is stopped at its end."""

    environment: Mapping[str, str]
    programs: list[Program] = field(default_factory=list)
    stopping: bool = False

    def __enter__(self) -> Supervisor:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        # Ends a wait that is under way; a second signal must not interrupt the stopping itself.
        for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    def start(self, name: str, command: Sequence[str], log: Path) -> Program:
        program = Program(name, command, log)
        self.programs.append(program)
        program.start(self.environment)
        return program

    def watch_once(self) -> None:
        """Start again what fell. Raises Fell after RESTARTS falls in a row, each within a minute of its start."""
        for program in self.programs:
            if program.running():
                continue
            program.falls = program.falls + 1 if time.monotonic() - program.started < 60 else 1
            if program.falls > RESTARTS:
                raise Fell(f"{program.name} ends as soon as it starts. The end of {program.log}:\n{program.tail()}")
            time.sleep(min(0.5 * program.falls, 3))
            program.start(self.environment)

    def watch(self) -> None:
        while not self.stopping:
            self.watch_once()
            time.sleep(0.5)

    def stop(self) -> None:
        """SIGTERM to each, last started first stopped; what is left of a group after STOP_SECONDS is killed."""
        self.stopping = True
        for program in reversed(self.programs):
            program.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for program in self.programs:
            if program.process is not None:
                try:
                    program.process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    program.signal(signal.SIGKILL, group=True)
                    program.process.wait()
                program.signal(signal.SIGKILL, group=True)
