"""How much memory and time an export of a list takes: few rows and many, each in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Final

from medisecure.accounts.interface import Role, create_user
from medisecure.accounts.models import User

EMAIL: Final = "bench-exports@example.invalid"
LIST: Final = "patients.patient"
COLUMNS: Final = ("record_number", "family_name", "given_names", "birth_day", "sex", "used_name", "identity_status")
FORMATS: Final = ("csv", "xlsx")
#: Between few rows and many, in MiB: what the size of a page of memory and of a chunk may differ by.
LIMIT_MB: Final = 32


@dataclass(frozen=True, slots=True)
class Taken:
    format: str
    rows: int
    seconds: float
    #: The most that the whole process had at a time, Django and its libraries included.
    peak_mb: float
    file_mb: float


def prepare() -> None:
    """The administrator who asks."""
    create_user(email=EMAIL, full_name="Bench", role=Role.ADMINISTRATOR, password=None)


def measure(format_: str) -> Taken:
    """Export the whole list in a new process, whose peak is that of this export alone."""
    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); from {__name__} import tell; tell({format_!r})"],
        env=dict(os.environ),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Taken(**json.loads(done.stdout.splitlines()[-1]))


def export(format_: str) -> Taken:
    """What `measure` does, in this process."""
    from medisecure.reports.interface import ask_export, job_files, run_job

    started = time.perf_counter()
    actor = User.objects.get(email=EMAIL)
    job = ask_export(actor=actor, label=LIST, query="", columns=COLUMNS, format_=format_)
    if not run_job(job.id):
        raise RuntimeError("the export failed; the lines above say why")
    rows, size = job_files(job.id)
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Taken(format_, rows, time.perf_counter() - started, peak, size / 1024**2)


def table(taken: list[Taken]) -> tuple[str, float]:
    """(lines for people to read, by how much the peak grew at most in MiB)."""
    lines = [f"{'':8}{'rows':>10}{'seconds':>9}{'rows/s':>9}{'peak MiB':>10}{'file MiB':>10}"]
    for one in taken:
        numbers = f"{one.rows:10}{one.seconds:9.1f}{one.rows / one.seconds:9.0f}{one.peak_mb:10.1f}{one.file_mb:10.1f}"
        lines.append(f"{one.format:8}{numbers}")
    grown = 0.0
    for format_ in FORMATS:
        peaks = [one.peak_mb for one in sorted(taken, key=lambda one: one.rows) if one.format == format_]
        grown = max(grown, peaks[-1] - peaks[0] if peaks else 0.0)
    return "\n".join(lines), grown


def tell(format_: str) -> None:
    """The other side of `measure`."""
    print(json.dumps(asdict(export(format_))))
