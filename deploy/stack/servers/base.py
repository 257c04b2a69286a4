"""What every server of the stack has in common."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from deploy.stack import process
from deploy.stack.environment import url
from deploy.stack.ports import HOST
from deploy.stack.process import Account, Launch
from deploy.stack.programs import Program

USER = "medisecure"
DATABASE = "medisecure"


@dataclass
class Context:
    """What a server may know of its stack. `find` gives the path of a program that is known to be there."""

    folder: Path
    marker: str
    ports: Mapping[str, int]
    secrets: Mapping[str, str]
    find: Callable[[Program], Path]
    host: str = HOST
    # In the place of `folder` for servers that run as another user, where that user cannot enter `folder`.
    annex: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)


class Server(ABC):
    """One server: how it is prepared, started, recognised as ready, named to the application and stopped."""

    name: ClassVar[str]
    title: ClassVar[str]
    # Names of its ports (the first is the one clients use), of its secrets, and the programs it needs.
    port_names: ClassVar[tuple[str, ...]]
    secret_names: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[Program, ...]]
    accounts: ClassVar[tuple[str, ...]] = ()
    stop_signals: ClassVar[Sequence[signal.Signals]] = (signal.SIGTERM,)
    start_limit: ClassVar[float] = 60.0
    stop_limit: ClassVar[float] = 15.0

    def __init__(self, context: Context) -> None:
        self.context = context
        self.host = context.host
        self.account: Account | None = process.account_for(*self.accounts) if self.accounts else None
        self.folder = (context.annex if self.account and context.annex else context.folder) / self.name

    @property
    def port(self) -> int:
        """The port that clients use."""
        return self.context.ports[self.port_names[0]]

    @property
    def password(self) -> str:
        """The application's password (the first secret)."""
        return self.context.secrets[self.secret_names[0]]

    def log(self) -> Path:
        """The server's log file."""
        return self.context.folder / f"{self.name}.log"

    def program(self, program: Program) -> str:
        """The path of one of the programs in `needs`."""
        return str(self.context.find(program))

    def tool(self, *argv: str, env: Mapping[str, str] | None = None, stdin: str = "", seconds: float = 60) -> str:
        """Run a one-off program in the server's folder, as the server's user. Raises ToolFailed."""
        launch = Launch(Path(argv[0]).name, argv, self.folder, env or {}, self.account)
        return process.run_tool(launch, marker=self.context.marker, stdin=stdin, seconds=seconds)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the server's folder, readable by its owner only."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        process.give(path, self.account)
        return path

    def prepare(self) -> None:  # noqa: B027 (most servers need it, one may not)
        """Make the data folder and configuration; called once, before the first start."""

    @abstractmethod
    def launches(self) -> list[Launch]:
        """The processes to start, helpers first, the server last."""

    @abstractmethod
    def probe(self) -> str:
        """The server's version when it is ready to serve. Raises wire.NotReady or process.ToolFailed."""

    def variables(self) -> dict[str, str]:
        """The application's variables for this server."""
        return {}

    def url(self, scheme: str, *, user: str = USER, path: str = "", query: Mapping[str, str] | None = None) -> str:
        """The URL by which the application signs in to this server."""
        return url(scheme, self.host, self.port, user=user, password=self.password, path=path, query=query)

    def outside(self) -> list[str]:
        """Files that the running server keeps outside the stack's folder."""
        return []

    def clean(self) -> None:  # noqa: B027 (only some leave anything)
        """Remove what a killed server leaves in the kernel; called after the processes have ended."""
