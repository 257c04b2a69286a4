"""`bin/stack install`: Debian packages of the servers, without a single machine-wide daemon being started.

Debian starts a server as soon as it is installed. Its own way to prevent that is `/usr/sbin/policy-rc.d`, a program
that package scripts ask before they start a service: exit status 101 means "not allowed". It is put there for the
time of the installation and taken away after, whatever happens; one that was there before is put back. PostgreSQL
would also make a machine-wide cluster, which one line of its configuration prevents in the same way.
Daemons that already run are not restarted either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
DENY = "#!/bin/sh\n# Put here by MediSecure's bin/stack install, for its duration only.\nexit 101\n"
PG_DROPIN = Path("/etc/postgresql-common/createcluster.d/medisecure-stack.conf")


class CannotInstall(Exception):
    """Packages cannot be installed here; the text says why."""


@contextmanager
def services_held(policy: Path = POLICY, cluster: Path = PG_DROPIN) -> Iterator[None]:
    """While inside, installing a package starts no service and makes no database cluster."""
    kept = policy.with_name(policy.name + ".medisecure-kept")
    if policy.exists() or policy.is_symlink():
        policy.rename(kept)
    made = [folder for folder in (cluster.parent, cluster.parent.parent) if not folder.exists()]
    try:
        policy.write_text(DENY, encoding="ascii")
        policy.chmod(0o755)
        cluster.parent.mkdir(parents=True, exist_ok=True)
        cluster.write_text("create_main_cluster = false\n", encoding="ascii")
        yield
    finally:
        policy.unlink(missing_ok=True)
        if kept.exists() or kept.is_symlink():
            kept.rename(policy)
        cluster.unlink(missing_ok=True)
        for folder in made:
            # Not empty any more when the package itself has put its files there.
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()


def install(packages: Sequence[str]) -> None:
    """Install the packages with apt-get. Raises CannotInstall when not root, not Debian, or apt-get fails."""
    if not packages:
        return
    if os.geteuid() != 0:
        raise CannotInstall("installing packages needs root")
    if shutil.which("apt-get") is None:
        raise CannotInstall("there is no apt-get here: install what is missing by other means")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with services_held():
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", "--no-upgrade", *packages],
        ):
            # The command is ours; the package names come from our own list.
            done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, check=False)
            if done.returncode:
                raise CannotInstall(f"`{' '.join(command[:2])}` failed")
