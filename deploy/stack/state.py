"""`stack.json`: what the stack in a folder consists of, so that any later command can find, use and stop it."""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.stack.process import Process

FORMAT = 1
FILE_NAME = "stack.json"


class NotAStack(Exception):
    """The folder is not one that `bin/stack up` made."""


@dataclass
class Running:
    """One server's record. `processes` start with the helpers (epmd) and end with the server itself."""

    port: int
    processes: list[Process] = field(default_factory=list)
    version: str = ""
    seconds: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    # Files a server makes outside the folder whatever it is told (SeaweedFS's gRPC sockets): removed by `down`.
    outside: list[str] = field(default_factory=list)

    def alive(self) -> bool:
        """True when every process of the server runs."""
        return bool(self.processes) and all(process.alive() for process in self.processes)


@dataclass
class Missing:
    """A server that cannot be started here, and what would help."""

    server: str
    program: str
    package: str
    advice: str


@dataclass
class State:
    """The whole record. `ports` and `secrets` are by name; `servers` by server name."""

    folder: str
    marker: str
    ports: dict[str, int]
    secrets: dict[str, str]
    servers: dict[str, Running] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    # A folder elsewhere for servers that run as a user who cannot enter `folder` (a checkout in root's home).
    annex: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Change the record inside, alone; it is then written in one step, readable by its owner only (passwords)."""
        with self._lock:
            yield
            target = Path(self.folder) / FILE_NAME
            draft = target.with_suffix(".new")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
            draft.replace(target)


def load(folder: Path) -> State | None:
    """The record in `folder`; None when the folder is absent or empty. Raises NotAStack for anything else."""
    path = folder / FILE_NAME
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if folder.exists() and any(entry.name != ".lock" for entry in folder.iterdir()):
            raise NotAStack(f"{folder} is not empty and was not made by bin/stack") from None
        return None
    except ValueError as error:
        raise NotAStack(f"{path} cannot be read: {error}") from error
    if data.get("format") != FORMAT:
        raise NotAStack(f"{path} was written by another version of bin/stack")
    servers = {
        name: Running(**{**record, "processes": [Process(**process) for process in record["processes"]]})
        for name, record in data["servers"].items()
    }
    missing = [Missing(**record) for record in data["missing"]]
    return State(
        # The folder may have been reached by another name, or moved: trust where we found it.
        folder=str(folder),
        marker=data["marker"],
        ports=data["ports"],
        secrets=data["secrets"],
        servers=servers,
        missing=missing,
        annex=data["annex"],
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One command at a time for each folder; the folder is made when it is absent."""
    if not folder.exists():
        folder.mkdir(parents=True)
        # Servers that run as another user pass through; nobody lists it, and what is secret in it is closed by itself.
        folder.chmod(0o711)
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
