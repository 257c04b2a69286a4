"""A whole hospital of real processes on the servers of `bin/stack`: two web servers behind HAProxy, worker, scheduler.

The stack is up before the tests start (bin/test, or `bin/stack up` and `eval "$(bin/stack env)"` by hand).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from medisecure.ops.embedded import QUEUES
from medisecure.ops.main_job.client import Http
from medisecure.ops.main_job.steps import Mailbox
from medisecure.ops.processes import Program

ROOT = Path(settings.BASE_DIR)
NEEDED = ("DATABASE_URL", "APPOINTMENTS_URL", "BILLING_URL", "S3_URL", "BROKER_URL", "REDIS_URL", "EMAIL_URL")


@dataclass
class Hospital:
    """`base` is HAProxy's address; `environment` is what each process of the hospital was started with."""

    folder: Path
    stack: Path
    environment: dict[str, str]
    programs: dict[str, Program] = field(default_factory=dict)
    base: str = ""
    mail: str = ""
    ca: str | None = None
    cast: dict[str, Any] = field(default_factory=dict)

    def manage(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            raise AssertionError(f"manage.py {command[0]}:\n{done.stdout}\n{done.stderr}")
        return done

    def servers(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, "bin/stack", "--dir", str(self.stack), *command],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, name: str, command: list[str]) -> None:
        program = Program(name, command, self.folder / f"{name}.log")
        program.start(self.environment)
        self.programs[name] = program

    def start_worker(self) -> None:
        celery = str(Path(sys.executable).parent / "celery")
        command = [celery, "-A", "medisecure", "worker", "-c", "2", "-Q", QUEUES, "--loglevel", "WARNING"]
        self.start("worker", [*command, "--without-gossip", "--without-mingle"])

    def http(self) -> Http:
        return Http(self.base, self.ca)

    def mailbox(self) -> Mailbox:
        return Mailbox(Path(self.mail))

    def stop(self) -> None:
        for program in self.programs.values():
            program.signal(15)
        for program in self.programs.values():
            if program.process is not None:
                try:
                    program.process.wait(15)
                except subprocess.TimeoutExpired:
                    program.signal(9, group=True)


def _wait_ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing or "STACK_DIR" not in os.environ:
        pytest.skip(f"not set: {', '.join(missing) or 'STACK_DIR'} (see bin/stack)")
    record = json.loads((Path(os.environ["STACK_DIR"]) / "stack.json").read_text(encoding="utf-8"))
    if record["missing"]:
        pytest.skip("; ".join(f"{item['server']}: {item['advice']}" for item in record["missing"]))
    folder = tmp_path_factory.mktemp("hospital")
    owner = {"DATABASE_OWNER_URL": os.environ["MEDISECURE_TEST_OWNER_URL"]}
    environment = {**os.environ, **owner}
    if scanner := os.environ.get("MEDISECURE_TEST_CLAMAV_URL"):
        environment["CLAMAV_URL"] = scanner
    environment |= {"DATA_DIR": str(folder), "OUTBOX_NUDGE": "1", "PROXIES": "1", "STATIC_MANIFEST": "1"}
    # No visit that a test books today is reminded of meanwhile; offers are made whatever the time is.
    environment |= {"REMINDER_HOURS": "48", "WAITING_OFFER_HOURS": "0-24"}
    for name in ("MEDISECURE_TEST_DATA_DIR", "DJANGO_SETTINGS_MODULE", "PYTEST_CURRENT_TEST"):
        environment.pop(name, None)
    found = Hospital(folder, Path(os.environ["STACK_DIR"]), environment)
    if "haproxy" in found.servers("packages", "--missing").split():
        pytest.skip("haproxy is not installed (Debian package haproxy)")
    ports = [int(port) for port in os.environ["STACK_APP_PORTS"].split()][:2]
    apps = [argument for port in ports for argument in ("--app", str(port))]
    found.servers("haproxy", *apps, "--signin-limit", "600")
    variables = json.loads(found.servers("env", "--json"))
    found.base, found.ca, found.mail = (variables[f"STACK_{name}"] for name in ("HTTPS_URL", "CA_FILE", "MAIL_DIR"))
    try:
        found.manage("prepare", "--no-demo", "--verbosity", "0")
        gunicorn = str(Path(sys.executable).parent / "gunicorn")
        for number, port in enumerate(ports):
            command = [
                gunicorn,
                "medisecure.wsgi:application",
                "--bind",
                f"127.0.0.1:{port}",
                "--worker-class",
                "gthread",
            ]
            found.start(f"web{number}", [*command, "--workers", "1", "--threads", "16", "--log-level", "warning"])
        found.start_worker()
        celery = str(Path(sys.executable).parent / "celery")
        found.start("beat", [celery, "-A", "medisecure", "beat", "--loglevel", "WARNING", "--pidfile="])
        for port in ports:
            _wait_ready(port)
        cast = folder / "cast.json"
        found.manage("check_cast", "--output", str(cast))
        found.cast = json.loads(cast.read_text(encoding="utf-8"))
        yield found
    finally:
        found.stop()
