"""`bin/bench` once its environment is there: a private database, made, filled, measured and dropped."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from medisecure.env import new_key
from medisecure.ops.embedded import SERVER_VARIABLES


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench", description="Measure, on invented data in a private database.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    search = kinds.add_parser("search", help="how long finding a patient takes")
    search.add_argument("--patients", type=int, default=10_000, help="how many there are (default 10000)")
    search.add_argument("--seconds", type=float, default=30.0, help="how long to ask (default 30)")
    search.add_argument("--seed", type=int, default=1, help="the same patients for the same seed (default 1)")
    slots = kinds.add_parser("slots", help="how long finding free times takes")
    slots.add_argument("--practitioners", type=int, default=50, help="how many receive patients (default 50)")
    slots.add_argument("--days", type=int, default=30, help="how many days are asked for (default 30)")
    slots.add_argument("--visits", type=int, default=8, help="visits a day that each has already (default 8)")
    slots.add_argument("--rounds", type=int, default=40, help="how often to ask (default 40)")
    previews = kinds.add_parser("previews", help="how long a worker takes to draw a CT slice")
    previews.add_argument("--images", type=int, default=60, help="how many slices of each kind (default 60)")
    exports = kinds.add_parser("exports", help="how much memory and time an export of a list takes")
    exports.add_argument(
        "--rows", type=int, default=1_000_000, help="how many rows the long list has (default 1000000)"
    )
    exports.add_argument("--few", type=int, default=10_000, help="how many the short one has (default 10000)")
    uploads = kinds.add_parser("uploads", help="how much memory a large upload takes of a web server process")
    uploads.add_argument("--megabytes", type=int, default=500, help="the size of the file (default 500)")
    mails = kinds.add_parser("mails", help="how many mails go from a committed event to the mail server in a second")
    mails.add_argument("--mails", type=int, default=1000, help="how many (default 1000)")
    mails.add_argument("--processes", type=int, default=1, help="processes of the worker (default 1)")
    found = parser.parse_args()
    if found.kind == "uploads":
        if not 1 <= found.megabytes <= 2000:
            parser.error("--megabytes: a whole number from 1 to 2000")
        return found
    if found.kind == "exports":
        if not 1 <= found.few < found.rows <= 1_048_575:
            parser.error("--few and --rows: whole numbers, the first one smaller, at most 1048575 (one sheet of Excel)")
        return found
    if found.kind == "previews":
        if not 2 <= found.images <= 10_000:
            parser.error("--images: a whole number from 2 to 10000")
        return found
    if found.kind == "mails":
        for name, most in (("mails", 20_000), ("processes", 16)):
            if not 1 <= getattr(found, name) <= most:
                parser.error(f"--{name}: a whole number from 1 to {most}")
        return found
    if found.kind == "slots":
        for name, most in (("practitioners", 200), ("days", 62), ("visits", 16), ("rounds", 10_000)):
            if not 1 <= getattr(found, name) <= most:
                parser.error(f"--{name}: a whole number from 1 to {most}")
        return found
    if not 1 <= found.patients <= 10_000_000:
        parser.error("--patients: a whole number from 1 to 10000000")
    if not 0 < found.seconds <= 3600:
        parser.error("--seconds: more than 0, at most 3600")
    return found


@contextmanager
def private_databases(*kept: str) -> Iterator[None]:
    """Sets the environment to databases of this run alone: a new one beside that of each server in `kept` that is set
    (DATABASE_URL, APPOINTMENTS_URL), files in a temporary folder for the rest. Afterwards they are gone. Broker and
    cache are used as they are: they keep nothing that outlives the run."""
    servers = {name: os.environ[name] for name in kept if os.environ.get(name)}
    for name in SERVER_VARIABLES:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    with tempfile.TemporaryDirectory(prefix="medisecure-bench-") as folder, ExitStack() as made:
        os.environ |= {
            "DATA_DIR": folder,
            "SECRET_KEY": secrets.token_urlsafe(60),
            "FIELD_KEYS": new_key(),
            "PUBLIC_URL": "http://127.0.0.1",
            "PROXIES": "0",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DEBUG": "false",
        }
        name = f"medisecure_bench_{os.getpid()}_{secrets.token_hex(3)}"
        if bucket := servers.pop("S3_URL", ""):
            # Its buckets are used as they are; what is put there is taken away again.
            os.environ["S3_URL"] = bucket
        for variable, url in servers.items():
            if variable not in _MAKE:
                os.environ[variable] = url
                continue
            os.environ[variable] = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
            made.enter_context(_MAKE[variable](url, name))
        yield


@contextmanager
def _postgresql(url: str, name: str) -> Iterator[None]:
    import psycopg2
    from psycopg2 import sql

    administration = psycopg2.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")))
    administration.autocommit = True
    with administration.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name)))
    try:
        yield
    finally:
        with administration.cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        administration.close()


@contextmanager
def _mongodb(url: str, name: str) -> Iterator[None]:
    from pymongo import MongoClient

    # MongoDB makes a database when it is first written to.
    try:
        yield
    finally:
        with MongoClient[dict[str, object]](url) as client:
            client.drop_database(name)


_MAKE = {"DATABASE_URL": _postgresql, "APPOINTMENTS_URL": _mongodb}
_KEPT = {
    "search": ("DATABASE_URL",),
    "exports": ("DATABASE_URL",),
    "slots": ("DATABASE_URL", "APPOINTMENTS_URL"),
    "uploads": ("S3_URL",),
    "previews": ("DATABASE_URL",),
    "mails": ("DATABASE_URL", "APPOINTMENTS_URL", "BROKER_URL", "REDIS_URL"),
}


def main() -> int:
    asked = arguments()
    with ExitStack() as stack:
        stack.enter_context(private_databases(*_KEPT[asked.kind]))
        if asked.kind == "mails":
            from medisecure.ops.bench import mails

            report = Path(os.environ["DATA_DIR"]) / "taken.json"
            sink = stack.enter_context(ExitStack())
            os.environ["EMAIL_URL"] = sink.enter_context(mails.mail_server(report))
        os.environ["DJANGO_SETTINGS_MODULE"] = "medisecure.settings"
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate_all", verbosity=0)
        if asked.kind == "mails":
            _mails(asked, report, sink)
        else:
            kinds = {
                "search": _search,
                "slots": _slots,
                "exports": _exports,
                "uploads": _uploads,
                "previews": _previews,
            }
            kinds[asked.kind](asked)
        connections.close_all()
    return 0


def _search(asked: argparse.Namespace) -> None:
    from django.core.management import call_command
    from django.db import connections

    from medisecure.kernel.databases import DEFAULT
    from medisecure.ops.bench import search

    started = time.monotonic()
    call_command("generate_patients", asked.patients, seed=asked.seed)
    print(f"{asked.patients} patients in {time.monotonic() - started:.0f} s.", flush=True)
    # What autovacuum does within minutes of such a load, and SQLite never does by itself.
    with connections[DEFAULT].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connections[DEFAULT].vendor == "postgresql" else "ANALYZE")
    taken = search.measure(patients=asked.patients, seconds=asked.seconds, seed=asked.seed)
    lines, p95 = search.table(taken)
    print(f"{connections[DEFAULT].display_name}, {asked.patients} patients, pages of {search.PAGE}:\n{lines}")
    print(f"overall p95 {p95:.1f} ms; the aim is under {search.LIMIT_MS:.0f} ms")


def _previews(asked: argparse.Namespace) -> None:
    from django.db import connections

    from medisecure.kernel.databases import DEFAULT
    from medisecure.ops.bench import previews

    taken = {name: previews.measure(syntax, asked.images) for name, syntax in previews.SYNTAXES.items()}
    lines, p95 = previews.table(taken)
    size = f"{previews.SIZE} × {previews.SIZE}"
    print(f"{connections[DEFAULT].display_name}, CT slices of {size}, {asked.images} of each kind:\n{lines}")
    print(f"worst p95 {p95:.1f} ms; the aim is under {previews.LIMIT_MS:.0f} ms")


def _slots(asked: argparse.Namespace) -> None:
    from django.db import connections

    from medisecure.kernel.databases import APPOINTMENTS
    from medisecure.ops.bench import slots

    hospital = slots.fill(practitioners=asked.practitioners, days=asked.days, visits=asked.visits)
    lines, p95 = slots.table(slots.measure(hospital, days=asked.days, rounds=asked.rounds))
    print(f"{connections[APPOINTMENTS].display_name}, {asked.practitioners} practitioners, {asked.days} days:\n{lines}")
    print(f"warm p95 {p95:.1f} ms of CPU; the aim is under {slots.LIMIT_MS:.0f} ms")


def _exports(asked: argparse.Namespace) -> None:
    from django.core.management import call_command
    from django.db import connections

    from medisecure.kernel.databases import DEFAULT
    from medisecure.ops.bench import exports

    exports.prepare()
    taken = []
    for count in (asked.few, asked.rows - asked.few):
        call_command("generate_patients", count, seed=count, verbosity=0)
        with connections[DEFAULT].cursor() as cursor:
            cursor.execute("VACUUM ANALYZE" if connections[DEFAULT].vendor == "postgresql" else "ANALYZE")
        connections.close_all()
        for format_ in exports.FORMATS:
            taken.append(exports.measure(format_))
            print(exports.table(taken)[0].splitlines()[-1], flush=True)
    lines, grown = exports.table(taken)
    print(f"{connections[DEFAULT].display_name}, the list of patients, {len(exports.COLUMNS)} columns:\n{lines}")
    print(f"the peak grew by {grown:.1f} MiB; the aim is under {exports.LIMIT_MB} MiB, whatever the number of rows")


def _uploads(asked: argparse.Namespace) -> None:
    from medisecure.ops.bench import uploads

    print(uploads.table(uploads.measure(asked.megabytes), asked.megabytes))


def _mails(asked: argparse.Namespace, report: Path, sink: ExitStack) -> None:
    from django.conf import settings
    from django.db import connections

    from medisecure.kernel.databases import APPOINTMENTS, DEFAULT
    from medisecure.kernel.event_queues import QUEUES
    from medisecure.ops.bench import mails

    amqp = settings.CELERY_BROKER_URL.startswith("amqp")
    if amqp:
        mails.refuse_busy_broker(QUEUES)
    visits = mails.fill(asked.mails + mails.SINGLE)
    taken = mails.measure(visits, Path(os.environ["DATA_DIR"]) / "worker.log", processes=asked.processes)
    sink.close()
    different, again = mails.count(report)
    engines = ", ".join(connections[alias].display_name for alias in (DEFAULT, APPOINTMENTS))
    broker = "RabbitMQ" if amqp else "local broker"
    print(f"{engines}, {broker}, {asked.processes} worker process{'es' if asked.processes > 1 else ''}:")
    print(mails.table(taken))
    print(f"the mail server has {different} of {len(visits)} mails, {again} of them more than once")


if __name__ == "__main__":
    sys.exit(main())
