"""PostgreSQL: a cluster of our own, TCP on the loopback interface only, scram passwords."""

from __future__ import annotations

import signal
from contextlib import suppress

from deploy.stack.environment import url
from deploy.stack.process import Launch, ToolFailed
from deploy.stack.programs import INITDB, POSTGRES, PSQL
from deploy.stack.servers.base import DATABASE, USER, Server

OWNER = f"{USER}_owner"

# Durability is given up on purpose (the data is thrown away), everything else is PostgreSQL's usual behaviour.
# No Unix socket: the folder's path may be longer than a socket's name can be. Memory is mapped from files, so that
# even a killed server leaves nothing in /dev/shm.
CONFIGURATION = """\
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
shared_buffers = 48MB
max_connections = 100
dynamic_shared_memory_type = mmap
fsync = off
synchronous_commit = off
full_page_writes = off
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
"""


class PostgreSQL(Server):
    """PostgreSQL 13 or later."""

    name = "postgresql"
    title = "PostgreSQL"
    port_names = ("postgresql",)
    secret_names = ("postgresql", "postgresql_superuser", "postgresql_owner")
    needs = (INITDB, POSTGRES, PSQL)
    accounts = ("postgres",)
    # "Fast", then "immediate": a plain SIGTERM would wait for every client to leave.
    stop_signals = (signal.SIGINT, signal.SIGQUIT)

    def prepare(self) -> None:
        """Create the cluster and its configuration."""
        superuser = self.write("superuser", self.context.secrets["postgresql_superuser"] + "\n")
        self.tool(
            self.program(INITDB),
            *("-D", "data", "-U", "postgres", "-A", "scram-sha-256", "--pwfile", superuser.name),
            *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"),
        )
        superuser.unlink()
        with (self.folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write(CONFIGURATION.format(host=self.host, port=self.port))

    def launches(self) -> list[Launch]:
        """One process; it runs as an unprivileged user when we are root, since it refuses to run as root."""
        return [Launch(self.name, (self.program(POSTGRES), "-D", "data"), self.folder, account=self.account)]

    def _psql(self, sql: str, *, user: str, password: str, database: str) -> str:
        return self.tool(
            self.program(PSQL),
            *("-XAtqw", "-v", "ON_ERROR_STOP=1", "-h", self.host, "-p", str(self.port), "-U", user, "-d", database),
            env={"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "3"},
            stdin=sql,
            seconds=20,
        ).strip()

    def probe(self) -> str:
        """Sign in as the application; at the first start, create its role and database before that."""
        if not (self.folder / "ready").exists():
            superuser = self.context.secrets["postgresql_superuser"]
            owner = self.context.secrets["postgresql_owner"]
            # Two roles as in production: one owns the tables, the application's may not touch the access log. CREATEDB:
            # pytest makes test databases with the application's own role, and some with the owner's.
            self._psql(
                f"CREATE ROLE {USER} LOGIN CREATEDB PASSWORD '{self.password}';\n"
                f"CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD '{owner}';\n"
                f"CREATE DATABASE {DATABASE} OWNER {OWNER};\n",
                user="postgres",
                password=superuser,
                database="postgres",
            )
            (self.folder / "ready").touch()
        version = self._psql("SHOW server_version", user=USER, password=self.password, database=DATABASE)
        return version.split(" ")[0]

    def variables(self) -> dict[str, str]:
        """DATABASE_URL and DATABASE_OWNER_URL."""
        found = {"DATABASE_URL": self.url("postgresql", path=DATABASE)}
        # A stack that an earlier release started has no such role.
        if owner := self.context.secrets.get("postgresql_owner"):
            found["DATABASE_OWNER_URL"] = url(
                "postgresql", self.host, self.port, user=OWNER, password=owner, path=DATABASE
            )
        return found

    def clean(self) -> None:
        """A killed postmaster leaves its small System V segment; its lock file names it on the seventh line."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            segment = lines[6].split()[1]
        except (OSError, IndexError):
            return
        with suppress(ToolFailed):
            self.tool("ipcrm", "-m", segment)
