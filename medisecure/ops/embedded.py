"""`bin/run` once its environment is there: prepare the data, start web server, worker and scheduler, and watch them."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medisecure.kernel.event_queues import QUEUES as ALL_QUEUES
from medisecure.ops.processes import Fell, Program, Supervisor

ROOT = Path(__file__).resolve().parent.parent.parent
QUEUES = ",".join(ALL_QUEUES)
READY_SECONDS = 60.0
#: What moves a part to a server. The embedded start is embedded, whatever the shell that starts it has set.
SERVER_VARIABLES = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "APPOINTMENTS_URL",
    "BILLING_URL",
    "S3_URL",
    "S3_PUBLIC_URL",
    "BROKER_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "CLAMAV_URL",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/run", description="Start the embedded hospital.")
    parser.add_argument("--port", type=int, default=8000, help="port of the web server (default 8000; 0: a free one)")
    parser.add_argument("--no-demo", action="store_true", help="start without demonstration data")
    parser.add_argument("--check", action="store_true", help="do the main job over HTTP on data of its own")
    found = parser.parse_args()
    if not 0 <= found.port <= 65535:
        parser.error("--port: a whole number from 0 to 65535")
    return found


def _environment(data: Path, port: int) -> dict[str, str]:
    values = {key: value for key, value in os.environ.items() if key.removesuffix("_FILE") not in SERVER_VARIABLES}
    values |= {
        "DATA_DIR": str(data),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DJANGO_SETTINGS_MODULE": "medisecure.settings",
    }
    return values


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port} is in use. Choose another one: bin/run --port {port + 1}")
        return int(probe.getsockname()[1])


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """Two hospitals on one folder would both be the scheduler."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"A hospital is running on {data} already. Stop it, or set DATA_DIR to another folder.")
        yield


def _manage(environment: dict[str, str], *command: str) -> None:
    done = subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=False)
    if done.returncode:
        sys.exit(f"manage.py {command[0]} failed; the lines above say why.")


def start_programs(supervisor: Supervisor, data: Path, port: int) -> None:
    """Web server, worker and scheduler, each with its log in `logs/`."""
    logs = data / "logs"
    bin_folder = Path(sys.executable).parent
    web = [str(bin_folder / "gunicorn"), "medisecure.wsgi:application", "--bind", f"127.0.0.1:{port}"]
    web += [
        "--worker-class",
        "gthread",
        "--workers",
        "1",
        "--threads",
        "8",
        "--timeout",
        "60",
        "--graceful-timeout",
        "5",
    ]
    web += ["--log-level", "warning"]
    supervisor.start("web server", web, logs / "web.log")
    celery = [str(bin_folder / "celery"), "-A", "medisecure"]
    worker = [*celery, "worker", "--pool", "prefork", "-c", "2", "-Q", QUEUES, "--loglevel", "WARNING"]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    supervisor.start("worker", worker, logs / "worker.log")
    # A scheduler that was killed leaves its pid file behind; the lock on the folder says that there is no other one.
    beat = [*celery, "beat", "--loglevel", "WARNING", "--pidfile="]
    supervisor.start("scheduler", beat, logs / "scheduler.log")


def wait_until_ready(supervisor: Supervisor, port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        supervisor.watch_once()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    web: Program = supervisor.programs[0]
    raise Fell(f"The web server was not ready in {READY_SECONDS:.0f} s. The end of {web.log}:\n{web.tail()}")


def serve(options: argparse.Namespace, started: float) -> None:
    data = Path(os.environ.get("DATA_DIR") or ROOT / "var").expanduser().resolve()
    port = _free_port(options.port)
    with _only_one(data):
        environment = _environment(data, port)
        _manage(environment, "prepare", *(["--no-demo"] if options.no_demo else []))
        with Supervisor(environment) as supervisor:
            try:
                start_programs(supervisor, data, port)
                wait_until_ready(supervisor, port)
                _welcome(data, port, time.monotonic() - started)
                supervisor.watch()
            except KeyboardInterrupt:
                print("\nStopping …", flush=True)
            except Fell as error:
                sys.exit(str(error))
    print("Stopped. The data is kept.", flush=True)


def _welcome(data: Path, port: int, seconds: float) -> None:
    print(f"\nMediSecure is ready ({seconds:.1f} s):  http://127.0.0.1:{port}/\n")
    sign_ins = data / "demo-sign-ins.json"
    if sign_ins.exists():
        rows = json.loads(sign_ins.read_text(encoding="utf-8"))
        for row in rows:
            print(f"  {row['role']:<16} {row['email']:<34} {row['password']}")
        print("\n  Staff work at /admin/, patients at /, mobile apps at /api/docs.")
    else:
        print("  No accounts yet: .venv/bin/python manage.py createsuperuser")
    print(f"  Mails are files in {data / 'mail'}, logs are in {data / 'logs'}.\n  Ctrl-C stops everything.", flush=True)


def check() -> int:
    """The main job on a hospital of its own, in a folder that is removed afterwards. Returns the exit code."""
    from medisecure.ops.main_job.embedded import run_embedded

    with tempfile.TemporaryDirectory(prefix="medisecure-check-") as folder:
        data, port = Path(folder), _free_port(0)
        environment = _environment(data, port)
        _manage(environment, "prepare", "--no-demo", "--verbosity", "0")
        with Supervisor(environment) as supervisor:
            try:
                start_programs(supervisor, data, port)
                wait_until_ready(supervisor, port)
                return run_embedded(f"http://127.0.0.1:{port}", data, environment)
            except KeyboardInterrupt:
                return 1
            except Fell as error:
                print(error)
                return 1


def main() -> None:
    started = time.monotonic()
    # Records, mails and logs are for this user's eyes alone, whatever the shell's mask is.
    os.umask(0o077)
    options = arguments()
    if options.check:
        sys.exit(check())
    serve(options, started)


if __name__ == "__main__":
    main()
