from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.appointments.fixtures import *  # noqa: F403
from tests.browser.tab import DESKTOP, NewTab, Tab, note_policy
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
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def new_tab(chromium: Any, live_server: Any) -> Iterator[NewTab]:
    playwright_axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed (requirements/live.txt)"
    )
    contexts = []

    def make(language: str = "en", width: int = DESKTOP, scheme: str = "light") -> Tab:
        context = chromium.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
        )
        context.add_cookies([{"name": "medisecure_language", "value": language, "url": live_server.url}])
        contexts.append(context)
        tab = Tab(context.new_page(), live_server.url, playwright_axe.Axe())
        tab.page.on("console", lambda message: note_policy(tab, message))
        tab.page.on("pageerror", lambda error: tab.faults.append(f"script error: {error}"))
        return tab

    yield make
    for context in contexts:
        context.close()
