"""The command line of `bin/stack`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from deploy.stack import environment, install, programs, state
from deploy.stack.core import Cancelled, Stack, StackError
from deploy.stack.ports import NoFreePorts
from deploy.stack.servers import SERVERS, STARTED_BY_UP
from deploy.stack.state import NotAStack

DESCRIPTION = """\
Private, real servers on the loopback interface for tests and development: PostgreSQL, MongoDB's protocol, MariaDB,
S3, RabbitMQ, Redis, a mail server that delivers to a folder, and HAProxy. Ports, passwords, data and logs are the
stack's own, in one folder; the machine's own servers are not touched. `down` leaves nothing behind.

  bin/stack up && eval "$(bin/stack env)"      then run tests, or manage.py, as usual
  bin/stack haproxy --app 8001 --app 8002      HAProxy before application servers that you started
  eval "$(bin/stack env)"                       again: now with its addresses and its certificate (STACK_CA_FILE)
  bin/stack down
"""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    root = argparse.ArgumentParser(
        prog="bin/stack", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root.add_argument(
        "--dir", type=Path, default=programs.ROOT / "var" / "stack", help="the stack's folder (var/stack)"
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    # Also accepted after the command, where one expects it.
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--dir", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[folder])

    up = add("up", "start all servers and wait until they serve")
    up.add_argument("--require-all", action="store_true", help="fail when a server's program is not on this machine")
    up.add_argument("--only", metavar="NAMES", help=f"some servers, with commas: {','.join(STARTED_BY_UP)}")
    add("down", "stop all servers and remove the folder")
    add("status", "one line for each server; exit status 1 when one does not run")
    env = add("env", "print the application's variables for the servers that run, for eval")
    env.add_argument("--json", action="store_true", help="print one JSON object")
    for name in ("start", "stop", "restart"):
        add(name, f"{name} one server; its data stays").add_argument("server", choices=sorted(SERVERS))
    haproxy = add("haproxy", "(re)start HAProxy before application servers that run on these ports")
    haproxy.add_argument("--app", type=int, action="append", required=True, metavar="PORT", help="up to three times")
    haproxy.add_argument("--signin-limit", type=int, metavar="N", help="sign-ins per minute and source (60)")
    packages = add("packages", "print the Debian packages that give the servers")
    packages.add_argument("--missing", action="store_true", help="only those whose program is not found")
    add("install", "as root on Debian: install missing packages; starts no machine-wide daemon")
    return root


def _status(stack: Stack) -> int:
    record = stack.record
    if record is None:
        print(f"no stack in {stack.folder}")
        return 1
    bad = 0
    for name, server in SERVERS.items():
        running = record.servers.get(name)
        gone = next((item for item in record.missing if item.server == name), None)
        if gone is not None:
            print(f"{server.title:<11} missing: {gone.advice}")
        elif running is None:
            print(f"{server.title:<11} not started")
        else:
            alive = running.alive()
            bad += not alive
            pids = " ".join(str(item.pid) for item in running.processes)
            place = f"127.0.0.1:{running.port:<6}"
            print(f"{server.title:<11} {running.version:<10} {place} {f'runs, pid {pids}' if alive else 'stopped'}")
    return 1 if bad else 0


def _up(stack: Stack, options: argparse.Namespace) -> int:
    before = time.monotonic()
    names = options.only.split(",") if options.only else STARTED_BY_UP
    unknown = [name for name in names if name not in STARTED_BY_UP]
    if unknown:
        raise StackError(f"--only does not know {', '.join(unknown)}; there are: {', '.join(STARTED_BY_UP)}")
    stack.up(only=names, require_all=options.require_all)
    print(f"up in {time.monotonic() - before:.1f} s in {stack.folder}")
    return 0


def _in_folder(options: argparse.Namespace) -> int:
    """Commands that change the folder, one at a time."""
    folder: Path = options.dir.resolve()
    if options.command == "down" and not folder.exists():
        print(f"nothing to stop in {folder}")
        return 0
    existed = folder.exists()
    # The folder is looked at before it is locked: a folder of somebody else's must not get even a lock file.
    state.load(folder)
    with state.locked(folder):
        stack = Stack(folder)
        try:
            match options.command:
                case "up":
                    return _up(stack, options)
                case "down":
                    before = time.monotonic()
                    stack.down()
                    print(f"down in {time.monotonic() - before:.1f} s")
                case "start":
                    stack.start(options.server)
                    stack.write_env()
                case "stop":
                    stack.stop(options.server)
                    stack.write_env()
                case "restart":
                    stack.stop(options.server)
                    stack.start(options.server)
                    stack.write_env()
                case "haproxy":
                    if len(options.app) > 3:
                        raise StackError("HAProxy's configuration has room for three application servers")
                    stack.haproxy(options.app, options.signin_limit)
        finally:
            if stack.record is None and not existed and folder.exists():
                (folder / ".lock").unlink(missing_ok=True)
                folder.rmdir()
    return 0


def run(options: argparse.Namespace) -> int:
    """Do one command; returns the exit status."""
    match options.command:
        case "packages":
            print(*programs.debian_packages(missing_only=options.missing), sep="\n")
            return 0
        case "install":
            wanted = programs.debian_packages(missing_only=True)
            print(f"to install: {' '.join(wanted)}" if wanted else "nothing is missing")
            install.install(wanted)
            return 0
        case "status":
            return _status(Stack(options.dir))
        case "env":
            variables = Stack(options.dir).variables()
            sys.stdout.write(environment.as_json(variables) if options.json else environment.shell(variables))
            return 0
        case _:
            return _in_folder(options)


INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Once is enough: the cleaning-up that follows must not be interrupted by a second, impatient Ctrl-C.
    for item in INTERRUPTS:
        signal.signal(item, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, do, and turn every expected failure into a message and exit status 1."""
    options = parser().parse_args(arguments)
    # What the caller chose to ignore (nohup, a shell's background job) stays ignored.
    kept = {number: signal.getsignal(number) for number in INTERRUPTS if signal.getsignal(number) != signal.SIG_IGN}
    for number in kept:
        signal.signal(number, _interrupt)
    try:
        return run(options)
    except (StackError, NotAStack, NoFreePorts, install.CannotInstall) as error:
        print(f"bin/stack: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, Cancelled):
        print("bin/stack: interrupted; what was started has been stopped", file=sys.stderr)
        return 130
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
