"""Makes the virtual environment that everything runs in. Standard library only: nothing is installed before it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)


class SetupError(Exception):
    """What is missing and what to do about it, for a person to read."""


def require_python() -> None:
    """Go on under a Python that is new enough, when this one is not and another is on PATH."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(20, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            os.execv(found, [found, *sys.argv])
    version = ".".join(map(str, OLDEST))
    raise SetupError(f"Python {version} or newer is needed; this one is {sys.version.split()[0]}.")


def python() -> Path:
    return VENV / "bin" / "python"


def ensure(requirements: Sequence[str], *, say: bool = True) -> float:
    """Install the locked requirement files (paths from the project's root), if they changed. Returns seconds spent.

    Every file must carry hashes; nothing is resolved here. A file's installation is remembered by its content's hash.
    """
    started = time.monotonic()
    if not python().exists() or _version_of(python()) != sys.version_info[:2]:
        _make_venv(say)
    for name in requirements:
        path = ROOT / name
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        stamp = VENV / ("installed-" + name.replace("/", "-"))
        if stamp.exists() and stamp.read_text() == digest:
            continue
        if say:
            print(f"Installing {name} …", flush=True)
        command = [str(python()), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(path)]
        done = subprocess.run(command, check=False, env=_pip_environment())
        if done.returncode:
            raise SetupError(f"pip could not install {name}; what it printed above says why.")
        stamp.write_text(digest)
    return time.monotonic() - started


def _pip_environment() -> dict[str, str]:
    values = dict(os.environ)
    values["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    # Running as root inside a virtual environment of our own is what we mean to do.
    values["PIP_ROOT_USER_ACTION"] = "ignore"
    return values


def _version_of(executable: Path) -> tuple[int, int] | None:
    done = subprocess.run(
        [str(executable), "-c", "import sys; print(*sys.version_info[:2])"], check=False, capture_output=True, text=True
    )
    if done.returncode:
        return None
    major, minor = done.stdout.split()
    return int(major), int(minor)


def _make_venv(say: bool) -> None:
    if say:
        print(f"Making the environment in {VENV.name}/ (Python {sys.version.split()[0]}) …", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    done = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False, capture_output=True, text=True)
    if done.returncode == 0:
        return
    # Debian's python3 comes without ensurepip: make the environment bare and put pip in it by other means.
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], check=True)
    for put_pip in (_pip_by_virtualenv, _pip_by_pip, _pip_by_debian):
        if put_pip():
            return
    shutil.rmtree(VENV, ignore_errors=True)
    raise SetupError(
        "This Python cannot make a virtual environment with pip in it (on Debian and Ubuntu that part is a package of "
        "its own).\nInstall it and try again:  sudo apt-get install python3-venv"
    )


def _pip_by_virtualenv() -> bool:
    """virtualenv brings its own pip."""
    found = shutil.which("virtualenv")
    if not found:
        return False
    command = [found, "--quiet", "--clear", "-p", sys.executable, str(VENV)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _pip_by_pip() -> bool:
    """A pip outside can install one inside."""
    command = [sys.executable, "-m", "pip", "--python", str(python()), "install", "--quiet", "pip"]
    return subprocess.run(command, check=False, capture_output=True, env=_pip_environment()).returncode == 0


def _pip_by_debian() -> bool:
    """Debian's package of pip's wheel, fetched and unpacked without root and without installing it."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return False
    with tempfile.TemporaryDirectory() as folder:
        fetch = ["apt-get", "download", "python3-pip-whl"]
        if subprocess.run(fetch, cwd=folder, check=False, capture_output=True).returncode:
            return False
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=folder, check=True, capture_output=True)
        for wheel in Path(folder).glob("usr/share/python-wheels/pip-*.whl"):
            command = [str(python()), f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)]
            return subprocess.run(command, check=False, capture_output=True).returncode == 0
    return False
