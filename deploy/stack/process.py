"""Start processes of our own, recognise them later, and stop them, and no others.

A recorded process is a pid together with the kernel's start time of it, so a recycled pid is never signalled.
Each process also carries a marker in its environment, inherited by what it starts: `sweep` finds strays by it.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

MARKER = "MEDISECURE_STACK"
_PROC = Path("/proc")


class ToolFailed(Exception):
    """A one-off program (initdb, openssl ...) did not end well; the text holds its last lines."""


@dataclass(frozen=True)
class Account:
    """An unprivileged user that a server runs as, because it refuses to run as root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Launch:
    """How one process is started."""

    name: str
    argv: tuple[str, ...]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None


@dataclass(frozen=True)
class Process:
    """A process we started: its pid and the kernel's start time of it in clock ticks (0 where /proc is missing)."""

    pid: int
    ticks: int

    def alive(self) -> bool:
        """True while this very process runs (a zombie does not)."""
        state = _stat(self.pid)
        if state is None:
            return False
        return state[0] not in "ZX" and (self.ticks == 0 or state[1] == self.ticks)

    def group_alive(self) -> bool:
        """True while the process, or another of the group it leads, runs."""
        return self.alive() or any(True for _ in _group_members(self.pid, self.ticks))


def _stat(pid: int) -> tuple[str, int, int] | None:
    """(state, start time in ticks, process group) of `pid`, or None when there is no such process."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name, in parentheses, may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19]), int(fields[2])


def _pids() -> Iterator[int]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def _group_members(group: int, not_before: int) -> Iterator[int]:
    """Processes of `group` that started at `not_before` ticks or later (a recycled group id would be older or ours)."""
    leader = _stat(group)
    if leader is not None and not_before and leader[1] != not_before:
        return  # the pid was recycled: this group is somebody else's
    for pid in _pids():
        state = _stat(pid)
        if state and state[2] == group and state[0] not in "ZX" and state[1] >= not_before:
            yield pid


def identify(pid: int) -> Process:
    """The record of a running process."""
    state = _stat(pid)
    return Process(pid, state[1] if state else 0)


def account_for(*names: str) -> Account | None:
    """The first of these users that exists when we are root; None when we are not, and need no other user."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    return None


def give(folder: Path, account: Account | None) -> None:
    """Make `account` the owner of the folder and all that is in it; nothing to do for None."""
    if account is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def reachable(folder: Path, account: Account) -> bool:
    """True when `account` may enter every folder above `folder` (a checkout in root's home is closed to it)."""
    for parent in folder.resolve().parents:
        info = parent.stat()
        bit = 0o100 if info.st_uid == account.uid else 0o010 if info.st_gid == account.gid else 0o001
        if not info.st_mode & bit:
            return False
    return True


def base_environment(folder: Path) -> dict[str, str]:
    """A small environment: the caller's PG*, RABBITMQ_*, proxies and locale must not reach our servers."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder), "TZ": "UTC"}


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _identity(account: Account | None) -> _Identity:
    """Popen's arguments for running as `account`."""
    return _Identity(user=account.uid, group=account.gid, extra_groups=[]) if account else _Identity()


def spawn(launch: Launch, log: Path, marker: str) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, with its output appended to `log`."""
    env = {**base_environment(launch.folder), **launch.env, MARKER: marker}
    with log.open("ab") as output:
        return subprocess.Popen(
            launch.argv,
            cwd=launch.folder,
            env=env,
            **_identity(launch.account),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def run_tool(launch: Launch, *, marker: str, seconds: float = 60, stdin: str = "") -> str:
    """Run a one-off program to its end and return what it printed. Raises ToolFailed."""
    env = {**base_environment(launch.folder), **launch.env, MARKER: marker}
    try:
        done = subprocess.run(
            launch.argv,
            cwd=launch.folder,
            env=env,
            **_identity(launch.account),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            # Ctrl-C is for us: a tool that dies of it would look like a failure of its own.
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolFailed(f"{launch.name} did not end within {seconds:.0f} s") from error
    except OSError as error:
        raise ToolFailed(f"{launch.name}: {error}") from error
    if done.returncode:
        raise ToolFailed(f"{launch.name} ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.stdout


def _signal_group(process: Process, number: signal.Signals) -> None:
    """Signal the group that `process` leads, if it is still the one we started."""
    if process.group_alive():
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _reap(process: Process) -> None:
    """Take the exit status when the process is our own child, so that it does not stay as a zombie."""
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


def stop(process: Process, signals: Sequence[signal.Signals], limit: float) -> bool:
    """Stop a process and its group: each signal in turn, `limit` seconds each, at last SIGKILL.

    Returns True when the first signal was enough (or nothing ran).
    """
    for number in (*signals, signal.SIGKILL):
        deadline = time.monotonic() + limit
        again = 0.0
        while process.group_alive() and time.monotonic() < deadline:
            if time.monotonic() >= again:
                # Repeated, since a program that is just starting (Erlang) may lose the first one.
                _signal_group(process, number)
                again = time.monotonic() + 3
            _reap(process)
            time.sleep(0.02)
        _reap(process)
        if not process.group_alive():
            return number is signals[0]
    return False


def marked(marker: str) -> list[int]:
    """Pids whose environment carries our marker with exactly this value. Only what we may read is seen."""
    wanted = f"{MARKER}={marker}".encode()
    found = []
    for pid in _pids():
        if pid == os.getpid():
            continue
        with suppress(OSError):
            state = _stat(pid)
            if state and state[0] not in "ZX" and wanted in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def sweep(marker: str, limit: float = 2) -> list[int]:
    """End what still carries the marker after everything was stopped; returns the pids that had to be signalled.

    Helpers of the Erlang machine end by themselves a moment after it; a server that an interrupted `up` had no time
    to record gets SIGTERM, then SIGKILL.
    """
    found: list[int] = []
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        strays = marked(marker)
        if number is not None:
            found = list(dict.fromkeys([*found, *strays]))
            for pid in strays:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        deadline = time.monotonic() + limit
        while marked(marker) and time.monotonic() < deadline:
            time.sleep(0.05)
    return found


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log file; empty when there is none."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
