"""The stack as a whole: up, down, start, stop, and what it tells the application."""

from __future__ import annotations

import base64
import hashlib
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from deploy.stack import ports, process, state
from deploy.stack.environment import shell
from deploy.stack.process import ToolFailed
from deploy.stack.programs import Program, locate
from deploy.stack.servers import APP_PORTS, SERVERS, STARTED_BY_UP, Context, Server
from deploy.stack.state import Missing, Running, State
from deploy.stack.wire import NotReady

Say = Callable[[str], None]


class StackError(Exception):
    """The command could not be done; the text says which server, why, and the end of its log."""


class Cancelled(Exception):
    """Somebody stopped the start."""


def missing_programs(names: Iterable[str], find: Callable[[Program], Path | None] = locate) -> list[Missing]:
    """For each server, the first program it needs that is not on this machine."""
    result = []
    for name in names:
        for program in SERVERS[name].needs:
            if find(program) is None:
                result.append(Missing(name, program.name, program.package, program.advice()))
                break
    return result


def annex_for(folder: Path, token: str) -> str:
    """A folder for the servers that run as another user, when one of these cannot enter `folder`; else empty.

    (A capability to pass through closed folders is not enough: access(2), which MariaDB asks, does not honour it.)
    """
    accounts = [process.account_for(*server.accounts) for server in SERVERS.values() if server.accounts]
    annex = Path(tempfile.gettempdir()) / f"medisecure-stack-{token}"
    closed = any(account and not process.reachable(folder / "server", account) for account in accounts)
    return str(annex) if closed else ""


def new_state(folder: Path, base: int) -> State:
    """A fresh record: ports of the block from `base`, new secrets."""
    token = secrets.token_hex(8)
    names = [port for server in SERVERS.values() for port in server.port_names]
    tokens = [secret for server in SERVERS.values() for secret in server.secret_names]
    return State(
        folder=str(folder),
        # Not the folder's name alone: the processes of an earlier stack in the same folder are not ours.
        marker=f"{folder}#{token}",
        ports=ports.assign(base, [*names, *APP_PORTS]),
        secrets={name: secrets.token_hex(16) for name in [*tokens, "django", "metrics"]},
        annex=annex_for(folder, token),
    )


def common_variables(record: State) -> dict[str, str]:
    """What the application needs besides its servers, to start as it would in production."""
    folder = Path(record.folder)
    return {
        # Checks of the application ask for a long secret: one token is 128 bits, two are plenty.
        "SECRET_KEY": record.secrets["django"] * 2,
        "FIELD_KEYS": base64.b64encode(hashlib.sha256(f"fields {record.secrets['django']}".encode()).digest()).decode(),
        "ALLOWED_HOSTS": f"localhost,{ports.HOST}",
        "PUBLIC_URL": f"https://localhost:{record.ports['haproxy_https']}",
        "DATA_DIR": str(folder / "data"),
        # A developer signs in as staff without enrolling an authenticator first; tests of MFA ask for "required".
        "STAFF_MFA": "optional",
        "METRICS_TOKEN": record.secrets["metrics"],
        "STACK_DIR": str(folder),
        "STACK_APP_PORTS": " ".join(str(record.ports[name]) for name in APP_PORTS),
    }


