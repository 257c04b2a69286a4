"""The parts of `bin/test`, in order, and their summary. Standard library only."""

from __future__ import annotations

import base64
import json
import os
import resource
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree  # our own test runner wrote what it reads
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import environment

ROOT = environment.ROOT
BIN = environment.VENV / "bin"
PARTS = ("lint", "embedded", "long", "live", "browser")
SOURCES = ["medisecure", "deploy", "patients", "appointments", "billing", "documents", "tests", "manage.py"]


@dataclass
class Summary:
    """What was done, how long it took, what failed and what could not be done."""

    steps: list[tuple[str, float, bool]] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add_tests(self, report: Path) -> None:
        """Count from a JUnit report; a runner that died before it wrote one counts as one failure."""
        if not report.exists():
            self.failed += 1
            return
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            numbers = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
            bad = numbers["failures"] + numbers["errors"]
            self.failed += bad
            self.skipped += numbers["skipped"]
            self.passed += numbers["tests"] - bad - numbers["skipped"]

    def show(self) -> int:
        print("\n" + "=" * 78)
        for name, seconds, well in self.steps:
            print(f"{'ok  ' if well else 'FAIL'}  {seconds:7.1f} s  {name}")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        print(f"Largest process: {peak} MB")
        for line in self.not_run:
            print(f"NOT RUN  {line}")
        failed_steps = [name for name, _seconds, well in self.steps if not well]
        if failed_steps:
            print(f"Failed: {', '.join(failed_steps)}")
        if self.passed + self.failed == 0:
            print("No test was asked for.")
        else:
            print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if failed_steps or self.failed else 0


