"""How fast a large file comes in, and how much memory that takes of a real web server process."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

from django.conf import settings

from documents.interface import finish_upload
from medisecure.accounts.interface import Role, create_user
from medisecure.kernel import objects
from patients.interface import Identity, register_patient

AT_ONCE: Final = 3
LIMIT_MB: Final = 100
_MB: Final = 1024 * 1024
_HEAD: Final = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds, and megabytes of resident memory of the web server process: at rest and at its highest."""

    sending: float
    completing: float
    checking: float
    rest: float
    peak: float


@contextmanager
def web_server() -> Iterator[tuple[str, int]]:
    """gunicorn with one process, as `deploy/gunicorn.conf.py` runs several: (its address, the process's id)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "medisecure.wsgi:application", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", "1", "--threads", "8", "--log-level", "error"]
    base = f"http://127.0.0.1:{port}"
    # Embedded, addresses of parts are ours: they carry the address of the web server.
    environment = {**os.environ, "PUBLIC_URL": base, "LOG_LEVEL": "ERROR"}
    server = subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR)
    try:
        for _try in range(600):
            try:
                with urllib.request.urlopen(f"{base}/health/ready", timeout=5):  # noqa: S310 - our own
                    break
            except OSError:
                time.sleep(0.1)
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii").split()
        yield base, int(children[0])
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def _memory(pid: int, name: str) -> float:
    """Of /proc/PID/status, in megabytes: VmRSS now, VmHWM at its highest."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def _ask(base: str, token: str, method: str, path: str, body: Any = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{base}{path}", content, headers, method=method)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        return json.loads(answer.read())


def measure(megabytes: int) -> Measured:
    password = secrets.token_urlsafe(20)
    user = create_user(email="bench@example.org", full_name="Bench Patient", role=Role.PATIENT, password=password)
    identity = Identity(family_name="Bench", given_names="Patient", birth_date=date(1980, 1, 1))
    patient = register_patient(actor=None, identity=identity, user_id=user.id)
    with tempfile.TemporaryFile() as file, web_server() as (base, pid):
        file.write(_HEAD)
        file.truncate(megabytes * _MB)
        signed_in = {"email": user.email, "password": password}
        token = str(_ask(base, "", "POST", "/api/token", signed_in)["access"])
        # Once for nothing, so that what is loaded at the first request is there.
        _send(base, token, str(patient.id), file, "warm.pdf", _MB)
        # Signing in takes 100 MB for a moment, on purpose (Argon2): the mark begins again (proc(5), clear_refs).
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        rest = _memory(pid, "VmRSS")
        started = time.perf_counter()
        upload = _send(base, token, str(patient.id), file, "large.pdf", megabytes * _MB)
        sent = time.perf_counter()
        _ask(base, token, "POST", f"/api/uploads/{upload}/complete", {})
        completed = time.perf_counter()
        finish_upload(UUID(upload))
        done = time.perf_counter()
        found = _ask(base, token, "GET", f"/api/uploads/{upload}")
        if found["state"] != "done":
            raise RuntimeError(f"the upload is {found['state']}")
        peak = _memory(pid, "VmHWM")
    for bucket in (objects.documents(), objects.images()):
        for item in list(bucket.walk()):
            if item.key.startswith(str(patient.id)):
                bucket.delete(item.key)
    return Measured(sent - started, completed - sent, done - completed, rest, peak)


def _send(base: str, token: str, patient: str, file: IO[bytes], name: str, size: int) -> str:
    """As `static/js/transfer.js` does: parts, several at a time. Returns the upload's id."""
    entry = {"title": "Bench", "category": "imaging", "name": name, "size": size}
    upload = _ask(base, token, "POST", f"/api/patients/{patient}/uploads", entry)
    numbers = list(range(1, upload["parts"] + 1))

    def put(part: dict[str, Any]) -> None:
        content = os.pread(file.fileno(), part["size"], part["start"])
        request = urllib.request.Request(part["url"], content, {"Content-Type": ""}, method="PUT")  # noqa: S310
        urllib.request.urlopen(request, timeout=120).close()  # noqa: S310

    with ThreadPoolExecutor(AT_ONCE) as senders:
        for first in range(0, len(numbers), 20):
            body = {"numbers": numbers[first : first + 20]}
            list(senders.map(put, _ask(base, token, "POST", f"/api/uploads/{upload['id']}/parts", body)["parts"]))
    return str(upload["id"])


def table(found: Measured, megabytes: int) -> str:
    way = "straight to S3" if settings.S3 else "through the web process (embedded)"
    return (
        f"{megabytes} MB in parts, {AT_ONCE} at a time, {way}:\n"
        f"sending     {found.sending:6.1f} s  {megabytes / found.sending:6.0f} MB/s\n"
        f"completing  {found.completing:6.1f} s\n"
        f"worker      {found.checking:6.1f} s  SHA-256, type, copy\n"
        f"web process {found.rest:6.1f} MB at rest, {found.peak:.1f} MB at its highest: "
        f"{found.peak - found.rest:+.1f} MB; the aim is under {LIMIT_MB} MB more"
    )
