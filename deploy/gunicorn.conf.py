# ruff: noqa: N999 (the name that gunicorn asks for)
"""gunicorn's settings: `gunicorn medisecure.wsgi:application -c deploy/gunicorn.conf.py`.

Read from the environment: WEB_BIND (127.0.0.1:8000), WEB_WORKERS (2), WEB_THREADS (8), WEB_TIMEOUT (60 seconds),
FORWARDED_ALLOW_IPS (127.0.0.1: the balancer's addresses).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

bind = os.environ.get("WEB_BIND", "127.0.0.1:8000")

# Threads, because requests wait for databases; processes, because one process has one interpreter lock. The
# application is loaded in each worker: MongoDB's client must not be shared across a fork.
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
preload_app = False

# Below HAProxy's `timeout server`, so that the reason is logged here and not only there.
timeout = int(os.environ.get("WEB_TIMEOUT", "60"))
graceful_timeout = 30
# Above HAProxy's time for idle connections: the balancer closes first, and never sends into a closed one.
keepalive = 75
# A slow leak in a library must not fill the machine; with jitter, the workers do not all restart at once.
max_requests = 2000
max_requests_jitter = 400

# The heartbeat file belongs in memory: on a disk that stalls, healthy workers would be killed.
_memory = Path("/dev/shm")  # noqa: S108
worker_tmp_dir = str(_memory) if os.access(_memory, os.W_OK) else None
# Nobody administers it at run time; a read-only container has no place for the socket either.
control_socket_disable = True

forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
forwarder_headers = ""
limit_request_line = 8190

accesslog = "-"
errorlog = "-"
# No query, no referrer, no user agent: signed links and tokens must not reach a log.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms %({x-request-id}i)s'
_SECRET_PATHS = re.compile(r"^(/files/|/visit/|/offer/|/calendar/|/accounts/password/reset/key/).+")


class QuietLogger(Logger):  # type: ignore[misc, unused-ignore]
    """Access log without what opens a door (signed links, password resets) and without the balancer's health checks."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Log one request, unless it is a health check that went well."""
        if not (str(environ.get("PATH_INFO", "")).startswith("/health/") and resp.status_code == 200):
            super().access(resp, req, environ, request_time)

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
        """The values for `access_log_format`."""
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        atoms["U"] = _SECRET_PATHS.sub(r"\1-", atoms["U"] or "")
        return atoms


logger_class = QuietLogger

# Each worker counts for itself; /metrics of any of them adds up all, from files in this folder, which Prometheus'
# client must find in the environment before the application is loaded. A folder that is given is somebody else's.
_own_metrics = "PROMETHEUS_MULTIPROC_DIR" not in os.environ
if _own_metrics:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="medisecure-metrics-", dir=worker_tmp_dir)


def child_exit(server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that has ended; its counters stay in the sums."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    if _own_metrics:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