class Suite:
    def __init__(self, parts: Sequence[str], folder: Path) -> None:
        self.parts = parts
        self.folder = folder
        self.summary = Summary()
        #: Whether the database servers' drivers are installed.
        self.drivers = True

    def step(self, name: str, command: Sequence[str], extra: Mapping[str, str] | None = None) -> bool:
        print(f"\n── {name}: {shlex.join(command)}", flush=True)
        started = time.monotonic()
        done = subprocess.run(command, check=False, env={**os.environ, **(extra or {})})
        self.summary.steps.append((name, time.monotonic() - started, done.returncode == 0))
        return done.returncode == 0

    def pytest(self, name: str, arguments: Sequence[str], extra: Mapping[str, str] | None = None) -> bool:
        report = self.folder / f"{len(self.summary.steps)}.xml"
        command = [str(BIN / "pytest"), "-q", f"--junitxml={report}", "-o", "junit_family=xunit2", *arguments]
        well = self.step(name, command, extra)
        self.summary.add_tests(report)
        return well

    # --- parts --------------------------------------------------------------------------------------------------------
    def lint(self) -> None:
        self.step("ruff", [str(BIN / "ruff"), "check", "."])
        self.step("ruff format", [str(BIN / "ruff"), "format", "--check", "."])
        self.step("import contracts", [str(BIN / "lint-imports"), "--no-cache"])
        self.step("djlint", [str(BIN / "djlint"), "templates", "patients/templates", "--lint", "--quiet"])
        self.step("mypy", [str(BIN / "mypy"), *SOURCES, "bin/lib"], {"DATA_DIR": str(self.folder / "mypy")})
        manage = [str(BIN / "python"), "manage.py"]
        self.step(
            "makemigrations",
            [*manage, "makemigrations", "--check", "--dry-run"],
            {"DATA_DIR": str(self.folder / "lint")},
        )
        if shutil.which("xgettext"):
            self.step("translations", [*manage, "check_translations"], {"DATA_DIR": str(self.folder / "lint")})
        else:
            self.summary.not_run.append("translations: xgettext is not on PATH (Debian package gettext)")
        if self.drivers:
            self.step("deployment checks", [*manage, "check", "--deploy", "--fail-level", "WARNING"], self.production())

    def production(self) -> dict[str, str]:
        """A whole production environment, for Django's and our own deployment checks; nothing is connected to."""
        return {
            "DATA_DIR": str(self.folder / "deploy"),
            "SECRET_KEY": secrets.token_urlsafe(60),
            "FIELD_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            "ALLOWED_HOSTS": "hospital.example",
            "PUBLIC_URL": "https://hospital.example",
            "DATABASE_URL": "postgresql://u:p@db/medisecure",
            "APPOINTMENTS_URL": "mongodb://u:p@mongo/medisecure",
            "BILLING_URL": "mysql://u:p@mariadb/medisecure",
            "S3_URL": "http://key:secret@s3:9000",
            "BROKER_URL": "amqp://u:p@rabbitmq",
            "REDIS_URL": "redis://redis",
            "EMAIL_URL": "smtp+tls://u:p@mail",
            "METRICS_TOKEN": secrets.token_urlsafe(20),
            "BILLING_SELLER": json.dumps(
                dict.fromkeys(("name", "siret", "vat_number", "finess", "phone", "email", "iban", "bic"), "x")
                | {"lines": ["x"]}
            ),
        }

    def embedded(self) -> None:
        self._embedded("embedded tests", "not long")

    def long(self) -> None:
        self._embedded("long embedded tests", "long")

    def _embedded(self, name: str, which: str) -> None:
        self.pytest(name, ["-n", "2", "--dist", "loadscope", "-m", f"{which} and not live and not browser"])

    def live(self) -> None:
        stack = [str(BIN / "python"), "bin/stack", "--dir", str(self.folder / "stack")]
        if not self.step("servers up", [*stack, "up"]):
            self.step("servers down", [*stack, "down"])
            return
        try:
            done = subprocess.run([*stack, "env", "--json"], check=True, capture_output=True, text=True)
            variables: dict[str, str] = json.loads(done.stdout)
            record = json.loads((self.folder / "stack" / "stack.json").read_text(encoding="utf-8"))
            if (
                "haproxy"
                in subprocess.run(
                    [*stack, "packages", "--missing"], check=True, capture_output=True, text=True
                ).stdout.split()
            ):
                self.summary.not_run.append("live tests through HAProxy: `haproxy` not found (Debian package haproxy)")
            for item in record["missing"]:
                self.summary.not_run.append(f"live tests on {item['server']}: {item['advice']}")
            self.pytest(
                "the same tests on the servers",
                ["-n", "2", "--dist", "loadscope", "-m", "not live and not browser and not embedded"],
                variables,
            )
            self.pytest(
                "live tests", ["-m", "live", "tests/live", "-s"], {**variables, "STACK_DIR": str(self.folder / "stack")}
            )
        finally:
            self.step("servers down", [*stack, "down"])

    def browser(self) -> None:
        if not shutil.which("chromium"):
            self.summary.not_run.append(
                "browser tests: chromium is not on PATH (Debian packages chromium, fonts-dejavu-core)"
            )
            return
        self.pytest("browser tests", ["-m", "browser", "tests/browser"])


def run(arguments: Sequence[str]) -> int:
    unknown = set(arguments) - set(PARTS)
    if unknown:
        print(f"bin/test: no such part: {', '.join(sorted(unknown))}; one of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    parts = [part for part in PARTS if part in (arguments or PARTS)]
    with tempfile.TemporaryDirectory(prefix="medisecure-suite-") as folder:
        suite = Suite(parts, Path(folder))
        _set_up(suite)
        for part in parts:
            if part != "live" or suite.drivers:
                getattr(suite, part)()
        return suite.summary.show()


def _set_up(suite: Suite) -> None:
    """Environment, and for all but the embedded tests what the servers need, as far as this machine allows."""
    started = time.monotonic()
    environment.ensure(["requirements.txt", "requirements/dev.txt"])
    if set(suite.parts) - {"embedded"}:
        if os.geteuid() == 0 and shutil.which("apt-get"):
            command = [str(BIN / "python"), "bin/stack", "install"]
            if subprocess.run(command, check=False).returncode:
                suite.summary.not_run.append("installing Debian packages failed; what is on PATH was used")
        try:
            environment.ensure(["requirements/server.txt", "requirements/live.txt"])
        except environment.SetupError as error:
            suite.drivers = False
            suite.summary.not_run.append(
                f"live tests and deployment checks: {error} (mysqlclient is compiled: it needs gcc, pkg-config, "
                "libmariadb-dev and python3-dev)"
            )
    suite.summary.steps.append(("set-up", time.monotonic() - started, True))