class Stack:
    """The stack in one folder. The methods expect the folder's lock to be held (`state.locked`)."""

    def __init__(self, folder: Path, say: Say = print) -> None:
        self.folder = folder.resolve()
        self.say = say
        self.record = state.load(self.folder)
        self.cancelled = threading.Event()

    # Looking ------------------------------------------------------------------------------------------------

    def _record(self) -> State:
        if self.record is None:
            raise StackError(f"no stack in {self.folder}: run bin/stack up")
        return self.record

    def server(self, name: str) -> Server:
        """The server's description, bound to this stack. Raises StackError for an unknown name."""
        if name not in SERVERS:
            raise StackError(f"no server is called {name}; there are: {', '.join(SERVERS)}")
        record = self._record()
        running = record.servers.get(name)

        def find(program: Program) -> Path:
            path = locate(program)
            if path is None:
                raise StackError(f"{SERVERS[name].title}: {program.advice()}")
            return path

        options = running.options if running else {}
        annex = Path(record.annex) if record.annex else None
        context = Context(self.folder, record.marker, record.ports, record.secrets, find, annex=annex, options=options)
        return SERVERS[name](context)

    def alive(self, name: str) -> bool:
        """True while the server runs."""
        running = self._record().servers.get(name)
        return running is not None and running.alive()

    def variables(self) -> dict[str, str]:
        """The application's variables: those of the servers that run, and what any start needs."""
        record = self._record()
        result: dict[str, str] = {}
        for name in SERVERS:
            if self.alive(name):
                result.update(self.server(name).variables())
        return {**result, **common_variables(record)}

    # Starting -----------------------------------------------------------------------------------------------

    def up(self, *, only: Iterable[str] = STARTED_BY_UP, require_all: bool = False) -> None:
        """Start what does not run yet, all at once. On failure, or when interrupted, undo what this call did."""
        wanted = [name for name in SERVERS if name in set(only)]
        missing = missing_programs(wanted)
        if missing and require_all:
            raise StackError("\n".join(f"{SERVERS[item.server].title}: {item.advice}" for item in missing))
        absent = {item.server for item in missing}
        fresh = self.record is None
        if self.record is None:
            with ports.free_block() as base:
                self.record = new_state(self.folder, base)
                self._start_all(wanted, absent, missing, fresh=fresh)
        else:
            self._start_all(wanted, absent, missing, fresh=fresh)

    def _start_all(self, wanted: list[str], absent: set[str], missing: list[Missing], *, fresh: bool) -> None:
        record = self._record()
        with record.change():
            record.missing = missing
        started = [name for name in wanted if name not in absent and not self.alive(name)]
        try:
            for name in wanted:
                if name not in absent and name not in started:
                    self._announce(name, "already running")
            self._start_together(started)
        except BaseException:
            if fresh:
                self.down(quiet=True)
            else:
                for name in started:
                    self.stop(name)
            raise
        for item in missing:
            self.say(f"{SERVERS[item.server].title:<11} missing: {item.advice}")
        self.write_env()

    def _start_together(self, names: list[str]) -> None:
        if not names:
            return
        pool = ThreadPoolExecutor(max_workers=len(names))
        pending: set[Future[None]] = {pool.submit(self.start, name) for name in names}
        failure: BaseException | None = None
        try:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    error = future.exception()
                    if error is not None and (failure is None or isinstance(failure, Cancelled)):
                        failure = error
                        self.cancelled.set()
        except BaseException:
            self.cancelled.set()
            raise
        finally:
            pool.shutdown(wait=True)
        if failure is not None:
            raise failure

    def start(self, name: str, options: Mapping[str, Any] | None = None) -> None:
        """Start one server and wait until it serves. Raises StackError with the end of its log."""
        record = self._record()
        if self.alive(name):
            return
        self.stop(name)  # of several processes, one may be left
        before = time.monotonic()
        old = record.servers.get(name)
        running = Running(port=record.ports[SERVERS[name].port_names[0]] if name in SERVERS else 0)
        running.options = dict(options) if options is not None else (dict(old.options) if old else {})
        with record.change():
            record.servers[name] = running
        server = self.server(name)
        try:
            self._prepare(server)
            children = []
            for launch in server.launches():
                self._check_cancelled()
                child = process.spawn(launch, server.log(), record.marker)
                children.append(child)
                with record.change():
                    running.outside = server.outside()
                    running.processes.append(process.identify(child.pid))
            version = self._wait(server, [child.poll for child in children])
        except (ToolFailed, NotReady, OSError) as error:
            end = process.tail(server.log())
            detail = f"\nThe end of {server.log().name}:\n{end}" if end else ""
            raise StackError(f"{server.title} does not start: {error}{detail}") from error
        with record.change():
            running.version, running.seconds = version, round(time.monotonic() - before, 2)
        self._announce(name, f"ready in {running.seconds:.1f} s")

    def _prepare(self, server: Server) -> None:
        done = server.folder / ".prepared"
        if done.exists():
            return
        # What an interrupted first start left half-made is of no use.
        shutil.rmtree(server.folder, ignore_errors=True)
        server.folder.parent.mkdir(exist_ok=True)
        server.folder.parent.chmod(0o711)
        server.folder.mkdir(mode=0o700)
        process.give(server.folder, server.account)
        server.prepare()
        done.touch()

    def _check_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise Cancelled

    def _wait(self, server: Server, polls: list[Callable[[], int | None]]) -> str:
        deadline = time.monotonic() + server.start_limit
        while True:
            self._check_cancelled()
            try:
                return server.probe()
            except (NotReady, ToolFailed) as error:
                ended = [code for poll in polls if (code := poll()) is not None]
                if ended:
                    raise NotReady(f"it ended with {ended[0]}") from error
                if time.monotonic() > deadline:
                    raise NotReady(f"not ready after {server.start_limit:.0f} s: {error}") from error
            time.sleep(0.05)

    def _announce(self, name: str, text: str) -> None:
        running = self._record().servers[name]
        self.say(f"{SERVERS[name].title:<11} {running.version:<10} {ports.HOST}:{running.port:<6} {text}")

    def haproxy(self, apps: list[int], signin_limit: int | None) -> None:
        """(Re)start HAProxy before these application servers."""
        self._record()
        self.stop("haproxy")
        options = {"apps": apps, "signin_limit": signin_limit, "storage": self.alive("s3")}
        self.start("haproxy", options)
        self.write_env()

    def write_env(self) -> None:
        """Keep the variables in the folder's `env` file too."""
        path = self.folder / "env"
        path.touch(mode=0o600)
        path.write_text(shell(self.variables()), encoding="utf-8")

    # Stopping -----------------------------------------------------------------------------------------------

    def stop(self, name: str) -> None:
        """Stop one server; its data, port and passwords stay for the next start."""
        record = self._record()
        running = record.servers.get(name)
        if running is None:
            return
        server = self.server(name)
        # The server before its helpers.
        for item in reversed(running.processes):
            signals = server.stop_signals
            process.stop(item, signals, server.stop_limit)
        server.clean()
        for path in running.outside:
            with suppress(OSError):
                Path(path).unlink()
        with record.change():
            running.processes, running.outside = [], []

    def down(self, *, quiet: bool = False) -> None:
        """Stop everything at once, remove the folder; nothing is left. Fine when nothing runs."""
        record = self.record
        if record is not None:
            with ThreadPoolExecutor(max_workers=len(SERVERS)) as pool:
                for error in [future.exception() for future in [pool.submit(self.stop, n) for n in record.servers]]:
                    if error is not None:
                        self.say(f"while stopping: {error}")
            strays = process.sweep(record.marker)
            if strays and not quiet:
                self.say(f"ended {len(strays)} left-over process(es)")
            if record.annex:
                shutil.rmtree(record.annex, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.exists():
            raise StackError(f"{self.folder} cannot be removed whole")
        self.record = None
