"""A browser tab on the hospital that remembers everything wrong with what it showed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from medisecure.accounts.models import User
from tests.cast import PASSWORD

PHONE, DESKTOP = 390, 1280
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Tab:
    """One browser tab on the hospital, and everything that was wrong with what it showed."""

    page: Any
    base: str
    axe: Any
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        answer = self.page.goto(self.base + path)
        assert answer.status < 400, f"{path}: {answer.status}"

    def check(self, name: str) -> None:
        """No serious violation, nothing wider than the window, nothing that the policy refused."""
        for found in self.axe.run(self.page).response["violations"]:
            if found["impact"] in ("serious", "critical"):
                where = "; ".join(str(node["target"]) for node in found["nodes"][:3])
                self.faults.append(f"{name}: {found['id']} ({found['impact']}): {where}")
        if (wider := self.page.evaluate(OVERFLOW)) > 0:
            self.faults.append(f"{name}: {wider} px wider than the window")

    def visit(self, path: str) -> None:
        self.open(path)
        self.check(path)

    def sign_in(self, user: User) -> None:
        self.open("/accounts/login/")
        self.page.fill("[name=login]", user.email)
        self.page.fill("[name=password]", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda url: "/accounts/login/" not in url)


NewTab = Callable[..., Tab]


def note_policy(tab: Tab, message: Any) -> None:
    if "Content Security Policy" in message.text:
        tab.faults.append(f"{tab.page.url}: {message.text[:200]}")
