"""Loaded by pytest before anything else (`-p tests.environment`): Django must not read its settings before this.

Every test run works on data of its own, or on the servers whose variables are set (see bin/test); it must never touch
the data of a hospital that runs on this machine.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

MEMORY = "/dev/shm"  # noqa: S108

if "MEDISECURE_TEST_DATA_DIR" not in os.environ:  # workers of pytest-xdist inherit their parent's
    # In memory where there is room: a test that commits would wait for the disk at each commit.
    roomy = os.path.isdir(MEMORY) and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2**31  # noqa: PTH112
    folder = tempfile.mkdtemp(prefix="medisecure-test-", dir=MEMORY if roomy else None)
    os.environ["MEDISECURE_TEST_DATA_DIR"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
# Each worker of pytest-xdist has its own cache and files, as it has its own databases.
os.environ["DATA_DIR"] = os.path.join(  # noqa: PTH118 - as text, where it goes
    os.environ["MEDISECURE_TEST_DATA_DIR"], os.environ.get("PYTEST_XDIST_WORKER", "main")
)
if "REDIS_URL" in os.environ and "PYTEST_XDIST_WORKER" in os.environ:
    # And its own of Redis' 16 databases, because each test empties the cache.
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) + 1
    os.environ["REDIS_URL"] = os.environ["REDIS_URL"].rpartition("/")[0] + f"/{number}"
os.makedirs(os.path.join(os.environ["DATA_DIR"], "static"), exist_ok=True)  # noqa: PTH103, PTH118 - WhiteNoise looks for it
# The databases of tests are made and owned by the application's role; tests of the owner's role make their own.
if "DATABASE_OWNER_URL" in os.environ:
    os.environ["MEDISECURE_TEST_OWNER_URL"] = os.environ.pop("DATABASE_OWNER_URL")
# Without a scanner unless a test brings its own; the live tests use the real one.
if "CLAMAV_URL" in os.environ:
    os.environ["MEDISECURE_TEST_CLAMAV_URL"] = os.environ.pop("CLAMAV_URL")
os.environ["OUTBOX_NUDGE"] = "0"
os.environ["STAFF_MFA"] = "optional"
os.environ["PROXIES"] = "0"
os.environ["SSL_REDIRECT"] = "0"
os.environ["STATIC_MANIFEST"] = "0"
os.environ.setdefault("LOG_LEVEL", "WARNING")
