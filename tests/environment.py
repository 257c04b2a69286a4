"""Loaded by pytest before anything else (`-p tests.environment`): Django must not read its settings before this.

Every test run works on data of its own, or on the servers whose variables are set (see bin/test); it must never touch
the data of a hospital that runs on this machine.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

if "MEDISECURE_TEST_DATA_DIR" not in os.environ:  # workers of pytest-xdist inherit their parent's
    folder = tempfile.mkdtemp(prefix="medisecure-test-")
    os.environ["MEDISECURE_TEST_DATA_DIR"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
os.environ["DATA_DIR"] = os.environ["MEDISECURE_TEST_DATA_DIR"]
os.environ["OUTBOX_NUDGE"] = "0"
os.environ["STAFF_MFA"] = "optional"
os.environ["PROXIES"] = "0"
os.environ["STATIC_MANIFEST"] = "0"
os.environ.setdefault("LOG_LEVEL", "WARNING")
