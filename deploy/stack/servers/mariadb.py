"""MariaDB: a data folder of our own, utf8mb4, REPEATABLE READ, strict."""

from __future__ import annotations

from deploy.stack import process
from deploy.stack.process import Launch
from deploy.stack.programs import MARIADB, MARIADB_INSTALL_DB, MARIADBD
from deploy.stack.servers.base import DATABASE, USER, Server

# The socket's name is relative to the data folder: an absolute one may be longer than a socket's name can be.
CONFIGURATION = """\
[mysqld]
datadir = {folder}/data
tmpdir = {folder}/tmp
socket = mariadb.sock
pid-file = {folder}/mariadb.pid
port = {port}
bind-address = {host}
skip-name-resolve
init-file = {folder}/init.sql
character-set-server = utf8mb4
collation-server = utf8mb4_unicode_ci
transaction-isolation = REPEATABLE-READ
sql-mode = STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION
default-time-zone = +00:00
default-storage-engine = InnoDB
innodb-buffer-pool-size = 48M
innodb-log-file-size = 16M
innodb-flush-log-at-trx-commit = 0
innodb-flush-method = nosync
innodb-doublewrite = 0
innodb-lock-wait-timeout = 10
key-buffer-size = 1M
aria-pagecache-buffer-size = 4M
performance-schema = OFF
max-connections = 100
skip-log-bin
"""

# Read at every start, so each statement may be repeated. Rights on both patterns: pytest makes test databases.
INIT = """\
ALTER USER root@localhost IDENTIFIED BY '{root}';
CREATE DATABASE IF NOT EXISTS {database};
CREATE USER IF NOT EXISTS {user}@'{host}' IDENTIFIED BY '{password}';
GRANT ALL ON `{database}%`.* TO {user}@'{host}';
GRANT ALL ON `test\\_%`.* TO {user}@'{host}';
"""


class MariaDB(Server):
    """MariaDB 10.5 or later."""

    name = "mariadb"
    title = "MariaDB"
    port_names = ("mariadb",)
    secret_names = ("mariadb", "mariadb_root")
    needs = (MARIADBD, MARIADB_INSTALL_DB, MARIADB)
    accounts = ("mysql",)

    def prepare(self) -> None:
        """Create the data folder and the configuration."""
        host, root = self.host, self.context.secrets["mariadb_root"]
        self.write("my.cnf", CONFIGURATION.format(folder=self.folder, port=self.port, host=host))
        self.write("init.sql", INIT.format(root=root, database=DATABASE, user=USER, host=host, password=self.password))
        for name in ("data", "tmp"):
            (self.folder / name).mkdir()
        # The account must own the data folder before the tool, which runs as that account, fills it.
        process.give(self.folder, self.account)
        self.tool(
            self.program(MARIADB_INSTALL_DB),
            *("--no-defaults", f"--datadir={self.folder}/data", f"--tmpdir={self.folder}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"),
            *("--innodb-flush-method=nosync", "--innodb-doublewrite=0", "--innodb-buffer-pool-size=16M"),
        )

    def launches(self) -> list[Launch]:
        """One process; it runs as an unprivileged user when we are root."""
        argv = (self.program(MARIADBD), f"--defaults-file={self.folder}/my.cnf")
        return [Launch(self.name, argv, self.folder, account=self.account)]

    def probe(self) -> str:
        """Sign in as the application."""
        version = self.tool(
            self.program(MARIADB),
            *("--no-defaults", "-h", self.host, "-P", str(self.port), "--protocol=TCP", "--connect-timeout=3"),
            *("-u", USER, "-D", DATABASE, "-NBe", "SELECT version()"),
            env={"MYSQL_PWD": self.password},
            seconds=10,
        )
        return version.strip().split("-")[0]

    def variables(self) -> dict[str, str]:
        """BILLING_URL."""
        return {"BILLING_URL": self.url("mysql", path=DATABASE)}
