"""`bin/run --check`: the main job on an embedded hospital that has just started."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from medisecure.ops.main_job.client import Http
from medisecure.ops.main_job.steps import Mailbox, MainJob

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def run_embedded(base: str, data: Path, environment: Mapping[str, str]) -> int:
    """Print each step with its result; 0, or 1 at the first that fails."""
    started = time.monotonic()
    cast_file = data / "check-cast.json"
    for command, sentence in (
        (["check_cast", "--output", str(cast_file)], "people, a calendar and prices are entered"),
        (
            ["import_fhir", "--quiet", str(ROOT / "medisecure" / "ops" / "fhir" / "sample.json")],
            "a FHIR record is imported",
        ),
        (
            ["import_fhir", "--quiet", str(ROOT / "medisecure" / "ops" / "fhir" / "sample.json")],
            "once more changes nothing",
        ),
        (["doctor", "--wait", "30"], "every part is well"),
    ):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            print(f"     FAILED  {sentence}: {' '.join(last)}")
            return 1
        print(f"     ok  {sentence}", flush=True)
    cast = json.loads(cast_file.read_text(encoding="utf-8"))
    well = MainJob(Http(base), Mailbox(data / "mail"), cast).run()
    print(f"{'All is well' if well else 'The check failed'} after {time.monotonic() - started:.1f} s.")
    return 0 if well else 1
