from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from billing import triggers
from medisecure.kernel.databases import BILLING
from tests.appointments.fixtures import *  # noqa: F403
from tests.documents.fixtures import *  # noqa: F403
from tests.patients.fixtures import *  # noqa: F403
from tests.portal.conftest import invoice, visit  # noqa: F401

#: Nothing but the pages under test: no sandbox in a container, no traffic of the browser's own.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A Chromium of this machine, driven by Playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is not on PATH")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("playwright is not installed (requirements/live.txt)")
    with sync_playwright() as driver:
        # Playwright runs a loop in this thread, and Django takes that for asynchronous code.
        before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        _let_billing_be_emptied()
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def _let_billing_be_emptied() -> None:
    """As `tests.billing.fixtures.billing_tables_can_be_emptied`, for the connection of this thread while a loop runs in
    it: Django keeps one of its own there, so what was done to the other one does not hold."""
    operations: Any = connections[BILLING].ops
    original = operations.execute_sql_flush

    def execute(statements: Any) -> None:
        triggers.remove()
        original(statements)

    operations.execute_sql_flush = execute
