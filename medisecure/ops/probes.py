"""One question to each part of the hospital: does it answer, which version, how fast; and what to do when not."""

from __future__ import annotations

import functools
import smtplib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.cache import cache
from django.db import connections

from documents.interface import scanner_version
from medisecure.audit.interface import weaknesses
from medisecure.kernel.databases import APPOINTMENTS, BILLING, DEFAULT, alias_for_app
from medisecure.kernel.objects import DOCUMENTS, IMAGES, Bucket
from medisecure.ops.health import ping
from medisecure.ops.tasks import HEARTBEAT_KEY, echo

#: The scheduler sends a heartbeat every 10 s; three missed ones are a fault.
HEARTBEAT_SECONDS = 35.0
ECHO_SECONDS = 5.0


class NotWell(Exception):
    """The part answers, but not as it should; the text says how."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`latency` in milliseconds; `advice` is empty when the part is well."""

    part: str
    kind: str
    well: bool
    version: str
    latency: float | None
    problem: str
    advice: str


@dataclass(frozen=True, slots=True)
class Probe:
    part: str
    kind: str
    ask: Callable[[], str]
    advice: str

    def run(self) -> Finding:
        started = time.perf_counter()
        try:
            version = self.ask()
        except Exception as error:  # noqa: BLE001 - each driver has error classes of its own; any of them is the finding
            problem = str(error) if isinstance(error, NotWell) else type(error).__name__
            return Finding(self.part, self.kind, False, "", None, problem, self.advice)
        return Finding(self.part, self.kind, True, version, (time.perf_counter() - started) * 1000, "", "")


def run_all() -> Iterator[Finding]:
    """Every part in turn, so that a caller can show each as it is known."""
    for probe in probes():
        yield probe.run()


def probes() -> list[Probe]:
    found = [
        Probe(
            f"database {alias}",
            _engine(alias),
            functools.partial(_database, alias),
            f"Check {variable} and that the server runs; then: manage.py migrate_all",
        )
        for alias, variable in ((DEFAULT, "DATABASE_URL"), (APPOINTMENTS, "APPOINTMENTS_URL"), (BILLING, "BILLING_URL"))
    ]
    found.append(
        Probe(
            "access log",
            _engine(DEFAULT),
            _access_log,
            "Let another role own the tables: set DATABASE_OWNER_URL and run manage.py migrate_all "
            "(guide for operations, the access log)",
        )
    )
    kind = "S3" if settings.S3 else "folder"
    found += [
        Probe(
            f"storage {name}",
            kind,
            functools.partial(_storage, name),
            f"Check S3_URL and that the bucket {settings.BUCKETS[name]} exists and may be written to",
        )
        for name in (DOCUMENTS, IMAGES)
    ]
    amqp = settings.CELERY_BROKER_URL.startswith("amqp")
    redis = "redis" in settings.CACHES["default"]["BACKEND"].lower()
    found += [
        Probe("cache", "Redis" if redis else "folder", _cache, "Check REDIS_URL and that the server runs"),
        Probe("broker", "RabbitMQ" if amqp else "local file", _broker, "Check BROKER_URL and that the server runs"),
        Probe("worker", "Celery", _worker, "Start one: celery -A medisecure worker"),
        Probe("scheduler", "Celery beat", _scheduler, "Start one, or a second that waits: celery -A medisecure beat"),
        *(
            [Probe("malware scanner", "ClamAV", scanner_version, "Check CLAMAV_URL and that clamd runs")]
            if settings.CLAMAV
            else []
        ),
        Probe(
            "mail",
            "SMTP" if settings.EMAIL_BACKEND.endswith("smtp.EmailBackend") else "folder",
            _mail,
            "Check EMAIL_URL and that the server accepts us; mails wait until it does",
        ),
    ]
    return found


def _engine(alias: str) -> str:
    return {"postgresql": "PostgreSQL", "mongodb": "MongoDB", "mysql": "MariaDB", "sqlite": "SQLite"}[
        connections[alias].vendor
    ]


def _database(alias: str) -> str:
    from django.db.migrations.executor import MigrationExecutor

    ping(alias)
    connection: Any = connections[alias]
    executor = MigrationExecutor(connection)
    # The default database records the migrations of all apps, the others those of what lives in them.
    wanted = [node for node in executor.loader.graph.leaf_nodes() if alias in (DEFAULT, alias_for_app(node[0]))]
    if behind := len(executor.migration_plan(wanted)):
        raise NotWell(f"{behind} migrations are not applied")
    if connection.vendor == "sqlite":
        import sqlite3

        return sqlite3.sqlite_version
    return ".".join(str(part) for part in connection.get_database_version()[:3])


def _access_log() -> str:
    """The application may add to it and nothing else."""
    if found := weaknesses():
        raise NotWell(found[0])
    return ""


def _storage(name: str) -> str:
    """Write, read and delete a small object: what a hospital does all day."""
    from io import BytesIO

    bucket, mark = Bucket(name), uuid4().hex.encode()
    key = bucket.save(f"doctor/{mark.decode()}", BytesIO(mark), "text/plain")
    try:
        with bucket.open(key) as content:
            if content.read() != mark:
                raise NotWell("what was read is not what was written")
    finally:
        bucket.delete(key)
    return ""


def _cache() -> str:
    mark = uuid4().hex
    cache.set(f"doctor:{mark}", mark, 10)
    if cache.get(f"doctor:{mark}") != mark:
        raise NotWell("what was read is not what was written")
    cache.delete(f"doctor:{mark}")
    if "redis" in settings.CACHES["default"]["BACKEND"].lower():
        from django_redis import get_redis_connection

        return str(get_redis_connection("default").info("server")["redis_version"])
    return ""


def _broker() -> str:
    from medisecure.celery import app

    with app.connection_for_write(connect_timeout=3) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        properties = getattr(connection.connection, "server_properties", {})
        return str(properties.get("version", ""))


def _worker() -> str:
    """A message to the default queue must come back through the cache: broker, worker and cache in one."""
    mark = uuid4().hex
    echo.apply_async(args=(mark,), queue="default", retry=False, expires=ECHO_SECONDS * 2)
    deadline = time.monotonic() + ECHO_SECONDS
    while time.monotonic() < deadline:
        if cache.get(f"ops:echo:{mark}"):
            import celery

            return str(celery.__version__)
        time.sleep(0.05)
    raise NotWell(f"no worker answered in {ECHO_SECONDS:.0f} s")


def _scheduler() -> str:
    seen = cache.get(HEARTBEAT_KEY)
    if seen is None:
        raise NotWell("no heartbeat has come yet")
    age = time.time() - float(seen)
    if age > HEARTBEAT_SECONDS:
        raise NotWell(f"the last heartbeat came {age:.0f} s ago")
    return ""


def _mail() -> str:
    from django.core.mail import get_connection

    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        settings.MAIL_FOLDER.mkdir(parents=True, exist_ok=True)
        return ""
    connection = get_connection(timeout=3)
    try:
        connection.open()
        code, _text = connection.connection.noop()  # type: ignore[attr-defined]
        if code != 250:
            raise smtplib.SMTPResponseException(code, b"")
    finally:
        connection.close()
    return ""
