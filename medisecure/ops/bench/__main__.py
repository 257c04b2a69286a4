"""`bin/bench` once its environment is there: a private database, made, filled, measured and dropped."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from medisecure.ops.embedded import SERVER_VARIABLES


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench", description="Measure, on invented data in a private database.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    search = kinds.add_parser("search", help="how long finding a patient takes")
    search.add_argument("--patients", type=int, default=10_000, help="how many there are (default 10000)")
    search.add_argument("--seconds", type=float, default=30.0, help="how long to ask (default 30)")
    search.add_argument("--seed", type=int, default=1, help="the same patients for the same seed (default 1)")
    found = parser.parse_args()
    if not 1 <= found.patients <= 10_000_000:
        parser.error("--patients: a whole number from 1 to 10000000")
    if not 0 < found.seconds <= 3600:
        parser.error("--seconds: more than 0, at most 3600")
    return found


@contextmanager
def private_database() -> Iterator[None]:
    """Sets the environment to databases of this run alone: a new one beside that of DATABASE_URL when it is set, files
    in a temporary folder for the rest. Afterwards they are gone."""
    server = os.environ.get("DATABASE_URL", "")
    for name in SERVER_VARIABLES:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    with tempfile.TemporaryDirectory(prefix="medisecure-bench-") as folder:
        os.environ |= {
            "DATA_DIR": folder,
            "SECRET_KEY": secrets.token_urlsafe(60),
            "PUBLIC_URL": "http://127.0.0.1",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DEBUG": "false",
        }
        if not server:
            yield
            return
        import psycopg2
        from psycopg2 import sql

        name = f"medisecure_bench_{os.getpid()}_{secrets.token_hex(3)}"
        administration = psycopg2.connect(urlunsplit(urlsplit(server)._replace(path="/postgres")))
        administration.autocommit = True
        with administration.cursor() as cursor:
            cursor.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
            )
        try:
            os.environ["DATABASE_URL"] = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
            yield
        finally:
            with administration.cursor() as cursor:
                cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            administration.close()


def main() -> int:
    asked = arguments()
    with private_database():
        os.environ["DJANGO_SETTINGS_MODULE"] = "medisecure.settings"
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        from medisecure.kernel.databases import DEFAULT
        from medisecure.ops.bench import search

        call_command("migrate_all", verbosity=0)
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
        connections.close_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
